// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace rmq {

// Time as the program sees it; the only place that reads the system's clocks. Thread safety: all
// implementations may be called from any thread.
class Clock {
public:
    virtual ~Clock() = default;

    // Milliseconds since the Unix epoch, UTC. May step backwards.
    virtual std::int64_t now_ms() const = 0;
    // Milliseconds from an arbitrary start; never steps backwards. For timeouts and intervals.
    virtual std::int64_t monotonic_ms() const = 0;
};

class SystemClock final : public Clock {
public:
    std::int64_t now_ms() const override;
    std::int64_t monotonic_ms() const override;
};

// A clock that tests move by hand. Both readings advance together.
class ManualClock final : public Clock {
public:
    explicit ManualClock(std::int64_t start_ms = 1'700'000'000'000) : now_ms_(start_ms) {}

    std::int64_t now_ms() const override { return now_ms_.load(); }
    std::int64_t monotonic_ms() const override { return now_ms_.load(); }
    void advance_ms(std::int64_t by) { now_ms_ += by; }
    void set_ms(std::int64_t to) { now_ms_ = to; }

private:
    std::atomic<std::int64_t> now_ms_;
};

}  // namespace rmq
