// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/descriptor.h"
#include "common/result.h"

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::bench {

// Called with each whole frame, which dies with the call.
using OnFrame = std::function<void(std::string_view frame)>;

// Bytes that all connections of one thread read into.
using ReadScratch = std::string;

// One connection of the load generator: bytes out, frames in, never waiting.
// Thread safety: none.
class Wire {
public:
    // Connects to "host:port" and waits up to 5 s for it; afterwards the socket never blocks.
    // Errors: kUnavailable, kInvalidArgument, kIo, naming the address and the cure.
    static Result<std::unique_ptr<Wire>> connect(const std::string& address);

    explicit Wire(int fd) : fd_(fd) {}

    int fd() const { return fd_.get(); }
    // Where frames to send are appended; written by flush().
    std::string& output() { return output_; }
    // Writes what the socket takes. Errors: kConnectionClosed.
    Status flush();
    // There are bytes that the socket did not take.
    bool is_blocked() const { return written_ < output_.size(); }
    // Reads once and hands over every frame that is now whole. Errors: kConnectionClosed,
    // kMalformed, kTooLarge.
    Status receive(ReadScratch& scratch, const OnFrame& on_frame);

    // The load generator's own: requests that may be reused, and those that must wait for one.
    std::vector<std::int32_t> free_lanes;
    std::deque<std::int64_t> backlog_ns;
    std::int64_t in_flight = 0;
    std::int64_t next_target = 0;
    bool is_watched_for_writing = false;
    bool is_dirty = false;

private:
    Descriptor fd_;
    std::string output_;
    std::size_t written_ = 0;
    std::string partial_;  // the start of a frame that is not whole yet
};

}  // namespace rmq::bench
