// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

namespace rmq {

// A copy-on-write value: readers take a reference-counted snapshot without waiting for writers, a
// writer copies, changes and publishes. For tables read on every request and changed rarely.
// Thread safety: all members may be called from any thread; writers are serialised.
template <class T>
class Snapshot {
public:
    Snapshot() : current_(std::make_shared<const T>()) {}
    explicit Snapshot(T initial) : current_(std::make_shared<const T>(std::move(initial))) {}

    std::shared_ptr<const T> get() const { return current_.load(std::memory_order_acquire); }

    // Calls change(T&) on a copy and publishes the copy. Returns what `change` returns.
    template <class Change>
    auto update(Change&& change) {
        std::lock_guard lock(write_mutex_);
        auto copy = std::make_shared<T>(*current_.load(std::memory_order_relaxed));
        if constexpr (std::is_void_v<decltype(change(*copy))>) {
            change(*copy);
            current_.store(std::move(copy), std::memory_order_release);
        } else {
            auto result = change(*copy);
            current_.store(std::move(copy), std::memory_order_release);
            return result;
        }
    }

private:
    std::mutex write_mutex_;
    std::atomic<std::shared_ptr<const T>> current_;
};

}  // namespace rmq
