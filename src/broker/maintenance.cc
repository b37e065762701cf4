// SPDX-License-Identifier: Apache-2.0
#include "broker/maintenance.h"

#include <algorithm>
#include <utility>

namespace rmq::broker {

void Maintenance::every(std::chrono::milliseconds period, UniqueFunction<void()> job) {
    jobs_.push_back({period.count(), 0, std::move(job)});
}

void Maintenance::start() {
    const auto now_ms = clock_.monotonic_ms();
    for (auto& job : jobs_) {
        job.next_ms = now_ms + job.period_ms;
    }
    thread_.start([this] { return run_due(); });
}

// Milliseconds until the next job.
std::int64_t Maintenance::run_due() {
    constexpr std::int64_t kLongestWaitMs = 60'000;
    std::int64_t wait_ms = kLongestWaitMs;
    for (auto& job : jobs_) {
        if (clock_.monotonic_ms() >= job.next_ms) {
            job.run();
            job.next_ms = clock_.monotonic_ms() + job.period_ms;
        }
        wait_ms = std::min(wait_ms, job.next_ms - clock_.monotonic_ms());
    }
    return std::max<std::int64_t>(wait_ms, 0);
}

}  // namespace rmq::broker
