// SPDX-License-Identifier: Apache-2.0
#include "bench/report.h"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <array>

namespace rmq::bench {

namespace {

constexpr std::array<double, 6> kPercents = {50, 90, 99, 99.9, 99.99, 100};

double per_message_us(double cpu_seconds, const LoadResult& result) {
    return result.messages > 0 ? cpu_seconds * 1e6 / static_cast<double>(result.messages) : 0;
}

double per_second(std::int64_t count, const LoadResult& result) {
    return result.seconds > 0 ? static_cast<double>(count) / result.seconds : 0;
}

double server_cpu_seconds(const LoadResult& result) {
    return result.server_after.cpu_seconds - result.server_before.cpu_seconds;
}

double to_ms(std::int64_t ns) {
    return static_cast<double>(ns) / 1e6;
}

const char* unit_of(Mode mode) {
    return mode == Mode::kRoute ? "routes" : "messages";
}

std::string load_line(const Options& options) {
    std::string line = fmt::format("{} connections", options.connections);
    if (options.is_open_loop()) {
        line += fmt::format(", open loop of {} requests/s", options.rate);
    } else {
        line += fmt::format(" x {} in flight", options.in_flight_max());
    }
    if (options.mode == Mode::kSend || options.mode == Mode::kTail) {
        line += fmt::format(", {} bytes", options.body_bytes);
    }
    if (options.batch_size() > 1) {
        line += fmt::format(", batches of {}", options.batch_size());
    }
    return line;
}

std::string failure_line(const LoadResult& result) {
    std::string line;
    for (const auto& [code, count] : result.failures) {
        line += fmt::format("{}{} with code {}", line.empty() ? "" : ", ", count, code);
    }
    return line.empty() ? "none" : line + ": " + result.first_remark;
}

nlohmann::json server_json(const LoadResult& result) {
    return {{"cpu_seconds", server_cpu_seconds(result)},
            {"cpu_us_per_message", per_message_us(server_cpu_seconds(result), result)},
            {"resident_kib", result.server_after.resident_kib},
            {"own_kib", result.server_after.own_kib},
            {"mapped_kib", result.server_after.mapped_kib}};
}

}  // namespace

std::string text_report(const Options& options, const LoadResult& result) {
    const Histogram& latency = result.latency_ns;
    std::string text = fmt::format("{:10}{}, {:.1f} s\n", mode_name(options.mode),
                                   load_line(options), result.seconds);
    text +=
        fmt::format("{:10}{:.0f} {}/s ({} in all)\n", "rate", per_second(result.messages, result),
                    unit_of(options.mode), result.messages);
    text += fmt::format("{:10}", "latency");
    for (const double percent : kPercents) {
        const std::string name = percent == 100 ? "max" : fmt::format("p{:g}", percent);
        text += fmt::format("{} {:.3f}  ", name, to_ms(latency.percentile(percent)));
    }
    text += fmt::format("mean {:.3f} ms\n", latency.mean() / 1e6);
    if (options.server_pid != 0) {
        text += fmt::format(
            "{:10}{:.3f} us CPU a message, {:.0f} % of a core; {} MiB resident, {} of its own\n",
            "server", per_message_us(server_cpu_seconds(result), result),
            result.seconds > 0 ? server_cpu_seconds(result) * 100 / result.seconds : 0,
            result.server_after.resident_kib / 1024, result.server_after.own_kib / 1024);
    }
    text += fmt::format("{:10}{:.3f} us CPU a message, {:.0f} % of a core\n", "client",
                        per_message_us(result.client_cpu_seconds, result),
                        result.seconds > 0 ? result.client_cpu_seconds * 100 / result.seconds : 0);
    text += fmt::format("{:10}{}\n", "failures", failure_line(result));
    if (result.unanswered > 0) {
        text += fmt::format("{:10}{} requests, seconds after the end\n", "unanswered",
                            result.unanswered);
    }
    return text;
}

std::string json_report(const Options& options, const LoadResult& result) {
    const Histogram& latency = result.latency_ns;
    nlohmann::ordered_json json;
    json["mode"] = mode_name(options.mode);
    json["connections"] = options.connections;
    json["in_flight"] = options.is_open_loop() ? options.in_flight : options.in_flight_max();
    json["rate"] = options.rate;
    json["size"] = options.body_bytes;
    json["batch"] = options.batch_size();
    json["seconds"] = result.seconds;
    json["requests"] = result.requests;
    json["messages"] = result.messages;
    json["sent"] = result.sent;
    json["per_second"] = per_second(result.messages, result);
    json["unanswered"] = result.unanswered;
    json["failures"] = nlohmann::json::object();
    for (const auto& [code, count] : result.failures) {
        json["failures"][std::to_string(code)] = count;
    }
    nlohmann::ordered_json latencies;
    for (const double percent : kPercents) {
        const std::string name = percent == 100 ? "max" : fmt::format("p{:g}", percent);
        latencies[name] = static_cast<double>(latency.percentile(percent)) / 1e3;
    }
    latencies["mean"] = latency.mean() / 1e3;
    json["latency_us"] = latencies;
    if (options.server_pid != 0) {
        json["server"] = server_json(result);
    }
    json["client"] = {{"cpu_seconds", result.client_cpu_seconds},
                      {"cpu_us_per_message", per_message_us(result.client_cpu_seconds, result)}};
    auto& histogram = json["histogram_us"] = nlohmann::ordered_json::array();
    for (const auto& [upper_ns, count] : latency.buckets()) {
        histogram.push_back({static_cast<double>(upper_ns) / 1e3, count});
    }
    return json.dump() + "\n";
}

std::string progress_line(const Options& options, const LoadProgress& progress) {
    return fmt::format("{:>8} {:>12.0f} {}/s  p99 {:.3f} ms",
                       progress.seconds < 0 ? "warm-up" : fmt::format("{:.0f} s", progress.seconds),
                       progress.messages_per_second, unit_of(options.mode), to_ms(progress.p99_ns));
}

}  // namespace rmq::bench
