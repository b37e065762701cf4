// SPDX-License-Identifier: Apache-2.0
#include "bench/load.h"
#include "bench/null_server.h"

#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>

namespace {

using namespace rmq;
using namespace rmq::bench;

constexpr const char* kUsage =
    "usage: rmq_bench send|pull|serve [--option value]…\n"
    "  send, pull: closed loop of raw frames against a broker; prints rate and CPU per message\n"
    "    --address 127.0.0.1:10911  --pid <of the broker, for its CPU>  --topic rmq_bench\n"
    "    --connections 4  --in-flight 64  --size 1024  --queues 4  --batch 32\n"
    "    --seconds 5  --warm-up 1\n"
    "  serve: remoting with nothing behind it\n"
    "    --port 10911  --io-threads 1  --size 1024\n";

bool parse_number(const char* text, std::int64_t min, std::int64_t max, std::int64_t& out) {
    const char* const end = text + std::strlen(text);
    const auto [stop, status] = std::from_chars(text, end, out);
    return status == std::errc{} && stop == end && out >= min && out <= max;
}

struct Options {
    LoadOptions load;
    std::int64_t port = 10911;
    std::int64_t io_threads = 1;
};

bool parse_option(const std::string& name, const char* value, Options& options) {
    struct Number {
        const char* name;
        std::int64_t min;
        std::int64_t max;
        std::int64_t* out;
    };
    LoadOptions& load = options.load;
    const Number numbers[] = {
        {"--pid", 1, INT32_MAX, &load.server_pid},
        {"--connections", 1, 100'000, &load.connections},
        {"--in-flight", 1, 65'536, &load.in_flight},
        {"--size", 0, 4 * 1024 * 1024, &load.body_bytes},
        {"--queues", 1, 9, &load.queues},
        {"--batch", 1, 1024, &load.pull_batch},
        {"--seconds", 1, 86'400, &load.seconds},
        {"--warm-up", 0, 3600, &load.warm_up_seconds},
        {"--port", 0, 65'535, &options.port},
        {"--io-threads", 1, 64, &options.io_threads},
    };
    for (const Number& number : numbers) {
        if (name == number.name) {
            return parse_number(value, number.min, number.max, *number.out);
        }
    }
    if (name == "--topic") {
        load.topic = value;
        return true;
    }
    if (name == "--address") {
        const auto address = parse_socket_address(value);
        if (address && !address->is_v6) {
            load.address = *address;
            return true;
        }
    }
    return false;
}

void print(const LoadOptions& options, const LoadResult& result) {
    const auto messages = static_cast<double>(result.messages > 0 ? result.messages : 1);
    std::printf(
        "%s connections=%lld in_flight=%lld size=%lld seconds=%.1f messages=%lld failures=%lld "
        "per_second=%.0f p50_us=%lld p99_us=%lld client_cpu_us=%.2f",
        options.kind == Kind::kSend ? "send" : "pull", static_cast<long long>(options.connections),
        static_cast<long long>(options.in_flight), static_cast<long long>(options.body_bytes),
        result.seconds, static_cast<long long>(result.messages),
        static_cast<long long>(result.failures), messages / result.seconds,
        static_cast<long long>(result.latency_p50_us),
        static_cast<long long>(result.latency_p99_us), result.client_cpu_seconds * 1e6 / messages);
    if (options.server_pid != 0) {
        std::printf(" server_cpu_us=%.3f", result.server_cpu_seconds * 1e6 / messages);
    }
    std::printf("\n");
}

int fail(const Error& error) {
    std::fprintf(stderr, "rmq_bench: %s\n", error.remark.c_str());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string command = argc > 1 ? argv[1] : "";
    Options options;
    options.load.address = *parse_socket_address("127.0.0.1:10911");
    bool ok = (command == "send" || command == "pull" || command == "serve") && argc % 2 == 0;
    for (int i = 2; ok && i + 1 < argc; i += 2) {
        ok = parse_option(argv[i], argv[i + 1], options);
    }
    if (!ok) {
        std::fputs(kUsage, stderr);
        return 2;
    }
    if (command == "serve") {
        const auto status =
            run_null_server({static_cast<std::uint16_t>(options.port),
                             static_cast<unsigned>(options.io_threads), options.load.body_bytes});
        return status ? 0 : fail(status.error());
    }
    options.load.kind = command == "send" ? Kind::kSend : Kind::kPull;
    const auto result = run_load(options.load);
    if (!result) {
        return fail(result.error());
    }
    print(options.load, *result);
    return result->failures == 0 ? 0 : 1;
}
