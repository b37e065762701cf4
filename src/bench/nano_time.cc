// SPDX-License-Identifier: Apache-2.0
#include "bench/nano_time.h"

#include <ctime>

namespace rmq::bench {

std::int64_t monotonic_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

}  // namespace rmq::bench
