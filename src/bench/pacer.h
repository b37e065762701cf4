// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace rmq::bench {

// When the requests of an open loop are due: number i at start + i / rate, whatever happened to
// those before it. Latency is counted from then, so that a server which stalls is charged for every
// request that it kept waiting, also for those that were not even written meanwhile.
// A value; reads no clock.
class Pacer {
public:
    // `per_second` is at least 1.
    Pacer(std::int64_t per_second, std::int64_t start_ns)
        : per_second_(per_second), start_ns_(start_ns) {}

    bool is_due(std::int64_t now_ns) const { return next_due_ns() <= now_ns; }
    // When the next request is due.
    std::int64_t next_due_ns() const;
    // Takes the next request: the time at which it was to be sent.
    std::int64_t take();

private:
    std::int64_t per_second_;
    std::int64_t start_ns_;
    std::int64_t taken_ = 0;
};

}  // namespace rmq::bench
