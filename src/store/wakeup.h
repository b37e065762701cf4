// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace rmq::store {

// What a service thread sleeps on between turns. A signal that comes while the thread is awake is
// kept, so none is lost; it then costs one atomic exchange and no system call.
// Thread safety: signal() from any thread, wait() from one.
class Wakeup {
public:
    void signal() {
        if (state_.load(std::memory_order_seq_cst) != kSignalled &&
            state_.exchange(kSignalled, std::memory_order_seq_cst) == kAsleep) {
            std::lock_guard lock(mutex_);
            condition_.notify_one();
        }
    }

    // Returns when signalled since the last return, or after `timeout_ms`.
    void wait(std::int64_t timeout_ms);

private:
    enum State : int { kAwake, kAsleep, kSignalled };

    std::atomic<int> state_{kAwake};
    std::mutex mutex_;
    std::condition_variable condition_;
};

}  // namespace rmq::store
