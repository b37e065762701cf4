// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "remoting/protocol/body/message_queue.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::broker {

// Which client of a group may consume which queue in order. A lock lives kLockMaxLiveMs after its
// owner last asked for it; it is only in memory, so a restarted broker gives all queues anew.
// Thread safety: any thread; one mutex. Source: RebalanceLockManager.
class RebalanceLockManager {
public:
    static constexpr std::int64_t kLockMaxLiveMs = 60'000;

    explicit RebalanceLockManager(const Clock& clock) : clock_(clock) {}
    RebalanceLockManager(const RebalanceLockManager&) = delete;
    RebalanceLockManager& operator=(const RebalanceLockManager&) = delete;

    // Takes or renews what is free, expired or the client's own; returns the queues it now owns,
    // each once.
    std::vector<MessageQueue> try_lock_batch(std::string_view group,
                                             const std::vector<MessageQueue>& queues,
                                             std::string_view client_id);
    // Gives back what the client owns; the rest is left alone.
    void unlock_batch(std::string_view group, const std::vector<MessageQueue>& queues,
                      std::string_view client_id);
    // No client of the group holds a live lock: the group does not consume in order now.
    bool is_lock_all_expired(std::string_view group) const;
    // Drops locks that expired, so that groups of the past do not stay in memory.
    void remove_expired();

private:
    struct Lock {
        std::string client_id;
        std::int64_t last_update_ms = 0;
    };
    using Locks = std::map<MessageQueue, Lock>;

    bool is_expired(const Lock& lock, std::int64_t now_ms) const {
        return now_ms - lock.last_update_ms > kLockMaxLiveMs;
    }

    const Clock& clock_;
    mutable std::mutex mutex_;
    std::map<std::string, Locks, std::less<>> groups_;  // guarded by mutex_
};

}  // namespace rmq::broker
