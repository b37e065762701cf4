// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/options.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::bench {

// What changes from one request to the next.
struct RequestParts {
    std::int32_t opaque = 0;  // 0 … kOpaqueMax
    std::string_view topic;   // of topic_name()'s length
    std::int64_t queue = 0;
    std::int64_t offset = 0;       // pull only
    std::int64_t now_ms = 0;       // wall clock; born timestamp, send only
    std::int64_t intended_ns = 0;  // written into the body, tail only
};

// The frame of one kind of request as a Java 5.5.0 client writes it, made once; the parts that
// change are patched in. A value that the load generator owns.
class RequestFrames {
public:
    static constexpr std::int32_t kOpaqueMax = 800'000'000;
    // What the opaque of a request is more than its RequestParts::opaque, so that all have nine
    // digits.
    static constexpr std::int32_t kFirstOpaque = 100'000'000;

    // `kind`: kTail makes sends whose bodies begin with `run_mark` and their time. `queues`: how
    // many there are, which makes the width of their number.
    RequestFrames(const Options& options, Mode kind, std::int64_t queues, std::uint64_t run_mark);

    // Appends the frame of the next request.
    void append(const RequestParts& parts, std::string& out);

private:
    void build_send(const Options& options, Mode kind, std::uint64_t run_mark);
    void build_pull(const Options& options);
    void build_route();
    void build_frame(const std::string& header, const std::string& body);
    std::size_t find(const std::string& mark) const;
    std::vector<std::size_t> find_all(const std::string& mark) const;

    std::string topic_mark_;
    std::string queue_mark_;
    std::string frame_;
    std::size_t opaque_at_ = 0;  // 9 digits
    std::size_t topic_at_ = 0;
    std::size_t queue_at_ = 0;            // 0: none
    std::size_t offset_at_ = 0;           // 18 digits; 0: none
    std::size_t born_at_ = 0;             // 13 digits; 0: none
    std::vector<std::size_t> unique_at_;  // 8 hex digits of each UNIQ_KEY, and of each key
    std::vector<std::size_t> time_at_;    // 8 bytes in each body
    std::uint32_t next_unique_ = 0;
};

// How a body of a tail begins, or what it is not: 8 bytes that tell the run, 8 bytes of time.
struct TailMark {
    std::uint64_t run = 0;
    std::int64_t intended_ns = 0;
};
TailMark read_tail_mark(std::string_view body);

}  // namespace rmq::bench
