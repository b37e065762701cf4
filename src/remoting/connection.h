// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"
#include "common/socket_address.h"
#include "common/unique_function.h"
#include "remoting/protocol/response.h"

#include <chrono>
#include <cstdint>
#include <memory>

namespace rmq {

// One accepted socket. Born, lives and dies on one io thread; shared because replies, held pulls
// and the broker's client tables outlive a socket by a moment. An interface, so that the broker can
// be tested without sockets.
// Thread safety: every member may be called from any thread; on the connection's own io thread a
// send costs no hand-over.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    virtual ~Connection() = default;

    // Unique in the process, never reused.
    virtual std::uint64_t id() const = 0;
    virtual const SocketAddress& peer() const = 0;
    virtual const SocketAddress& local() const = 0;
    // Index of the io thread it lives on, below IoPool::size().
    virtual unsigned io_thread() const = 0;
    virtual bool is_open() const = 0;

    // Queues a reply; used by Responder only. Dropped when the connection is closed.
    virtual void send_response(Response response, std::int32_t opaque) = 0;

    // The request will not be answered; used by Responder only, so that the connection can forget
    // it.
    virtual void forgo_response() {}

    // Sends a request to the peer without expecting an answer. Dropped when closed or over the
    // high watermark.
    virtual void send_oneway(const OutboundCommand& command) = 0;

    // Sends a request to the peer and calls `done` exactly once on the connection's io thread,
    // never inline, with the answer, kTimeout, kConnectionClosed, or kBusy when the peer does not
    // read or too many requests to it are unanswered.
    virtual void invoke(const OutboundCommand& command, std::chrono::milliseconds timeout,
                        UniqueFunction<void(Result<InboundResponse>)> done) = 0;

    // Reads nothing from the peer for this long, so that TCP slows it; what was read already is
    // still served. Only on the connection's io thread. False when it is paused like this already.
    virtual bool pause_reading(std::chrono::milliseconds) { return false; }

    // Closes; `reason` is for the log.
    virtual void close(const char* reason) = 0;
};

}  // namespace rmq
