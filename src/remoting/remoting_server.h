// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/limits.h"
#include "common/result.h"
#include "remoting/io_pool.h"
#include "remoting/request_registry.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace rmq {

struct RemotingServerOptions {
    std::string bind_address = "0.0.0.0";
    std::uint16_t port = 0;  // 0: any free one, see RemotingServer::port()
    std::int64_t idle_seconds = limits::kIdleSeconds;
    std::int32_t send_buffer_bytes = 0;     // of each socket in the system; 0: the system's own
    std::int32_t receive_buffer_bytes = 0;  // likewise
    std::size_t frame_max_bytes = limits::kFrameMaxBytes;
    std::size_t write_high_watermark_bytes = limits::kWriteHighWatermarkBytes;
    std::size_t write_low_watermark_bytes = limits::kWriteLowWatermarkBytes;
    std::size_t in_flight_max = limits::kInFlightPerConnectionMax;
    std::size_t connections_max = limits::kConnectionsMax;
};

// Counters since start, for the runtime table and metrics. A value copied at one moment.
struct RemotingServerStats {
    std::uint64_t connections_open = 0;
    std::uint64_t connections_accepted = 0;
    std::uint64_t requests = 0;
    std::uint64_t malformed_frames = 0;
    std::uint64_t idle_closed = 0;
};

// Listens, cuts frames, hands requests to the registry and writes the replies of one read buffer in
// one gathered write. A connection whose unsent replies exceed the high watermark, or that has
// in_flight_max requests unanswered, is not read until it is below again. Malformed input closes
// that connection; it is logged once per interval with a count.
// Thread safety: listen() and stop() from one thread; handlers run on io threads.
class RemotingServer {
public:
    // `registry` and `pool` outlive the server. `on_close` runs on the connection's io thread after
    // it was closed for whatever reason, exactly once per connection.
    RemotingServer(IoPool& pool, const RequestRegistry& registry, RemotingServerOptions options,
                   std::function<void(const std::shared_ptr<Connection>&)> on_close = {});
    ~RemotingServer();
    RemotingServer(const RemotingServer&) = delete;
    RemotingServer& operator=(const RemotingServer&) = delete;

    // Binds and listens; accepts from IoPool::start() on. Errors: kAlreadyExists when the port is
    // taken, kPermissionDenied, kInvalidArgument for a bad address; the remark names the address.
    Status listen();
    std::uint16_t port() const;

    // Stops accepting, waits up to `drain` for unanswered requests and unsent replies, closes all.
    void stop(std::chrono::milliseconds drain);

    RemotingServerStats stats() const;

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace rmq
