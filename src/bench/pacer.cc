// SPDX-License-Identifier: Apache-2.0
#include "bench/pacer.h"

namespace rmq::bench {

std::int64_t Pacer::next_due_ns() const {
    constexpr std::int64_t kSecond = 1'000'000'000;
    // Seconds and the rest apart, so that nothing overflows or drifts.
    return start_ns_ + taken_ / per_second_ * kSecond +
           taken_ % per_second_ * kSecond / per_second_;
}

std::int64_t Pacer::take() {
    const std::int64_t due = next_due_ns();
    ++taken_;
    return due;
}

}  // namespace rmq::bench
