// SPDX-License-Identifier: Apache-2.0
#include "broker/lite/lite_metadata.h"

#include "broker/broker_config.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/topic/topic_config_manager.h"
#include "common/parse_number.h"
#include "remoting/protocol/body/subscription_group_config.h"
#include "remoting/protocol/body/topic_config.h"

#include <algorithm>

namespace rmq::broker {

namespace {

using Attributes = std::map<std::string, std::string>;

std::optional<std::string> attribute(const Attributes& attributes, const char* name) {
    const auto found = attributes.find(name);
    return found == attributes.end() ? std::nullopt : std::optional(found->second);
}

// Source: Boolean.parseBoolean.
bool is_true(const Attributes& attributes, const char* name) {
    auto text = attribute(attributes, name).value_or("");
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
    return text == "true";
}

}  // namespace

bool is_lite_topic(const TopicConfig& topic) {
    return attribute(topic.attributes, "message.type") == "LITE";
}

std::int32_t lite_topic_expiration(const TopicConfig& topic) {
    const auto text = attribute(topic.attributes, "lite.topic.expiration");
    return text && is_lite_topic(topic) ? parse_java_number<std::int32_t>(*text).value_or(-1) : -1;
}

std::optional<std::string> lite_bind_topic(const SubscriptionGroupConfig& group) {
    return attribute(group.attributes, "lite.bind.topic");
}

std::shared_ptr<const TopicConfig> LiteMetadata::topic(std::string_view name) const {
    return topics_.select(name);
}

std::shared_ptr<const SubscriptionGroupConfig> LiteMetadata::group(std::string_view name) const {
    return groups_.find(name);
}

bool LiteMetadata::is_lite_topic(std::string_view name) const {
    const auto config = topics_.select(name);
    return config != nullptr && broker::is_lite_topic(*config);
}

bool LiteMetadata::may_consume(std::string_view name) const {
    const auto config = group(name);
    return config != nullptr && config->consume_enable;
}

std::optional<std::string> LiteMetadata::bind_topic(std::string_view name) const {
    const auto config = group(name);
    return config == nullptr ? std::nullopt : lite_bind_topic(*config);
}

bool LiteMetadata::is_exclusive(std::string_view name) const {
    const auto config = group(name);
    return config != nullptr && attribute(config->attributes, "lite.sub.model") == "Exclusive";
}

bool LiteMetadata::resets_when_stolen(std::string_view name) const {
    const auto config = group(name);
    return config != nullptr && is_true(config->attributes, "lite.sub.reset.offset.exclusive");
}

bool LiteMetadata::resets_when_unsubscribed(std::string_view name) const {
    const auto config = group(name);
    return config != nullptr && is_true(config->attributes, "lite.sub.reset.offset.unsubscribe");
}

// Whatever the attribute's value is. Source: isWildcardLiteGroup.
bool LiteMetadata::is_wildcard(std::string_view name) const {
    const auto config = group(name);
    return config != nullptr && config->attributes.contains("lite.sub.wildcard");
}

std::size_t LiteMetadata::client_event_max(std::string_view name) const {
    const auto config = group(name);
    std::int32_t max = 0;
    if (config != nullptr) {
        if (const auto text = attribute(config->attributes, "lite.sub.client.max.event.cnt")) {
            max = parse_java_number<std::int32_t>(*text).value_or(-1);
        }
    }
    return static_cast<std::size_t>(max > 0 ? max : config_.max_client_event_count.get());
}

std::map<std::string, std::int32_t> LiteMetadata::ttl_by_topic() const {
    std::map<std::string, std::int32_t> ttls;
    for (const auto& [name, config] : *topics_.table()) {
        if (broker::is_lite_topic(*config)) {
            ttls[name] = lite_topic_expiration(*config);
        }
    }
    return ttls;
}

std::map<std::string, std::set<std::string>> LiteMetadata::groups_by_topic() const {
    std::map<std::string, std::set<std::string>> groups;
    for (const auto& [name, config] : *groups_.table()) {
        if (const auto topic = lite_bind_topic(*config)) {
            groups[*topic].insert(name);
        }
    }
    return groups;
}

}  // namespace rmq::broker
