// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/config_file.h"
#include "broker/pop/pop_queue.h"
#include "common/clock.h"
#include "common/result.h"

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::broker {

// What an ordered pop handed out of one queue. Source: QueueLevelConsumerManager.OrderInfo.
struct OrderInfo {
    std::int64_t pop_time = 0;
    std::int64_t invisible_time = 0;                    // 0: unknown, from old files
    std::vector<std::int64_t> offsets{};                // absolute; differences in the file
    std::map<std::int64_t, std::int64_t> visible_at{};  // changed invisible times, by offset
    std::map<std::int64_t, std::int32_t> consumed{};    // earlier tries, by offset; none: 0
    std::int64_t last_consume_ms = 0;
    std::uint64_t acked_bits = 0;  // bit i: offsets[i]
    std::string attempt_id{};      // empty: none

    bool is_acked(std::size_t index) const { return (acked_bits >> index & 1U) != 0; }
    // When this message may be handed out again.
    std::int64_t visible_ms(std::size_t index) const;
    // When nothing of it keeps the queue blocked: at most `now_ms` when nothing does now.
    std::int64_t free_ms(std::int64_t now_ms) const;
    // The first that is not acknowledged, or the one behind the last.
    std::int64_t next_offset() const;
};

// Ordered pops of each group and queue: a queue gives nothing while a message handed out before is
// neither acknowledged nor visible again. config/consumerOrderInfo.json.
// Thread safety: any thread; one mutex. Callers hold the queue's PopQueueLock around what belongs
// together. Durability: written by run_once() and at shutdown; a crash in between lets a queue give
// its messages again, in order. Source: QueueLevelConsumerManager (5.5.0).
class ConsumerOrderInfoManager {
public:
    // `path` is <store>/config/consumerOrderInfo.json. `clock` outlives the manager.
    ConsumerOrderInfoManager(std::string path, const Clock& clock);
    ConsumerOrderInfoManager(const ConsumerOrderInfoManager&) = delete;
    ConsumerOrderInfoManager& operator=(const ConsumerOrderInfoManager&) = delete;

    // No file is a first start. Errors: kMalformed, kIo, kPermissionDenied.
    Status load();

    // A repeated attempt may have the same messages again.
    bool is_blocked(const PopQueue& queue, std::string_view attempt_id,
                    std::int64_t invisible_time);

    struct Pop {
        std::string_view attempt_id;
        std::int64_t pop_time = 0;
        std::int64_t invisible_time = 0;
        std::span<const std::int64_t> offsets;  // ascending, at least one, at most 64
    };
    // Notes what was handed out and appends each message's count of earlier tries to
    // `order_count_info`.
    void update(const PopQueue& queue, const Pop& pop, std::string& order_count_info);

    // An acknowledgement. Source: commitAndNext.
    enum class Commit { kCommitted, kUnknownOffset, kOtherPop };
    struct Committed {
        Commit outcome = Commit::kCommitted;
        std::int64_t next_offset = 0;  // the group's new position
    };
    Committed commit(const PopQueue& queue, std::int64_t offset, std::int64_t pop_time);
    // Ignored unless it is of the last pop.
    void set_visible_at(const PopQueue& queue, std::int64_t offset, std::int64_t pop_time,
                        std::int64_t visible_ms);
    // The queue is free from `visible_ms` on, and what was handed out last counts no try. Ignored
    // unless it is of the last pop. Source: MemoryConsumerOrderInfoManager.suspendQueue.
    void suspend(const PopQueue& queue, std::int64_t pop_time, std::int64_t visible_ms);
    void clear_block(const PopQueue& queue);
    std::size_t size() const;

    // Queues that were blocked and are not any more, each once.
    std::vector<PopQueue> take_freed();

    // Drops what is of no use: `is_known` tells whether the queue and the group still exist.
    // Source: autoClean.
    void clean(const std::function<bool(const PopQueue&)>& is_known);
    // Syncs what changed since the last turn. May block on the disk.
    Status run_once() { return file_.sync(); }

private:
    std::string encode() const;
    // With mutex_ held.
    void changed(const PopQueue& queue, const OrderInfo& info);

    const Clock& clock_;
    mutable std::mutex mutex_;
    std::map<PopQueue, OrderInfo> infos_;       // guarded by mutex_
    std::map<PopQueue, std::int64_t> free_at_;  // blocked ones; guarded by mutex_
    std::int64_t next_free_ms_ = INT64_MAX;     // none is freed before; guarded by mutex_
    ConfigFile file_;
};

}  // namespace rmq::broker
