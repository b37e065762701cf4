// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/pop/pop_queue.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <string_view>

namespace rmq::broker {

// How many popped messages of each queue are neither acknowledged nor revived. Only in memory:
// what was popped before `start_ms` (this start of the broker) does not count.
// Thread safety: any thread. Source: PopInflightMessageCounter.
class PopInflightCounter {
public:
    explicit PopInflightCounter(std::int64_t start_ms) : start_ms_(start_ms) {}

    void increment(const PopQueue& queue, std::int64_t count) {
        if (count > 0) {
            const std::lock_guard lock(mutex_);
            counts_[queue] += count;
        }
    }
    void decrement(const PopQueue& queue, std::int64_t pop_time, std::int64_t count) {
        if (pop_time < start_ms_) {
            return;
        }
        const std::lock_guard lock(mutex_);
        const auto found = counts_.find(queue);
        if (found != counts_.end() && (found->second -= count) <= 0) {
            counts_.erase(found);
        }
    }
    void clear(const PopQueue& queue) {
        const std::lock_guard lock(mutex_);
        counts_.erase(queue);
    }
    void clear_topic(std::string_view topic) {
        const std::lock_guard lock(mutex_);
        std::erase_if(counts_, [&](const auto& entry) { return entry.first.topic == topic; });
    }
    void clear_group(std::string_view group) {
        const std::lock_guard lock(mutex_);
        std::erase_if(counts_, [&](const auto& entry) { return entry.first.group == group; });
    }
    std::int64_t count(const PopQueue& queue) const {
        const std::lock_guard lock(mutex_);
        const auto found = counts_.find(queue);
        return found == counts_.end() ? 0 : std::max<std::int64_t>(0, found->second);
    }

private:
    const std::int64_t start_ms_;
    mutable std::mutex mutex_;
    std::map<PopQueue, std::int64_t> counts_;  // guarded by mutex_
};

}  // namespace rmq::broker
