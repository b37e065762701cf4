// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace rmq::broker {

using Attributes = std::map<std::string, std::string>;

// What values an attribute takes. Source: EnumAttribute, LongRangeAttribute, BooleanAttribute,
// StringAttribute.
enum class AttributeKind { kEnum, kRange, kBoolean, kString };

// One attribute that topics or groups may have. Source: Attribute.
struct AttributeRule {
    std::string_view name;
    AttributeKind kind = AttributeKind::kString;
    bool is_changeable = true;
    std::span<const std::string_view> values{};  // of kEnum
    std::int64_t min = 0;                        // of kRange
    std::int64_t max = 0;
};

// queue.type, cleanup.policy, message.type, reserve.time, …. Source: TopicAttributes (5.5.0).
std::span<const AttributeRule> topic_attribute_rules();
// Source: SubscriptionGroupAttributes (5.5.0).
std::span<const AttributeRule> group_attribute_rules();

// Whether a topic's queues hold batches as one record each (queue.type=BatchCQ).
// Source: QueueTypeUtils.isBatchCq.
bool is_batch_queue(const Attributes& topic_attributes);
// Whether only the newest message of each key is kept (cleanup.policy=COMPACTION).
// Source: CleanupPolicyUtils.isCompaction.
bool is_compaction(const Attributes& topic_attributes);

// "+k=v,-k" to {"+k":"v","-k":""}. Errors: kInvalidArgument with the original's words.
// Source: AttributeParser.parseToMap.
Result<Attributes> parse_attributes(std::string_view text);

// What `current` becomes by `changes`, whose keys begin with + or -; `is_new` allows only +.
// Errors: kInvalidArgument with the original's words. Source: AttributeUtil.
Result<Attributes> alter_attributes(bool is_new, std::span<const AttributeRule> rules,
                                    const Attributes& current, const Attributes& changes);

}  // namespace rmq::broker
