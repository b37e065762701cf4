// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "common/socket_address.h"
#include "remoting/protocol/body/topic_config.h"
#include "remoting/protocol/header/send_message.h"
#include "remoting/request_registry.h"
#include "store/put_message.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace rmq::store {
class MessageStore;
struct MessageStoreConfig;
}  // namespace rmq::store

namespace rmq::broker {

struct BrokerConfig;
struct SendProperties;
class BrokerStatsManager;
class RebalanceLockManager;
class ScheduleRewrite;
class SubscriptionGroupManager;
class TopicConfigManager;
class TransactionalMessageService;

// SEND_MESSAGE (10), SEND_MESSAGE_V2 (310) and SEND_BATCH_MESSAGE (320): checks, rewrites the
// properties, appends on the calling io thread and answers at once, or with SYNC_FLUSH when the
// flush reached the message.
// Thread safety: process() from any io thread; holds no state but references.
// Source: SendMessageProcessor.
class SendMessageProcessor {
public:
    // Everything outlives the processor.
    struct Collaborators {
        const BrokerConfig& config;
        const store::MessageStoreConfig& store_config;
        store::MessageStore& store;
        TopicConfigManager& topics;
        SubscriptionGroupManager& groups;
        RebalanceLockManager& locks;
        TransactionalMessageService& transactions;
        BrokerStatsManager& stats;
        const Clock& clock;
        const ScheduleRewrite& schedule;
        SocketAddress store_host;  // brokerIP1:listenPort
    };

    explicit SendMessageProcessor(Collaborators collaborators);
    SendMessageProcessor(const SendMessageProcessor&) = delete;
    SendMessageProcessor& operator=(const SendMessageProcessor&) = delete;

    void process(const Request& request, Responder responder);

private:
    struct Send;   // one request on its way, on the stack
    struct Reply;  // what its answer needs, once it is stored

    SendProperties take_properties(const Send& send) const;
    void send_message(Send& send, Responder responder);
    void send_batch(Send& send, Responder responder);
    void send_inner_batch(Send& send, std::size_t messages, Responder responder);
    // False: answered already.
    static void handle_priority(Send& send, const SendProperties& found);
    static void handle_lite_topic(const Send& send, const SendProperties& found);
    bool handle_retry_and_dlq(Send& send, Responder& responder);
    bool handle_schedule(Send& send, const SendProperties& properties, Reply& reply,
                         Responder& responder);
    bool may_be_scheduled(const Send& send, const SendProperties& properties, Responder& responder);
    void append_and_reply(Send& send, const SendProperties& properties, Responder responder);
    void reply_put_result(const store::PutMessageResult& result, Reply reply, Responder responder,
                          bool waits);
    void count(const Send& send, const store::PutMessageResult& result) const;

    Response make_response() const;
    void refuse(Responder& responder, ResponseCode code, std::string remark) const;
    void refuse(Responder& responder, store::PutMessageStatus status) const;

    const Collaborators c_;
};

}  // namespace rmq::broker
