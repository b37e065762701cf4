// SPDX-License-Identifier: Apache-2.0
#include "broker/topic/attributes.h"

#include "common/parse_number.h"

#include <algorithm>
#include <array>
#include <set>

namespace rmq::broker {

namespace {

constexpr std::int64_t kMax = INT64_MAX;

// In the order in which the original's error text lists them.
constexpr std::array<std::string_view, 2> kQueueTypes{"SimpleCQ", "BatchCQ"};
constexpr std::array<std::string_view, 2> kCleanupPolicies{"DELETE", "COMPACTION"};
constexpr std::array<std::string_view, 8> kMessageTypes{
    "UNSPECIFIED", "MIXED", "TRANSACTION", "PRIORITY", "FIFO", "DELAY", "LITE", "NORMAL"};
constexpr std::array<std::string_view, 2> kLiteSubModels{"Shared", "Exclusive"};

constexpr std::array<AttributeRule, 5> kTopicRules{{
    {"queue.type", AttributeKind::kEnum, false, kQueueTypes},
    {"cleanup.policy", AttributeKind::kEnum, false, kCleanupPolicies},
    {"message.type", AttributeKind::kEnum, true, kMessageTypes},
    {"reserve.time", AttributeKind::kRange, true, {}, -1, kMax},
    {"lite.topic.expiration", AttributeKind::kRange, true, {}, -1, 43200},
}};

constexpr std::array<AttributeRule, 8> kGroupRules{{
    {"priority.factor", AttributeKind::kRange, true, {}, 0, 100},
    {"lite.bind.topic", AttributeKind::kString, true},
    {"lite.sub.model", AttributeKind::kEnum, true, kLiteSubModels},
    {"lite.sub.reset.offset.exclusive", AttributeKind::kBoolean, true},
    {"lite.sub.reset.offset.unsubscribe", AttributeKind::kBoolean, true},
    {"lite.sub.client.quota", AttributeKind::kRange, true, {}, -1, kMax},
    {"lite.sub.client.max.event.cnt", AttributeKind::kRange, true, {}, 10, kMax},
    {"lite.sub.wildcard", AttributeKind::kString, true},
}};

Error invalid_attribute(std::string remark) {
    return Error{Errc::kInvalidArgument, std::move(remark)};
}

Status verify_number(const AttributeRule& rule, const std::string& value) {
    const auto number = parse_number<std::int64_t>(value);
    if (!number) {
        return invalid_attribute("For input string: \"" + value + "\"");
    }
    if (*number < rule.min || *number > rule.max) {
        return invalid_attribute("value is not in range(" + std::to_string(rule.min) + ", " +
                                 std::to_string(rule.max) + ")");
    }
    return {};
}

Status verify_name(const AttributeRule& rule, const std::string& value) {
    if (std::find(rule.values.begin(), rule.values.end(), value) != rule.values.end()) {
        return {};
    }
    std::string names;
    for (const auto name : rule.values) {
        names += (names.empty() ? "" : ", ") + std::string(name);
    }
    return invalid_attribute("value is not in set: [" + names + "]");
}

Status verify_value(const AttributeRule& rule, const std::string& value) {
    switch (rule.kind) {
        case AttributeKind::kEnum:
            return verify_name(rule, value);
        case AttributeKind::kRange:
            return verify_number(rule, value);
        case AttributeKind::kBoolean:
            return value == "true" || value == "false"
                       ? Status()
                       : invalid_attribute("boolean attribute format is wrong.");
        case AttributeKind::kString:
            break;
    }
    return {};
}

}  // namespace

std::span<const AttributeRule> topic_attribute_rules() {
    return kTopicRules;
}

std::span<const AttributeRule> group_attribute_rules() {
    return kGroupRules;
}

bool is_batch_queue(const Attributes& topic_attributes) {
    const auto type = topic_attributes.find("queue.type");
    return type != topic_attributes.end() && type->second == "BatchCQ";
}

bool is_compaction(const Attributes& topic_attributes) {
    const auto policy = topic_attributes.find("cleanup.policy");
    return policy != topic_attributes.end() && policy->second == "COMPACTION";
}

Result<Attributes> parse_attributes(std::string_view text) {
    Attributes attributes;
    while (!text.empty()) {
        const auto comma = text.find(',');
        const std::string_view item = text.substr(0, comma);
        text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
        const auto equals = item.find('=');
        const std::string key(item.substr(0, equals));
        std::string value;
        if (equals == std::string_view::npos) {
            if (key.find('-') == std::string::npos) {
                return invalid_attribute("delete attribute format is wrong: " + key);
            }
        } else {
            const std::string_view rest = item.substr(equals + 1);
            value = std::string(rest.substr(0, rest.find('=')));
            if (key.find('+') == std::string::npos) {
                return invalid_attribute("add/alter attribute format is wrong: " + key);
            }
        }
        if (!attributes.emplace(key, std::move(value)).second) {
            return invalid_attribute("key duplication: " + key);
        }
    }
    return attributes;
}

Result<Attributes> alter_attributes(bool is_new, std::span<const AttributeRule> rules,
                                    const Attributes& current, const Attributes& changes) {
    Attributes result = current;
    std::set<std::string> seen;
    for (const auto& [key, value] : changes) {
        const std::string name = key.empty() ? key : key.substr(1);
        const bool is_addition = key.starts_with('+');
        if (name.empty() || name.find_first_of("+-") != std::string::npos) {
            return invalid_attribute("kv string format wrong.");
        }
        if (!seen.insert(name).second) {
            return invalid_attribute("alter duplication key. key: " + name);
        }
        if (is_new && !is_addition) {
            return invalid_attribute("only add attribute is supported while creating topic. key: " +
                                     name);
        }
        if (!is_addition && !key.starts_with('-')) {
            return invalid_attribute("wrong format key: " + name);
        }
        if (!is_addition && !current.contains(name)) {
            return invalid_attribute("attempt to delete a nonexistent key: " + name);
        }
        const auto rule = std::find_if(rules.begin(), rules.end(), [&](const auto& candidate) {
            return candidate.name == name;
        });
        if (rule == rules.end()) {
            return invalid_attribute("unsupported key: " + name);
        }
        if (!is_new && !rule->is_changeable) {
            return invalid_attribute("attempt to update an unchangeable attribute. key: " + name);
        }
        if (is_addition) {
            RMQ_CHECK(verify_value(*rule, value));
            result[name] = value;
        } else {
            result.erase(name);
        }
    }
    return result;
}

}  // namespace rmq::broker
