// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace rmq {

// What a service thread sleeps on between turns. A signal that comes while the thread is awake is
// kept, so none is lost; it then costs one atomic exchange and no system call.
// Thread safety: signal() from any thread, wait() from one.
class Wakeup {
public:
    void signal() {
        // Always a read-modify-write: a plain look at the state first could be reordered before
        // the store that the signal announces, and the sleeper would miss it.
        if (state_.exchange(kSignalled) == kAsleep) {
            std::lock_guard lock(mutex_);
            condition_.notify_one();
        }
    }

    // Returns when signalled since the last return, or after `timeout_ms`; a negative timeout
    // waits for ever.
    void wait(std::int64_t timeout_ms);

private:
    enum State : int { kAwake, kAsleep, kSignalled };

    std::atomic<int> state_{kAwake};
    std::mutex mutex_;
    std::condition_variable condition_;
};

}  // namespace rmq
