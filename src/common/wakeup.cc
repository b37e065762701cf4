// SPDX-License-Identifier: Apache-2.0
#include "common/wakeup.h"

#include <chrono>

namespace rmq {

void Wakeup::wait(std::int64_t timeout_ms) {
    int awake = kAwake;
    if (state_.compare_exchange_strong(awake, kAsleep)) {
        const auto is_signalled = [this] { return state_.load() == kSignalled; };
        std::unique_lock lock(mutex_);
        if (timeout_ms < 0) {
            condition_.wait(lock, is_signalled);
        } else {
            condition_.wait_for(lock, std::chrono::milliseconds(timeout_ms), is_signalled);
        }
    }
    // An exchange, so that what was written before a signal that comes just now is seen by the
    // turn that follows.
    state_.exchange(kAwake);
}

}  // namespace rmq
