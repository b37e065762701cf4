// SPDX-License-Identifier: Apache-2.0
#include "broker/transaction/half_message.h"

#include "broker/topic/topic_validator.h"
#include "common/message/message_properties.h"
#include "common/parse_number.h"

namespace rmq::broker {

void rewrite_as_half(std::string_view unique_key, store::MessageToPut& message,
                     std::string& properties) {
    if (!unique_key.empty()) {
        set_property(properties, property::kTransactionId, unique_key);
    }
    set_property(properties, property::kRealTopic, message.topic);
    set_property(properties, property::kRealQueueId, std::to_string(message.queue_id));
    message.topic = topic_name::kTransHalf;
    message.queue_id = kHalfQueue;
    message.sys_flag &= ~sys_flag::kTransactionMask;
}

std::optional<RealTarget> real_target(std::string_view properties) {
    const auto topic = find_property(properties, property::kRealTopic);
    const auto queue = find_property(properties, property::kRealQueueId);
    const auto queue_id = queue ? parse_java_number<std::int32_t>(*queue) : std::nullopt;
    if (!topic || !queue_id) {
        return std::nullopt;
    }
    return RealTarget{*topic, *queue_id};
}

std::string committed_properties(std::string_view half_properties) {
    std::string properties(half_properties);
    remove_property(properties, property::kRealTopic);
    remove_property(properties, property::kRealQueueId);
    return properties;
}

std::int64_t immunity_ms(std::string_view seconds, std::int64_t timeout_ms) {
    const auto number = parse_java_number<std::int64_t>(seconds);
    std::int64_t ms = 0;
    if (!number || *number == -1 || __builtin_mul_overflow(*number, std::int64_t{1000}, &ms)) {
        return timeout_ms;
    }
    return ms;
}

std::string encode_for_check(const MessageRecord& half, const RealTarget& target,
                             const NewPlace& place, std::string_view properties) {
    MessageRecord record = half;
    set_topic(record, target.topic);
    record.queue_id = target.queue_id;
    record.queue_offset = place.queue_offset;
    record.physical_offset = place.physical_offset;
    record.properties = properties;
    return encode_message(record);
}

}  // namespace rmq::broker
