// SPDX-License-Identifier: Apache-2.0
#include "broker/maintenance.h"

#include "common/thread_name.h"

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
    thread_ = std::thread([this] {
        set_thread_name("broker-maint");
        run();
    });
}

void Maintenance::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        wake_.notify_one();
    }
    if (thread_.joinable()) {
        thread_.join();
    }
}

void Maintenance::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        lock.unlock();
        const auto wait_ms = run_due();
        lock.lock();
        wake_.wait_for(lock, std::chrono::milliseconds(wait_ms), [this] { return stopping_; });
    }
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
