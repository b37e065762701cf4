// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace rmq::bench {

enum class Mode { kSend, kPull, kTail, kRoute };
const char* mode_name(Mode mode);

// What to load a server with. Counts are within the ranges that the command line checks.
struct Options {
    Mode mode = Mode::kSend;
    std::string namesrv;              // "host:port;host:port"
    std::string broker;               // "host:port"; empty: asked of the NameServer
    std::string topic = "rmq_bench";  // with `topics` > 1 a prefix: rmq_bench_0 …
    std::int64_t topics = 1;
    std::int64_t queues = 0;  // of each topic; 0: as many as it has
    bool create = false;      // the topics, with `queues` queues
    // Every broker has this group from its start, so nothing is created for a pull.
    // Source: MixAll.SELF_TEST_CONSUMER_GROUP
    std::string group = "SELF_TEST_C_GROUP";

    std::int64_t connections = 4;
    std::int64_t in_flight = 0;  // requests unanswered per connection; 0: see in_flight_max()
    std::int64_t rate = 0;       // requests per second of an open loop; 0: closed loop
    std::int64_t body_bytes = 1024;
    std::int64_t batch = 0;       // messages per request; 0: 1 to send, 32 to pull
    bool with_keys = false;       // a KEYS property of its own for each message
    bool wait_stored = true;      // the WAIT property: wait for flush and replicas
    std::int64_t consumers = 1;   // connections that receive, tail only
    std::int64_t consume_ms = 0;  // what a consumer does with an answer before it pulls again

    std::int64_t seconds = 10;
    std::int64_t warm_up_seconds = 1;
    std::int64_t count = 0;       // stop after so many requests instead; no warm-up
    std::int64_t server_pid = 0;  // 0: no figures of the server
    bool json = false;

    std::int64_t batch_size() const { return batch > 0 ? batch : mode == Mode::kPull ? 32 : 1; }
    // 64 in a closed loop, 1 to pull; in an open loop as many as it takes.
    std::int64_t in_flight_max() const;
    bool is_open_loop() const { return rate > 0; }
};

// Either options to act on, or a text to print (help), or an error of one line with its cure.
struct ParsedOptions {
    Options options;
    std::string help;
    std::string error;
};

// `arguments` = send|pull|tail|route and options.
ParsedOptions parse_options(const std::vector<std::string>& arguments);

// The name of topic `index`, all of the same length.
std::string topic_name(const Options& options, std::int64_t index);

}  // namespace rmq::bench
