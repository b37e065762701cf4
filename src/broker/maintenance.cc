// SPDX-License-Identifier: Apache-2.0
#include "broker/maintenance.h"

#include <algorithm>
#include <utility>

namespace rmq::broker {

void Maintenance::every(std::chrono::milliseconds period, UniqueFunction<void()> job) {
    jobs_.push_back({period.count(), 0, std::move(job)});
}

void Maintenance::promptly(std::chrono::milliseconds period, UniqueFunction<void()> job) {
    jobs_.push_back({period.count(), 0, std::move(job), true});
}

void Maintenance::hurry() {
    is_hurried_ = true;
    thread_.wake();
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
    const bool is_hurried = is_hurried_.exchange(false);
    for (auto& job : jobs_) {
        if (clock_.monotonic_ms() >= job.next_ms || (job.is_prompt && is_hurried)) {
            job.run();
            job.next_ms = clock_.monotonic_ms() + job.period_ms;
        }
        wait_ms = std::min(wait_ms, job.next_ms - clock_.monotonic_ms());
    }
    return std::max<std::int64_t>(wait_ms, 0);
}

}  // namespace rmq::broker
