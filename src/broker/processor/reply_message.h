// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "common/socket_address.h"
#include "remoting/protocol/header/send_message.h"
#include "remoting/request_registry.h"
#include "store/put_message.h"

#include <memory>
#include <string>

namespace rmq::store {
class MessageStore;
}

namespace rmq::broker {

struct BrokerConfig;
class BrokerStatsManager;
class ProducerManager;
class TopicConfigManager;

// SEND_REPLY_MESSAGE (324) and SEND_REPLY_MESSAGE_V2 (325): hands a reply to the client that asked
// (REPLY_TO_CLIENT), when that one is connected to this broker, and stores it with
// storeReplyMessageEnable, whether it could be handed over or not. The answer says whether it was
// handed over, and comes when the asking client has answered, or after 10 s.
// Thread safety: process() from any io thread; the rest of a reply runs on the io thread of the
// client that asked. Source: ReplyMessageProcessor (5.5.0).
class ReplyMessageProcessor {
public:
    // Everything outlives the processor.
    struct Collaborators {
        const BrokerConfig& config;
        store::MessageStore& store;
        TopicConfigManager& topics;
        ProducerManager& producers;
        BrokerStatsManager& stats;
        const Clock& clock;
        SocketAddress store_host;  // brokerIP1:listenPort
    };

    explicit ReplyMessageProcessor(const Collaborators& collaborators) : c_(collaborators) {}
    ReplyMessageProcessor(const ReplyMessageProcessor&) = delete;
    ReplyMessageProcessor& operator=(const ReplyMessageProcessor&) = delete;

    void process(const Request& request, Responder responder);

private:
    struct Reply;  // one reply on its way, owning its bytes

    void push(std::unique_ptr<Reply> reply, const SendMessageRequestHeader& header);
    // `failure`: why the client that asked does not have it; empty when it does.
    void finish(std::unique_ptr<Reply> reply, std::string failure);

    const Collaborators c_;
};

}  // namespace rmq::broker
