// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"
#include "common/socket_address.h"

#include <cstdint>
#include <string>

namespace rmq::bench {

enum class Kind { kSend, kPull };

struct LoadOptions {
    Kind kind = Kind::kSend;
    SocketAddress address;
    std::string topic = "rmq_bench";
    std::int64_t connections = 4;
    std::int64_t in_flight = 64;  // requests unanswered per connection
    std::int64_t body_bytes = 1024;
    std::int64_t queues = 4;  // sends and pulls go to queue 0 … queues-1, at most 9
    std::int64_t pull_batch = 32;
    std::int64_t seconds = 5;
    std::int64_t warm_up_seconds = 1;
    std::int64_t server_pid = 0;  // 0: no CPU figures
};

struct LoadResult {
    std::int64_t requests = 0;
    std::int64_t messages = 0;
    std::int64_t failures =
        0;  // answers other than SUCCESS, and other than "nothing there" of a pull
    double seconds = 0;
    double server_cpu_seconds = 0;  // user and system time of the whole server process
    double client_cpu_seconds = 0;
    std::int64_t latency_p50_us = 0;
    std::int64_t latency_p99_us = 0;
};

// Runs a closed loop: every connection always has `in_flight` requests unanswered. One thread, one
// epoll loop, frames made once and patched. A pull that reaches the end of its queue begins again
// at 0. Errors: cannot connect, the server closed a connection.
Result<LoadResult> run_load(const LoadOptions& options);

// User plus system time of a process so far. Errors: kNotFound.
Result<double> process_cpu_seconds(std::int64_t pid);

}  // namespace rmq::bench
