// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/send_back.h"

#include "broker/admission/admission.h"
#include "broker/broker_config.h"
#include "broker/message_copy.h"
#include "broker/metrics/broker_metrics.h"
#include "broker/processor/delay_rewrite.h"
#include "broker/processor/send_check.h"
#include "broker/response_mapping.h"
#include "broker/stats/broker_stats_manager.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/topic/topic_config_manager.h"
#include "broker/topic/topic_validator.h"
#include "common/log.h"
#include "common/message/message_id.h"
#include "common/message/message_properties.h"
#include "common/message/message_record.h"
#include "common/message/property_order.h"
#include "remoting/protocol/header_codec.h"
#include "store/message_store.h"
#include "store/message_store_config.h"

#include <fmt/core.h>

#include <algorithm>

namespace rmq::broker {
namespace {

constexpr std::int32_t kFirstRetryLevel = 3;  // 10 s

void set_if_absent(std::string& properties, std::string_view name, std::string_view value) {
    if (!find_property(properties, name)) {
        append_property(properties, name, value);
    }
}

// Where a dead letter came from, for readers of gRPC.
void add_dlq_origin(std::string& properties, const MessageRecord& record) {
    const std::string topic(
        find_property(record.properties, property::kRetryTopic).value_or(record.topic));
    const auto unique_key = find_property(record.properties, property::kUniqKey);
    set_property(properties, property::kDlqOriginTopic, topic);
    if (unique_key) {
        set_property(properties, property::kDlqOriginMessageId, *unique_key);
    }
}

}  // namespace

void SendBackProcessor::process(const Request& request, Responder responder) {
    if (c_.store_config.broker_role == store::BrokerRole::SLAVE ||
        c_.store.is_os_page_cache_busy()) {
        responder.send(ResponseCode::SYSTEM_BUSY, kRejectRequest);
        return;
    }
    const auto header = decode_header<ConsumerSendMsgBackRequestHeader>(request.ext());
    if (!header) {
        responder.send(error_response(header.error()));
        return;
    }
    const auto group = c_.groups.find(header->group);
    if (group == nullptr) {
        responder.send(
            ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST,
            fmt::format("subscription group not exist, {} {}", header->group, kSuggestTodo));
        return;
    }
    if ((c_.config.broker_permission & perm::kWrite) == 0) {
        responder.send(
            ResponseCode::NO_PERMISSION,
            fmt::format("the broker[{}] sending message is forbidden", c_.config.broker_ip1));
        return;
    }
    if (group->retry_queue_nums <= 0) {
        responder.send(Response());
        return;
    }
    const auto retry_topic = std::string(topic_name::kRetryPrefix).append(header->group);
    const auto topic = c_.topics.create_in_send_back(
        retry_topic, group->retry_queue_nums, perm::kRead | perm::kWrite,
        header->unit_mode.value_or(false) ? topic_sys_flag::kUnitSub : 0);
    if (topic == nullptr) {
        responder.send(ResponseCode::SYSTEM_ERROR, fmt::format("topic[{}] not exist", retry_topic));
        return;
    }
    if ((topic->perm & perm::kWrite) == 0) {
        responder.send(ResponseCode::NO_PERMISSION,
                       fmt::format("the topic[{}] sending message is forbidden", retry_topic));
        return;
    }
    Order order;
    order.group = header->group;
    order.offset = PhysicalOffset{header->offset};
    order.origin_topic = header->origin_topic;
    order.delay_level = header->delay_level;
    order.retry_queue_nums = group->retry_queue_nums;
    order.max_reconsume_times = group->retry_max_times;
    if (request.command.version >= mq_version::kV3_4_9 && header->max_reconsume_times) {
        order.max_reconsume_times = *header->max_reconsume_times;
    }
    if (!c_.store.is_cold(order.offset)) {
        responder.send(put_back(order));
        return;
    }
    c_.admission.run_blocking(
        std::move(responder), c_.config.wait_time_mills_in_send_queue,
        [this, order = std::move(order)](Responder late) { late.send(put_back(order)); });
}

Response SendBackProcessor::put_back(const Order& order) const {
    const auto failed = [&order] {
        return Response(ResponseCode::SYSTEM_ERROR,
                        fmt::format("look message by offset failed, {}", order.offset.value));
    };
    const auto bytes = c_.store.record_at(order.offset);
    if (!bytes) {
        return failed();
    }
    const auto record = decode_message(bytes->bytes);
    return record ? put_copy(order, *record) : failed();
}

Response SendBackProcessor::put_copy(const Order& order, const MessageRecord& record) const {
    std::string properties(record.properties);
    set_if_absent(properties, property::kRetryTopic, record.topic);
    set_property(properties, property::kWait, "false");
    set_if_absent(properties, property::kOriginMessageId,
                  make_offset_message_id(record.store_host, record.physical_offset));

    const bool is_dlq =
        record.reconsume_times >= order.max_reconsume_times || order.delay_level < 0;
    std::string topic;
    auto copy = message_copy(record);
    copy.queue_id = 0;
    if (is_dlq) {
        topic = std::string(topic_name::kDlqPrefix) + order.group;
        if (c_.topics.create_in_send_back(topic, 1, perm::kRead | perm::kWrite, 0) == nullptr) {
            return Response(ResponseCode::SYSTEM_ERROR, fmt::format("topic[{}] not exist", topic));
        }
        set_property(properties, property::kDelayLevel, "0");
        add_dlq_origin(properties, record);
        copy.topic = topic;
    } else {
        topic = std::string(topic_name::kRetryPrefix) + order.group;
        // The count is a client's; the last level is enough to add to.
        const auto level =
            order.delay_level == 0
                ? kFirstRetryLevel + std::clamp(record.reconsume_times, 0, c_.max_delay_level)
                : order.delay_level;
        set_property(properties, property::kDelayLevel, std::to_string(level));
        const auto target = rewrite_for_delay(level, c_.max_delay_level, topic,
                                              random_queue(order.retry_queue_nums), properties);
        copy.topic = target.topic;
        copy.queue_id = target.queue_id;
    }
    copy.store_host = c_.store_host;
    copy.reconsume_times =
        record.reconsume_times == INT32_MAX ? INT32_MAX : record.reconsume_times + 1;
    order_properties(properties);
    copy.properties = properties;
    const auto result = c_.store.put_message(copy);
    if (result.status != store::PutMessageStatus::PUT_OK) {
        return Response(ResponseCode::SYSTEM_ERROR, store::put_message_status_name(result.status));
    }
    // Source: AbstractSendMessageProcessor.consumerSendMsgBack.
    const auto origin = find_property(properties, property::kRetryTopic).value_or(record.topic);
    c_.stats.on_send_back(order.group, origin);
    c_.stats.on_put({.topic = topic,
                     .queue_id = copy.queue_id,
                     .bytes = result.end.value - result.physical_offset.value});
    if (is_dlq) {
        c_.stats.on_dead_letter(order.group, topic);
        if (auto* const metrics = c_.stats.metrics()) {
            metrics->on_dead_letter(order.group, order.origin_topic
                                                     ? std::string_view(*order.origin_topic)
                                                     : std::string_view());
        }
        log_of("broker").info("send_to_dlq topic={} group={} reconsumeTimes={}", topic, order.group,
                              record.reconsume_times);
    }
    return {};
}

}  // namespace rmq::broker
