// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/pop/pop_check_point.h"
#include "common/clock.h"
#include "common/socket_address.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace rmq {
struct MessageRecord;
}

namespace rmq::store {
struct MessageToPut;
}

namespace rmq::broker {

struct BrokerConfig;
class BrokerStatsManager;
class ConsumerOffsetManager;
class PopInflightCounter;
class PopReviveLog;
class PopStore;
class SubscriptionGroupManager;
class TopicConfigManager;

// Puts what was popped and not acknowledged in time into the group's retry topic: reads each queue
// of the revive topic, matches acknowledgements with check points, and revives the rest of a check
// point once everything delivered up to two seconds after its end was read.
// The group's position in a revive queue is the last record that is done with, so that after a
// crash what was open is read again; messages revived shortly before may be revived twice.
// Thread safety: run_once() on one thread; the reading members on any.
// Source: PopReviveService (5.5.0), which has a thread for each queue and reads again from the
// position in each round.
class PopReviveService {
public:
    struct Collaborators {
        const BrokerConfig& config;
        const Clock& clock;
        PopStore& store;
        const PopReviveLog& log;
        TopicConfigManager& topics;
        SubscriptionGroupManager& groups;
        ConsumerOffsetManager& offsets;
        PopInflightCounter& inflight;
        BrokerStatsManager& stats;
        SocketAddress host;  // brokerIP1:listenPort
    };
    explicit PopReviveService(Collaborators collaborators);
    PopReviveService(const PopReviveService&) = delete;
    PopReviveService& operator=(const PopReviveService&) = delete;

    // One round over all queues, bounded. May block on the disk. Returns whether there is more to
    // read at once.
    bool run_once();

    // Check points that wait for their end, of all queues.
    std::int64_t pending_count() const { return pending_.load(std::memory_order_relaxed); }

private:
    struct Queue {
        std::int32_t id = 0;
        std::optional<std::int64_t> next{};                      // to be read
        std::int64_t end_ms = 0;                                 // what was due by then was read
        std::map<std::int64_t, PopCheckPoint> points{};          // by offset of their record
        std::unordered_map<std::string, std::int64_t> by_key{};  // merge key to that
    };

    bool run_queue(Queue& queue);
    void follow_position(Queue& queue) const;
    bool read(Queue& queue);
    void absorb(Queue& queue, const MessageRecord& record) const;
    void add_point(Queue& queue, std::int64_t offset, std::string_view body) const;
    void add_ack(Queue& queue, std::string_view body, bool is_batch) const;
    void count_read(const Queue& queue, std::string_view group, std::string_view topic,
                    bool is_check_point) const;
    void revive_ended(Queue& queue) const;
    void commit(const Queue& queue) const;
    void forget(Queue& queue, std::map<std::int64_t, PopCheckPoint>::iterator point) const;

    // False: the store takes nothing now, the rest is to be tried again.
    bool revive(PopCheckPoint& point, std::int32_t revive_qid) const;
    bool is_wanted(const PopCheckPoint& point) const;
    bool revive_message(const PopCheckPoint& point, std::int32_t index) const;
    std::int32_t prepare_retry_topic(const PopCheckPoint& point, const std::string& topic) const;
    bool put_retry(const PopCheckPoint& point, const MessageRecord& record) const;
    std::string retry_topic_of(const PopCheckPoint& point) const;
    bool put_again(const PopCheckPoint& point, std::int64_t offset, std::int32_t revive_qid) const;

    const Collaborators c_;
    std::vector<Queue> queues_;
    std::atomic<std::int64_t> pending_{0};
};

}  // namespace rmq::broker
