// SPDX-License-Identifier: Apache-2.0
#include "broker/timer/timer_cancels.h"

#include <algorithm>

namespace rmq::broker {

bool TimerCancels::begin(std::int64_t slot_ms, std::string_view key) {
    std::lock_guard lock(mutex_);
    if (slot_ms <= begun_ms_) {
        return false;
    }
    entries_.try_emplace(std::string(key), State::kPending);
    size_.store(entries_.size(), std::memory_order_release);
    return true;
}

void TimerCancels::finish(std::string_view key, bool is_stored) {
    std::lock_guard lock(mutex_);
    const auto it = entries_.find(key);
    if (it == entries_.end()) {
        return;
    }
    if (is_stored) {
        it->second = State::kCancelled;
    } else if (it->second == State::kPending) {
        entries_.erase(it);
    }
    size_.store(entries_.size(), std::memory_order_release);
}

TimerCancels::State TimerCancels::state(std::string_view key) const {
    if (size_.load(std::memory_order_acquire) == 0) {
        return State::kNone;
    }
    std::lock_guard lock(mutex_);
    const auto it = entries_.find(key);
    return it == entries_.end() ? State::kNone : it->second;
}

void TimerCancels::begin_slot(std::int64_t slot_ms) {
    std::lock_guard lock(mutex_);
    begun_ms_ = std::max(begun_ms_, slot_ms);
}

void TimerCancels::taken_in(std::string_view key) {
    if (size_.load(std::memory_order_acquire) == 0) {
        return;
    }
    std::lock_guard lock(mutex_);
    if (const auto it = entries_.find(key); it != entries_.end()) {
        entries_.erase(it);
    }
    size_.store(entries_.size(), std::memory_order_release);
}

}  // namespace rmq::broker
