// SPDX-License-Identifier: Apache-2.0
#include "common/clock.h"

namespace rmq {

namespace {

template <class TimePoint>
std::int64_t to_ms(TimePoint time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

std::int64_t SystemClock::now_ms() const {
    return to_ms(std::chrono::system_clock::now());
}

std::int64_t SystemClock::monotonic_ms() const {
    return to_ms(std::chrono::steady_clock::now());
}

}  // namespace rmq
