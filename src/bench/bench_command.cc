// SPDX-License-Identifier: Apache-2.0
#include "bench/bench_command.h"

#include "bench/load.h"
#include "bench/options.h"
#include "bench/report.h"
#include "bench/targets.h"

#include <ostream>

namespace rmq::bench {

namespace {

// What the clients of servers say names the cause only.
Outcome refuse(const Error& error) {
    const bool has_cure = error.remark.find("; ") != std::string::npos;
    return {1, error.remark + (has_cure ? "" : "; is a server running there?")};
}

Outcome judge(const Options& options, const LoadResult& result) {
    if (const std::int64_t failed = result.failed(); failed > 0) {
        return {1, std::to_string(failed) + " requests failed, the first with code " +
                       std::to_string(result.failures.begin()->first) + " (" + result.first_remark +
                       "); lower the load, or see the server's log"};
    }
    if (result.unanswered > 0) {
        return {1, std::to_string(result.unanswered) +
                       " requests are still unanswered; lower the load, or see the server's log"};
    }
    if (options.mode == Mode::kPull && result.messages == 0) {
        return {1, "there was nothing to read in topic " + options.topic +
                       "; send to it first, with the same --topics and --queues"};
    }
    if (options.mode == Mode::kTail && result.latency_ns.count() < result.sent) {
        return {1, std::to_string(result.sent - result.latency_ns.count()) +
                       " messages were sent and not received; see the server's log"};
    }
    return {};
}

}  // namespace

Outcome run_bench_command(const std::vector<std::string>& arguments, std::ostream& out,
                          std::ostream* progress) {
    const ParsedOptions parsed = parse_options(arguments);
    if (!parsed.error.empty()) {
        return {1, parsed.error};
    }
    if (!parsed.help.empty()) {
        out << parsed.help;
        return {};
    }
    const Options& options = parsed.options;
    const auto targets = find_targets(options);
    if (!targets) {
        return refuse(targets.error());
    }
    OnProgress on_progress;
    if (progress != nullptr) {
        on_progress = [&](const LoadProgress& now) {
            *progress << "\r\x1b[K" << progress_line(options, now) << std::flush;
        };
    }
    const auto result = run_load(options, *targets, on_progress);
    if (progress != nullptr) {
        *progress << "\r\x1b[K" << std::flush;
    }
    if (!result) {
        return refuse(result.error());
    }
    out << (options.json ? json_report(options, *result) : text_report(options, *result));
    return judge(options, *result);
}

}  // namespace rmq::bench
