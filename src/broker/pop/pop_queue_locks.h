// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/pop/pop_queue.h"

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

namespace rmq::broker {

// Lets one thread at a time move a group's position in a queue. Only locks that are held take
// memory. Who does not get a lock may go on without, and have the listener told of its end.
// Thread safety: any thread. Source: PopMessageProcessor.QueueLockManager.
class PopQueueLocks {
public:
    // Runs without the lock, on the thread that gave it back.
    using ContentionListener = std::function<void(const PopQueue&)>;
    // Before any request is served.
    void set_contention_listener(ContentionListener listener) { listener_ = std::move(listener); }

    // Gives the lock back when it goes; empty when it was not won.
    class Guard {
    public:
        Guard() = default;
        Guard(PopQueueLocks& locks, PopQueue queue) : locks_(&locks), queue_(std::move(queue)) {}
        ~Guard() { release(); }
        Guard(Guard&& other) noexcept
            : locks_(std::exchange(other.locks_, nullptr)), queue_(std::move(other.queue_)) {}
        Guard& operator=(Guard&& other) noexcept {
            if (this != &other) {
                release();
                locks_ = std::exchange(other.locks_, nullptr);
                queue_ = std::move(other.queue_);
            }
            return *this;
        }

        explicit operator bool() const { return locks_ != nullptr; }
        void release() {
            if (auto* const locks = std::exchange(locks_, nullptr)) {
                locks->unlock(queue_);
            }
        }

    private:
        PopQueueLocks* locks_ = nullptr;
        PopQueue queue_;
    };

    Guard try_lock(const PopQueue& queue) {
        const std::lock_guard lock(mutex_);
        return held_.try_emplace(queue, false).second ? Guard(*this, queue) : Guard();
    }
    // Whether it is held now: the listener will then be told when it is given back.
    bool await(const PopQueue& queue) {
        const std::lock_guard lock(mutex_);
        const auto held = held_.find(queue);
        if (held == held_.end()) {
            return false;
        }
        held->second = true;
        return true;
    }
    // Waits for its turn; holders do little but a cold read.
    Guard lock(const PopQueue& queue) {
        std::unique_lock lock(mutex_);
        released_.wait(lock, [&] { return held_.try_emplace(queue, false).second; });
        return {*this, queue};
    }

private:
    void unlock(const PopQueue& queue) {
        bool is_contended = false;
        {
            const std::lock_guard lock(mutex_);
            const auto held = held_.find(queue);
            is_contended = held->second;
            held_.erase(held);
        }
        released_.notify_all();
        if (is_contended && listener_) {
            listener_(queue);
        }
    }

    std::mutex mutex_;
    std::condition_variable released_;
    std::map<PopQueue, bool> held_;  // value: somebody awaits its end; guarded by mutex_
    ContentionListener listener_;
};

}  // namespace rmq::broker
