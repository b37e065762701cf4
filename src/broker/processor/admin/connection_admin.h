// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/processor/admin/admin_handler.h"
#include "common/result.h"
#include "remoting/request_registry.h"

namespace rmq::store {
class MessageStore;
}

namespace rmq::broker {

struct BrokerConfig;
class Broker2Client;
class ConsumerManager;
class ConsumerOffsetManager;
class ProducerManager;
class SubscriptionGroupManager;
class TopicConfigManager;

// Who is connected, and questions relayed to them: 203, 204, 223, 300, 307, 309, 328, 343, 345.
// Thread safety: handlers run on network threads except 300, 309 and 343 (blocking pool).
// Source: AdminBrokerProcessor (5.5.0).
class ConnectionAdmin {
public:
    struct Parts {
        const BrokerConfig& config;
        ConsumerManager& consumers;
        ProducerManager& producers;
        ConsumerOffsetManager& offsets;
        TopicConfigManager& topics;
        SubscriptionGroupManager& groups;
        store::MessageStore& store;
        Broker2Client& to_clients;
    };

    // The parts outlive this object.
    explicit ConnectionAdmin(const Parts& parts) : parts_(parts) {}

    void register_in(RequestRegistry& registry, const AdminQueue& queue);

private:
    Result<Response> get_consumer_connections(const Request& request);
    Result<Response> get_producer_connections(const Request& request);
    Result<Response> get_all_producers(const Request& request);
    Result<Response> query_topic_consume_by_who(const Request& request);
    Result<Response> query_topics_by_consumer(const Request& request);
    Result<Response> query_subscription(const Request& request);
    void get_consumer_status(const Request& request, Responder responder);
    void get_consumer_running_info(const Request& request, Responder responder);
    void consume_message_directly(const Request& request, Responder responder);

    const Parts parts_;
};

}  // namespace rmq::broker
