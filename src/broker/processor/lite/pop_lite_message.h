// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/pop/pop_poll.h"
#include "broker/pop/pop_queue.h"
#include "common/clock.h"
#include "remoting/request_registry.h"
#include "store/get_message.h"

#include <cstdint>
#include <optional>
#include <string>

namespace rmq::broker {

struct BrokerConfig;
class Admission;
class BrokerStatsManager;
class ConsumerOffsetManager;
class ConsumerOrderInfoManager;
class LiteConsumerLag;
class LiteEventDispatcher;
class LiteMetadata;
class LiteSubscriptionRegistry;
class PopLongPollingService;
class PopQueueLocks;
class PopStore;

// POP_LITE_MESSAGE (200070): hands out messages of the lite topics that a client subscribes to,
// each lite topic in order: it gives no more before what it gave is acknowledged or visible again.
// Without a message it waits, when asked to.
// Thread safety: process() and resume() on the connection's io thread; messages that are not in
// memory are read on a blocking one. Source: PopLiteMessageProcessor (5.5.0).
class PopLiteMessageProcessor {
public:
    // Everything outlives the processor.
    struct Collaborators {
        const BrokerConfig& config;
        const Clock& clock;
        PopStore& store;
        const LiteMetadata& metadata;
        const LiteSubscriptionRegistry& registry;
        LiteEventDispatcher& events;
        LiteConsumerLag& lag;
        ConsumerOffsetManager& offsets;
        ConsumerOrderInfoManager& order_infos;
        PopQueueLocks& locks;
        BrokerStatsManager& stats;
        Admission& admission;
        PopLongPollingService& polling;
    };
    explicit PopLiteMessageProcessor(Collaborators collaborators) : c_(collaborators) {}
    PopLiteMessageProcessor(const PopLiteMessageProcessor&) = delete;
    PopLiteMessageProcessor& operator=(const PopLiteMessageProcessor&) = delete;

    void process(const Request& request, Responder responder);
    // A pop that waited: from the start again.
    void resume(PopPoll poll);

private:
    struct Pop;  // one pass of one request

    void begin(const std::shared_ptr<const OwnedRequest>& request, std::int64_t born_ms,
               Responder responder);
    void execute(Pop& pop, Responder responder);
    // Sets what the header gives, or answers why not.
    std::optional<Response> check(Pop& pop) const;
    void read_all(Pop& pop);
    // False when the queue is not in memory and may not be waited for.
    bool read_queue(Pop& pop, const std::string& name);
    std::int64_t take_offset(const PopQueue& queue) const;
    store::GetMessageResult get(const Pop& pop, const PopQueue& queue, std::int64_t offset) const;
    void take(Pop& pop, const PopQueue& queue, store::GetMessageResult& result) const;
    void note_lag(const Pop& pop, const PopQueue& queue, std::int64_t next_offset) const;
    void answer(Pop& pop, ResponseCode code, Responder responder) const;
    void wait(Pop& pop, Responder responder) const;
    void repeat_blocking(Pop& pop, Responder responder);

    const Collaborators c_;
};

// The counts of one lite topic's answer, one for each of its `messages`, from those of an ordered
// pop. Source: transformOrderCountInfo.
std::string lite_order_counts(const std::string& order_counts, std::size_t messages);

}  // namespace rmq::broker
