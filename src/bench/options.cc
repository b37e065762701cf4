// SPDX-License-Identifier: Apache-2.0
#include "bench/options.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <limits>
#include <optional>

namespace rmq::bench {

namespace {

constexpr std::int64_t kMinTailBytes = 16;  // a mark and a time

constexpr const char* kUsage =
    "usage: raptormq bench MODE [options]\n"
    "  send    stores messages; latency is from the intended send to its answer\n"
    "  pull    reads messages from the first on, over and over\n"
    "  tail    sends, and receives what was sent by long polling; latency is from the intended\n"
    "          send to the receipt\n"
    "  route   asks the NameServer for routes of topics\n"
    "Without --rate every connection always has --in-flight requests unanswered (closed loop);\n"
    "with it requests are sent at that rate whatever the answers do (open loop).\n"
    "raptormq bench MODE --help lists the options.\n";

std::optional<Mode> mode_called(const std::string& name) {
    for (const Mode mode : {Mode::kSend, Mode::kPull, Mode::kTail, Mode::kRoute}) {
        if (name == mode_name(mode)) {
            return mode;
        }
    }
    return std::nullopt;
}

class Declaration {
public:
    explicit Declaration(CLI::App& app) : app_(app) {}

    void number(const char* name, std::int64_t& out, std::int64_t min, std::int64_t max,
                const char* what) {
        app_.add_option(name, out, what)->check(CLI::Range(min, max));
    }
    void text(const char* name, std::string& out, const char* what) {
        app_.add_option(name, out, what);
    }
    void flag(const char* name, bool& out, const char* what) { app_.add_flag(name, out, what); }

private:
    CLI::App& app_;
};

void declare_place(Declaration& app, Options& options) {
    app.text("-n,--namesrvAddr", options.namesrv, "NameServer list (default: NAMESRV_ADDR)");
    if (options.mode != Mode::kRoute) {
        app.text("-b,--brokerAddr", options.broker, "broker (default: asked of the NameServer)");
    }
    app.text("-t,--topic", options.topic, "topic, or with --topics its prefix (rmq_bench)");
    app.number("--topics", options.topics, 1, 1'000'000, "how many topics, PREFIX_0 on (1)");
    app.number("--queues", options.queues, 1, 65'536,
               "queues used of each topic (all; with --create 4)");
    app.flag("--create", options.create, "create the topics, which is never done otherwise");
}

void declare_load(Declaration& app, Options& options) {
    app.number("-c,--connections", options.connections, 1, 100'000, "connections (4)");
    app.number("-i,--in-flight", options.in_flight, 1, 65'536,
               "unanswered requests per connection (send and route: 64, pull: 1; open loop: no "
               "bound)");
    app.number("-r,--rate", options.rate, 1, 100'000'000, "requests per second, for an open loop");
    if (options.mode == Mode::kSend || options.mode == Mode::kTail) {
        const bool is_tail = options.mode == Mode::kTail;
        app.number("-s,--size", options.body_bytes, is_tail ? kMinTailBytes : 0, 64 << 20,
                   "bytes of a body (1024)");
        app.number("--batch", options.batch, 1, 10'000, "messages in one request (1)");
        app.flag("--keys", options.with_keys, "give each message a key to be indexed by");
        app.flag("!--no-wait", options.wait_stored, "do not ask to wait for flush and replicas");
    }
    if (options.mode == Mode::kPull) {
        app.number("--batch", options.batch, 1, 10'000, "messages asked for at once (32)");
    }
    if (options.mode == Mode::kPull || options.mode == Mode::kTail) {
        app.text("-g,--group", options.group, "consumer group, which must exist");
        app.number("--consume-ms", options.consume_ms, 0, 60'000,
                   "time a slow consumer takes for each answer (0)");
    }
    if (options.mode == Mode::kTail) {
        app.number("--consumers", options.consumers, 1, 100'000, "connections that receive (1)");
    }
}

void declare_run(Declaration& app, Options& options) {
    app.number("-d,--duration", options.seconds, 1, 1'000'000, "seconds to measure (10)");
    app.number("--warm-up", options.warm_up_seconds, 0, 3600, "seconds before that (1)");
    app.number("--count", options.count, 1, std::numeric_limits<std::int64_t>::max() / 2,
               "stop after so many requests instead");
    app.number("--pid", options.server_pid, 1, std::numeric_limits<std::int32_t>::max(),
               "process of the server here, for its CPU and memory");
    app.flag("--json", options.json, "print everything as one JSON object");
}

// What no single option shows.
std::string contradiction(const Options& options) {
    if (options.mode == Mode::kRoute && options.create && options.namesrv.empty()) {
        return "--create needs a NameServer that knows the brokers; give -n host:port";
    }
    if (options.mode == Mode::kTail && options.batch > 1 &&
        options.batch * options.body_bytes > (std::int64_t{64} << 20)) {
        return "a batch of that size is larger than any broker takes; lower --batch or --size";
    }
    const std::int64_t lanes = options.connections * options.in_flight_max();
    if (!options.is_open_loop() && lanes > 10'000'000) {
        return std::to_string(lanes) +
               " requests at once is more than this can keep; lower --connections or --in-flight";
    }
    return "";
}

}  // namespace

const char* mode_name(Mode mode) {
    switch (mode) {
        case Mode::kSend:
            return "send";
        case Mode::kPull:
            return "pull";
        case Mode::kTail:
            return "tail";
        case Mode::kRoute:
            return "route";
    }
    return "";
}

std::int64_t Options::in_flight_max() const {
    if (in_flight > 0) {
        return in_flight;
    }
    if (is_open_loop()) {
        return std::numeric_limits<std::int32_t>::max();
    }
    return mode == Mode::kPull ? 1 : 64;
}

ParsedOptions parse_options(const std::vector<std::string>& arguments) {
    const std::string name = arguments.empty() ? "" : arguments.front();
    if (name == "-h" || name == "--help") {
        return {{}, kUsage, ""};
    }
    const auto mode = mode_called(name);
    if (!mode) {
        return {{},
                "",
                (name.empty() ? std::string("no mode named") : "unknown mode " + name) +
                    "; name send, pull, tail or route, or see raptormq bench --help"};
    }
    ParsedOptions parsed;
    Options& options = parsed.options;
    options.mode = *mode;
    CLI::App app("Measures a RocketMQ server under load", "raptormq bench " + name);
    Declaration declaration(app);
    declare_place(declaration, options);
    declare_load(declaration, options);
    declare_run(declaration, options);
    try {
        std::vector<std::string> rest(arguments.rbegin(), arguments.rend() - 1);
        app.parse(rest);
        parsed.error = contradiction(options);
    } catch (const CLI::CallForHelp&) {
        parsed.help = app.help();
    } catch (const CLI::ParseError& error) {
        parsed.error = std::string(error.what()) + "; see raptormq bench " + name + " --help";
    }
    return parsed;
}

std::string topic_name(const Options& options, std::int64_t index) {
    if (options.topics == 1) {
        return options.topic;
    }
    const std::size_t width = std::to_string(options.topics - 1).size();
    const std::string number = std::to_string(index);
    return options.topic + "_" + std::string(width - number.size(), '0') + number;
}

}  // namespace rmq::bench
