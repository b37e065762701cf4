// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "common/service_thread.h"
#include "common/unique_function.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace rmq::broker {

// The thread of everything periodic that may wait for the disk: persisting tables, expiring
// clients, sampling statistics, registering. Jobs run one after another.
// Lifecycle: construct, add all jobs, start(), stop(). Thread safety: none but hurry(), main's
// thread; a job runs on the maintenance thread.
class Maintenance {
public:
    explicit Maintenance(const Clock& clock) : clock_(clock) {}
    Maintenance(const Maintenance&) = delete;
    Maintenance& operator=(const Maintenance&) = delete;

    // `job` first runs one period after start().
    void every(std::chrono::milliseconds period, UniqueFunction<void()> job);
    // As every(), and also as soon as possible after each hurry().
    void promptly(std::chrono::milliseconds period, UniqueFunction<void()> job);
    // Thread safety: any thread.
    void hurry();
    void start();
    // Waits for the job that runs now. Idempotent.
    void stop() { thread_.stop(); }

private:
    struct Job {
        std::int64_t period_ms = 0;
        std::int64_t next_ms = 0;
        UniqueFunction<void()> run;
        bool is_prompt = false;
    };

    std::int64_t run_due();

    const Clock& clock_;
    std::vector<Job> jobs_;
    std::atomic<bool> is_hurried_{false};
    ServiceThread thread_{"broker-maint"};
};

}  // namespace rmq::broker
