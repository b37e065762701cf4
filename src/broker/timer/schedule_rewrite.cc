// SPDX-License-Identifier: Apache-2.0
#include "broker/timer/schedule_rewrite.h"

#include "broker/processor/delay_rewrite.h"
#include "broker/processor/send_properties.h"
#include "broker/topic/topic_validator.h"
#include "common/limits.h"
#include "common/message/message_layout.h"
#include "common/message/message_properties.h"
#include "store/message_store_config.h"

#include <cstdint>
#include <random>

namespace rmq::broker {

using store::PutMessageStatus;

PutMessageStatus ScheduleRewrite::rewrite(std::int32_t sys_flag, ScheduleTarget& target,
                                          std::string& properties) const {
    const auto transaction = sys_flag & sys_flag::kTransactionMask;
    if (transaction != sys_flag::kTransactionNot && transaction != sys_flag::kTransactionCommit) {
        return PutMessageStatus::PUT_OK;
    }
    const auto found = read_properties(properties);
    const auto level = parse_delay_level(found.delay_level);
    if (!level) {
        return PutMessageStatus::MESSAGE_ILLEGAL;
    }
    // A rolled timer message is put again as it is.
    if (target.topic != topic_name::kTimer && found.is_timer()) {
        if (*level > 0) {
            remove_property(properties, property::kTimerDeliverMs);
            remove_property(properties, property::kTimerDelaySec);
            remove_property(properties, property::kTimerDelayMs);
        } else if (!found.has_timer_out) {
            if (const auto status = to_timer(target, properties);
                status != PutMessageStatus::PUT_OK) {
                return status;
            }
        }
    }
    if (*level > 0) {
        const auto waiting = rewrite_for_delay(*level, c_.max_delay_level, target.topic,
                                               target.queue_id, properties);
        target = {waiting.topic, waiting.queue_id};
    }
    return PutMessageStatus::PUT_OK;
}

// Source: HookUtils.transformTimerMessage
PutMessageStatus ScheduleRewrite::to_timer(ScheduleTarget& target, std::string& properties) const {
    if (!c_.config.timer_wheel_enable) {
        return PutMessageStatus::WHEEL_TIMER_NOT_ENABLE;
    }
    const auto found = read_properties(properties);
    const std::int64_t now_ms = c_.clock.now_ms();
    const auto deliver_ms = timer_deliver_ms(found, now_ms);
    if (!deliver_ms) {
        return PutMessageStatus::WHEEL_TIMER_MSG_ILLEGAL;
    }
    if (*deliver_ms <= now_ms) {
        return found.timer_del_unique_key.empty() ? PutMessageStatus::PUT_OK
                                                  : PutMessageStatus::WHEEL_TIMER_MSG_ILLEGAL;
    }
    if (*deliver_ms - now_ms > std::int64_t{c_.config.timer_max_delay_sec} * 1000) {
        return PutMessageStatus::WHEEL_TIMER_MSG_ILLEGAL;
    }
    // The slot before an exact multiple: it is served once its step is over.
    const std::int64_t precision_ms = c_.config.timer_precision();
    const std::int64_t slot_ms = (*deliver_ms - 1) / precision_ms * precision_ms;
    if (is_congested(slot_ms)) {
        return PutMessageStatus::WHEEL_TIMER_FLOW_CONTROL;
    }
    set_property(properties, property::kTimerOutMs, std::to_string(slot_ms));
    set_property(properties, property::kRealTopic, target.topic);
    set_property(properties, property::kRealQueueId, std::to_string(target.queue_id));
    if (properties.size() + kTimerPropertiesReserve >
        static_cast<std::size_t>(limits::kPropertiesMaxBytes)) {
        return PutMessageStatus::PROPERTIES_SIZE_EXCEEDED;
    }
    target = {topic_name::kTimer, 0};
    return PutMessageStatus::PUT_OK;
}

// Refuses above twice the limit, and the more often the nearer to it below.
// Source: TimerMessageStore.isReject, whose odds are the other way round: it refuses most when the
// limit has just been reached.
bool ScheduleRewrite::is_congested(std::int64_t slot_ms) const {
    const std::int64_t limit = c_.config.timer_congest_num_each_slot;
    if (limit == INT32_MAX || !c_.slot_count) {
        return false;
    }
    const std::int64_t count = c_.slot_count(slot_ms);
    if (count <= limit) {
        return false;
    }
    thread_local std::minstd_rand random{std::random_device{}()};
    return count >= limit * 2 ||
           static_cast<std::int64_t>(random() % 1000) * limit < (count - limit) * 1000;
}

}  // namespace rmq::broker
