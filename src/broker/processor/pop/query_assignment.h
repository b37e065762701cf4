// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/request_registry.h"

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace rmq {
struct MessageQueue;
struct QueryAssignmentRequestBody;
struct MessageRequestModeSetting;
}  // namespace rmq

namespace rmq::broker {

struct BrokerConfig;
class ConsumerManager;
class MessageRequestModeManager;
class SubscriptionGroupManager;
class TopicConfigManager;
class TopicRouteInfoManager;

// QUERY_ASSIGNMENT (400), SET_MESSAGE_REQUEST_MODE (401) and GET_ALL_MESSAGE_REQUEST_MODE (402):
// balancing of a group's queues by the broker instead of the clients.
// Thread safety: any io thread; 400 answers from wherever the route becomes known.
// Source: QueryAssignmentProcessor.
class QueryAssignmentProcessor {
public:
    struct Collaborators {
        const BrokerConfig& config;
        TopicConfigManager& topics;
        SubscriptionGroupManager& groups;
        ConsumerManager& consumers;
        TopicRouteInfoManager& routes;
        MessageRequestModeManager& modes;
    };

    explicit QueryAssignmentProcessor(Collaborators collaborators) : c_(collaborators) {}
    QueryAssignmentProcessor(const QueryAssignmentProcessor&) = delete;
    QueryAssignmentProcessor& operator=(const QueryAssignmentProcessor&) = delete;

    void query_assignment(const Request& request, Responder responder);
    void set_message_request_mode(const Request& request, Responder responder);
    void get_all_message_request_mode(const Request& request, Responder responder);

private:
    using Queues = std::optional<std::set<MessageQueue>>;

    MessageRequestModeSetting mode_of(const QueryAssignmentRequestBody& request) const;
    // Nothing: the client keeps what it has.
    Queues balance(const QueryAssignmentRequestBody& request,
                   const MessageRequestModeSetting& setting, const Queues& all) const;

    const Collaborators c_;
};

}  // namespace rmq::broker
