// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include "bench/histogram.h"
#include "bench/options.h"
#include "bench/process_usage.h"
#include "bench/targets.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace rmq::bench {

// What was measured between warm-up and end. Requests belong to that time when they were to be sent
// in it, however late their answers were; messages when their answers came in it.
struct LoadResult {
    double seconds = 0;
    std::int64_t requests = 0;                      // answered, whatever the answer
    std::int64_t messages = 0;                      // stored, read, received, or routes answered
    std::int64_t sent = 0;                          // messages acknowledged; tail only
    std::map<std::int32_t, std::int64_t> failures;  // by response code
    std::string first_remark;                       // of a failure
    std::int64_t unanswered = 0;  // requests still without an answer seconds after the end
    Histogram latency_ns;         // of requests; tail: of received messages
    ProcessUsage server_before;
    ProcessUsage server_after;
    double client_cpu_seconds = 0;

    std::int64_t failed() const;
};

// A look at a running load, about once a second.
struct LoadProgress {
    double seconds = 0;  // since the start of the measurement; negative while warming up
    double messages_per_second = 0;
    std::int64_t p99_ns = 0;  // of what was answered since the look before
};
using OnProgress = std::function<void(const LoadProgress&)>;

// Runs the load: one thread, one epoll loop, frames made once and patched. `on_progress` may be
// empty. Errors: cannot connect, the server closed a connection, a topic does not exist, no answer
// for a minute; each with its cure.
Result<LoadResult> run_load(const Options& options, const Targets& targets,
                            const OnProgress& on_progress);

}  // namespace rmq::bench
