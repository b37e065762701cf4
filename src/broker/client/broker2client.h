// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/protocol/response.h"
#include "remoting/responder.h"

#include <string>
#include <string_view>

namespace rmq::store {
class MessageStore;
}

namespace rmq::broker {

struct BrokerConfig;
class ConsumerManager;
class ConsumerOffsetManager;
class TopicConfigManager;

// Requests that the broker makes of consumers over the connections of their heartbeats.
// Thread safety: any thread. Answers of clients arrive on their connections' io threads.
// Source: Broker2Client, AdminBrokerProcessor.callConsumer (5.5.0).
class Broker2Client {
public:
    struct ResetOffset {
        std::string_view topic;
        std::string_view group;
        std::int64_t timestamp = -1;  // -1: the end
        bool is_force = false;        // also forwards
    };

    // The collaborators outlive this object.
    Broker2Client(const BrokerConfig& config, ConsumerManager& consumers,
                  TopicConfigManager& topics, ConsumerOffsetManager& offsets,
                  store::MessageStore& store);

    // Tells every member of the group where to consume on (220, oneway), in the form that its
    // language reads, and returns the answer to 222. Blocks on the store.
    Response reset_offset(const ResetOffset& wish);

    // Asks the members (only `client_id` unless empty) where they are (221) and answers 223 when
    // all have answered or 5 s have passed.
    void get_consume_status(std::string_view topic, std::string_view group,
                            std::string_view client_id, Responder responder);

    // Relays a request to one member and its answer back: 307 and 309.
    void call_consumer(std::string_view group, std::string_view client_id,
                       const OutboundCommand& command, Responder responder);

private:
    const BrokerConfig& config_;
    ConsumerManager& consumers_;
    TopicConfigManager& topics_;
    ConsumerOffsetManager& offsets_;
    store::MessageStore& store_;
};

}  // namespace rmq::broker
