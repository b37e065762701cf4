// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/pop/pop_check_point.h"
#include "broker/pop/pop_queue.h"
#include "common/clock.h"
#include "common/offsets.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace rmq::broker {

struct BrokerConfig;
class ConsumerOffsetManager;
class PopQueueLocks;
class PopReviveLog;
class SubscriptionGroupManager;
class TopicConfigManager;

// Keeps check points on their way to the revive log, and the positions that follow from them.
// Without enablePopBufferMerge a check point is in the log, and the group's position moved, when
// add_check_point() returns. With it, check points wait in memory up to popCkStayBufferTime for
// their acknowledgements, and only those that got not all of them are stored; positions move in
// the order of the pops, once a check point is stored or all acknowledged, so that a crash delivers
// again what was in memory.
// Thread safety: any thread; run_once() and drain() on one. Pops of a queue hold its PopQueueLock
// while they add. Source: PopBufferMergeService (5.5.0).
class PopBufferMergeService {
public:
    struct Collaborators {
        const BrokerConfig& config;
        const Clock& clock;
        const PopReviveLog& log;
        TopicConfigManager& topics;
        SubscriptionGroupManager& groups;
        ConsumerOffsetManager& offsets;
        PopQueueLocks& locks;
    };
    explicit PopBufferMergeService(Collaborators collaborators) : c_(collaborators) {}
    PopBufferMergeService(const PopBufferMergeService&) = delete;
    PopBufferMergeService& operator=(const PopBufferMergeService&) = delete;

    struct Addition {
        bool is_added = false;
        PhysicalOffset end;  // of the stored record; 0 when it is in memory only
    };
    // The group's next pop begins at `next_offset`. Not added: neither stored nor kept, the
    // messages must not be handed out.
    Addition add_check_point(PopCheckPoint point, std::int32_t revive_qid,
                             std::int64_t next_offset);
    // Nothing of what was passed over is to be handed out.
    void add_offset(const PopQueue& queue, std::int64_t next_offset);
    // Whether the acknowledged check point is in memory; else it must go to the log.
    bool add_ack(const AckMsg& ack);
    // Where the last pop that is not committed yet ended.
    std::optional<std::int64_t> latest_offset(const PopQueue& queue) const;
    // After a reset: positions on their way are forgotten.
    void clear_offsets(const PopQueue& queue);

    // Stores, drops and commits what is ready. Costs nothing while nothing is kept.
    void run_once();
    // Before the store closes: everything goes to the log.
    void drain();

    // Kept in memory now.
    std::size_t check_point_count() const;
    std::size_t offset_count() const;
    bool is_empty() const { return size_.load(std::memory_order_relaxed) == 0; }

private:
    struct Kept {
        PopCheckPoint point;
        std::int32_t revive_qid = 0;
        std::int64_t next_offset = 0;
        bool is_stored = false;         // in the log
        std::uint32_t stored_acks = 0;  // bits
        bool is_done() const;           // all acknowledged
        bool is_finished() const;       // stored, and so are its acknowledgements
    };
    using KeptPtr = std::shared_ptr<Kept>;
    // What a scan copies to work on without the lock.
    struct Work {
        std::string key;
        KeptPtr kept;
        PopCheckPoint point;
        bool is_stored = false;
        std::uint32_t new_acks = 0;
    };

    bool keep(PopCheckPoint& point, std::int32_t revive_qid, std::int64_t next_offset);
    void push_offset(const PopQueue& queue, KeptPtr kept);
    std::vector<Work> take_due(std::int64_t now_ms);
    void store(const Work& work);
    std::uint32_t store_acks(const Work& work);
    void commit_offsets();

    const Collaborators c_;
    mutable std::mutex mutex_;
    std::map<std::string, KeptPtr> kept_;                  // by merge key; guarded by mutex_
    std::map<PopQueue, std::deque<KeptPtr>> uncommitted_;  // no empty ones; guarded by mutex_
    bool is_draining_ = false;                             // guarded by mutex_
    std::atomic<std::size_t> size_{0};                     // kept and uncommitted together
};

}  // namespace rmq::broker
