// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/pop/pop_offsets.h"
#include "broker/pop/pop_poll.h"
#include "broker/pop/pop_queue.h"
#include "common/clock.h"
#include "remoting/protocol/extra_info.h"
#include "remoting/request_registry.h"
#include "store/get_message.h"

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

namespace rmq {
struct MessageRecord;
}

namespace rmq::store {
struct MessageStoreConfig;
}

namespace rmq::broker {

struct BrokerConfig;
class Admission;
class BrokerStatsManager;
class ConsumerManager;
class ConsumerOffsetManager;
class ConsumerOrderInfoManager;
class PopBufferMergeService;
class PopInflightCounter;
class PopLongPollingService;
class PopQueueLocks;
class PopStore;
class SubscriptionGroupManager;
class TopicConfigManager;

// POP_MESSAGE (200050): hands out messages of one queue or all, and of the group's retry topic,
// each invisible to others for the time asked. Without one it waits, when asked to.
// Thread safety: process() and resume() on the connection's io thread; messages that are not in
// memory are read on a blocking one. Source: PopMessageProcessor (5.5.0).
class PopMessageProcessor {
public:
    // Everything outlives the processor.
    struct Collaborators {
        const BrokerConfig& config;
        const store::MessageStoreConfig& store_config;
        const Clock& clock;
        PopStore& store;
        TopicConfigManager& topics;
        SubscriptionGroupManager& groups;
        ConsumerManager& consumers;
        ConsumerOffsetManager& offsets;
        ConsumerOrderInfoManager& order_infos;
        BrokerStatsManager& stats;
        Admission& admission;
        PopQueueLocks& locks;
        PopOffsets& positions;
        PopBufferMergeService& buffer;
        PopInflightCounter& inflight;
        PopLongPollingService& polling;
    };
    explicit PopMessageProcessor(Collaborators collaborators) : c_(collaborators) {}
    PopMessageProcessor(const PopMessageProcessor&) = delete;
    PopMessageProcessor& operator=(const PopMessageProcessor&) = delete;

    void process(const Request& request, Responder responder);
    // A pop that waited: from the start again.
    void resume(PopPoll poll);

private:
    struct Pop;  // one pass of one request
    struct Source {
        const std::string& topic;
        std::int32_t queue_id = 0;
    };

    void execute(Pop& pop, Responder responder);
    // Fills topic, group and filter, or gives the refusal.
    std::optional<Response> check(Pop& pop, const Connection& connection) const;
    std::optional<Response> check_subscription(Pop& pop) const;
    void read_all(Pop& pop);
    void read_topic(Pop& pop, const std::string& topic, std::int32_t first) const;
    void read_queue(Pop& pop, const Source& source) const;
    store::GetMessageResult get(const Pop& pop, const PopQueue& queue, std::int64_t& offset) const;
    void take(Pop& pop, const PopQueue& queue, std::int64_t offset,
              store::GetMessageResult& result) const;
    bool note(Pop& pop, const PopQueue& queue, std::int64_t offset,
              const store::GetMessageResult& result) const;
    void pass_over(const Pop& pop, const PopQueue& queue,
                   const store::GetMessageResult& result) const;
    void add_body(Pop& pop, const PopQueue& queue, std::int64_t offset,
                  store::GetMessageResult& result) const;
    void answer(Pop& pop, Responder responder);
    void wait(Pop& pop, Responder responder);
    void repeat_blocking(Pop& pop, Responder responder);

    const Collaborators c_;
    std::atomic<std::uint32_t> next_revive_queue_{0};
};

}  // namespace rmq::broker
