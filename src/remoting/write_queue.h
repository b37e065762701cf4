// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/protocol/response.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rmq {

// What one connection still has to write: frame heads and small bodies copied into one buffer,
// large bodies and body slices by reference, in order. Everything queued leaves in as few gathered
// writes as the socket takes. Does not allocate once its buffers have their working size.
// Thread safety: none, belongs to the connection's io thread.
class WriteQueue {
public:
    void push_response(Response&& response, std::int32_t opaque);
    void push_bytes(std::string_view bytes);

    enum class Outcome { kDone, kBlocked, kFailed };
    // Writes until the queue is empty or the socket is full. kFailed: the peer is gone.
    Outcome flush(int fd);

    bool empty() const { return unsent_bytes_ == 0; }
    std::size_t unsent_bytes() const { return unsent_bytes_; }

    void clear();
    // Gives back the buffers of an idle connection.
    void release_memory();

private:
    struct Segment {
        const char* external = nullptr;  // null: `position` in the copied bytes
        std::uint64_t position = 0;
        std::size_t size = 0;
        std::shared_ptr<const void> owner;
    };

    void copied(std::size_t bytes_before);
    void push_external(std::string_view bytes, std::shared_ptr<const void> owner);
    void consume(std::size_t bytes);
    void compact();

    std::string copied_;             // heads and small bodies
    std::uint64_t copied_base_ = 0;  // position of copied_[0]
    std::vector<Segment> segments_;
    std::size_t first_ = 0;  // segments before it are written
    std::size_t unsent_bytes_ = 0;
};

}  // namespace rmq
