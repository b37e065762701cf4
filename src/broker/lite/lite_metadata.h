// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace rmq {
struct SubscriptionGroupConfig;
struct TopicConfig;
}  // namespace rmq

namespace rmq::broker {

struct BrokerConfig;
class SubscriptionGroupManager;
class TopicConfigManager;

// What the attributes of topics and groups say about lite topics. Asking for a group makes it when
// that is allowed, as in the original. Thread safety: any thread. Source: LiteMetadataUtil (5.5.0).
class LiteMetadata {
public:
    // All outlive it.
    LiteMetadata(const BrokerConfig& config, TopicConfigManager& topics,
                 SubscriptionGroupManager& groups)
        : config_(config), topics_(topics), groups_(groups) {}

    // Null when there is none.
    std::shared_ptr<const TopicConfig> topic(std::string_view name) const;
    std::shared_ptr<const SubscriptionGroupConfig> group(std::string_view name) const;

    bool is_lite_topic(std::string_view topic) const;
    bool may_consume(std::string_view group) const;
    // The parent whose lite topics the group reads; nothing for other groups.
    std::optional<std::string> bind_topic(std::string_view group) const;
    // One client of the group at a time subscribes to a lite topic.
    bool is_exclusive(std::string_view group) const;
    bool resets_when_stolen(std::string_view group) const;
    bool resets_when_unsubscribed(std::string_view group) const;
    // Its clients get every lite topic of the parent.
    bool is_wildcard(std::string_view group) const;
    // At least 1.
    std::size_t client_event_max(std::string_view group) const;

    // Minutes that lite topics live after their last message, by parent; -1: for ever.
    std::map<std::string, std::int32_t> ttl_by_topic() const;
    std::map<std::string, std::set<std::string>> groups_by_topic() const;

private:
    const BrokerConfig& config_;
    TopicConfigManager& topics_;
    SubscriptionGroupManager& groups_;
};

// Of attributes. Source: TopicConfig.getTopicMessageType, getLiteTopicExpiration;
// SubscriptionGroupConfig.getLiteBindTopic.
bool is_lite_topic(const TopicConfig& topic);
std::int32_t lite_topic_expiration(const TopicConfig& topic);
std::optional<std::string> lite_bind_topic(const SubscriptionGroupConfig& group);

}  // namespace rmq::broker
