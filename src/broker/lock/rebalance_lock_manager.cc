// SPDX-License-Identifier: Apache-2.0
#include "broker/lock/rebalance_lock_manager.h"

#include <set>

namespace rmq::broker {

std::vector<MessageQueue> RebalanceLockManager::try_lock_batch(
    std::string_view group, const std::vector<MessageQueue>& queues, std::string_view client_id) {
    std::set<MessageQueue> won;
    const auto now = clock_.monotonic_ms();
    const std::lock_guard lock(mutex_);
    auto found = groups_.find(group);
    if (found == groups_.end()) {
        found = groups_.emplace(group, Locks{}).first;
    }
    for (const auto& queue : queues) {
        const auto [position, is_new] =
            found->second.try_emplace(queue, Lock{std::string(client_id), now});
        auto& held = position->second;
        if (is_new || held.client_id == client_id || is_expired(held, now)) {
            held.client_id = client_id;
            held.last_update_ms = now;
            won.insert(queue);
        }
    }
    return {won.begin(), won.end()};
}

void RebalanceLockManager::unlock_batch(std::string_view group,
                                        const std::vector<MessageQueue>& queues,
                                        std::string_view client_id) {
    const std::lock_guard lock(mutex_);
    const auto found = groups_.find(group);
    if (found == groups_.end()) {
        return;
    }
    for (const auto& queue : queues) {
        const auto held = found->second.find(queue);
        if (held != found->second.end() && held->second.client_id == client_id) {
            found->second.erase(held);
        }
    }
    if (found->second.empty()) {
        groups_.erase(found);
    }
}

bool RebalanceLockManager::is_lock_all_expired(std::string_view group) const {
    const auto now = clock_.monotonic_ms();
    const std::lock_guard lock(mutex_);
    const auto found = groups_.find(group);
    if (found == groups_.end()) {
        return true;
    }
    for (const auto& [queue, held] : found->second) {
        if (!is_expired(held, now)) {
            return false;
        }
    }
    return true;
}

void RebalanceLockManager::remove_expired() {
    const auto now = clock_.monotonic_ms();
    const std::lock_guard lock(mutex_);
    for (auto it = groups_.begin(); it != groups_.end();) {
        std::erase_if(it->second, [&](const auto& entry) { return is_expired(entry.second, now); });
        it = it->second.empty() ? groups_.erase(it) : std::next(it);
    }
}

}  // namespace rmq::broker
