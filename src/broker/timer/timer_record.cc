// SPDX-License-Identifier: Apache-2.0
#include "broker/timer/timer_record.h"

#include "broker/processor/send_properties.h"
#include "broker/topic/topic_validator.h"
#include "common/java_string.h"
#include "common/limits.h"
#include "common/message/message_properties.h"
#include "common/message/property_order.h"
#include "common/parse_number.h"

#include <utility>

namespace rmq::broker {

namespace {

// The name becomes that of a directory.
bool is_deliverable(std::string_view topic) {
    return !topic.empty() && topic != topic_name::kTimer && topic.front() != '.' &&
           topic.find('/') == std::string_view::npos &&
           topic.find('\0') == std::string_view::npos &&
           topic.size() <= static_cast<std::size_t>(limits::kRetryTopicMaxChars);
}

}  // namespace

std::optional<TimerRecord> read_timer_record(store::MappedSlice bytes, std::int32_t size) {
    auto decoded = decode_message(bytes.bytes);
    if (!decoded || decoded->total_size != size || decoded->topic != topic_name::kTimer) {
        return std::nullopt;
    }
    TimerRecord record;
    record.bytes = std::move(bytes);
    record.message = *decoded;
    std::optional<std::int64_t> out_ms;
    std::optional<std::int32_t> queue_id;
    PropertyCursor cursor(record.message.properties);
    while (const auto pair = cursor.next()) {
        if (pair->name == property::kTimerOutMs) {
            out_ms = parse_java_number<std::int64_t>(pair->value);
        } else if (pair->name == property::kRealTopic) {
            record.real_topic = pair->value;
        } else if (pair->name == property::kRealQueueId) {
            queue_id = parse_java_number<std::int32_t>(pair->value);
        } else if (pair->name == property::kUniqKey) {
            record.unique_key = pair->value;
        } else if (pair->name == property::kTimerDelUniqueKey) {
            record.delete_key = pair->value;
        }
    }
    // A client may send anything to the topic itself; only what can be delivered is taken.
    if (!out_ms || *out_ms < 0 || !queue_id || *queue_id < 0 ||
        !is_deliverable(record.real_topic)) {
        return std::nullopt;
    }
    record.out_ms = *out_ms;
    record.real_queue_id = *queue_id;
    return record;
}

bool is_unit_of(const store::TimerUnit& unit, const TimerRecord& record) {
    return unit.topic_hash == java_string_hash(record.real_topic) &&
           (unit.is_roll() ? record.out_ms >= unit.slot_time_ms()
                           : record.out_ms == unit.slot_time_ms());
}

std::int64_t exact_due_ms(const TimerRecord& record, std::int64_t precision_ms) {
    const auto wanted = read_properties(record.message.properties);
    const auto due_ms =
        wanted.is_timer() ? timer_deliver_ms(wanted, record.message.store_timestamp) : std::nullopt;
    const std::int64_t end_ms = record.out_ms + precision_ms;
    return due_ms && *due_ms > record.out_ms && *due_ms <= end_ms ? *due_ms : end_ms;
}

std::string delivery_properties(const TimerRecord& record, std::int64_t enqueue_ms,
                                std::int64_t now_ms, bool is_roll) {
    // REAL_TOPIC and REAL_QID stay in the stored text, as the original leaves them there.
    std::string properties(record.message.properties);
    set_property(properties, property::kTimerEnqueueMs, std::to_string(enqueue_ms));
    if (is_roll) {
        const auto before = find_property(properties, property::kTimerRollTimes);
        const auto times = before ? parse_number<std::int32_t>(*before).value_or(0) : 0;
        set_property(properties, property::kTimerRollTimes, std::to_string(times + 1));
    }
    set_property(properties, property::kTimerDequeueMs, std::to_string(now_ms));
    order_properties(properties);
    return properties;
}

}  // namespace rmq::broker
