// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/connection.h"
#include "remoting/protocol/body/subscription_group_config.h"
#include "remoting/protocol/body/topic_config.h"
#include "remoting/protocol/response.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace rmq::broker {

struct BrokerConfig;
class SubscriptionGroupManager;
class TopicConfigManager;

// What a request of the pop family may use, or why it is refused.
struct PopAccess {
    std::shared_ptr<const TopicConfig> topic{};
    std::shared_ptr<const SubscriptionGroupConfig> group{};
    std::optional<Response> refusal{};
};

// The tables that access is decided by; they outlive it.
struct PopAccessTables {
    const BrokerConfig& config;
    TopicConfigManager& topics;
    SubscriptionGroupManager& groups;
};

struct PopAccessRequest {
    std::string_view topic;
    std::string_view group;
    std::int32_t queue_id = 0;  // negative: any
    std::string_view verb;      // as the original's words name it: "pop", "peeking"
};

// Permissions of broker, topic and group, queueId range: what reading by pop, peeking, notification
// and polling info have in common. Source: PopMessageProcessor.processRequest.
PopAccess check_pop_access(const PopAccessTables& tables, const PopAccessRequest& request,
                           const Connection& connection);

// What acknowledging and changing have in common: the topic and exact queue exist.
// Source: AckMessageProcessor.processRequest.
struct PopQueueRequest {
    std::string_view topic;
    std::int32_t queue_id = 0;
};
std::optional<Response> check_pop_queue(TopicConfigManager& topics, const PopQueueRequest& request,
                                        const Connection& connection);

}  // namespace rmq::broker
