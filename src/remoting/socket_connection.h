// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/connection.h"
#include "remoting/io_thread.h"
#include "remoting/pending_requests.h"
#include "remoting/read_buffer.h"
#include "remoting/request_registry.h"
#include "remoting/write_queue.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace rmq {

class SocketConnection;

struct ConnectionLimits {
    std::size_t frame_max_bytes = 0;
    std::size_t write_high_watermark_bytes = 0;
    std::size_t write_low_watermark_bytes = 0;
    std::size_t in_flight_max = 0;
};

// What a connection belongs to: one io thread's share of a server, or a client. All calls come on
// the connection's io thread; it outlives the connection's close.
class ConnectionOwner {
public:
    virtual const ConnectionLimits& limits() const = 0;
    virtual void on_request(const Request& request, Responder responder) = 0;
    // The connection is about to close because of `error` in its input.
    virtual void on_malformed(const SocketConnection& connection, const Error& error) = 0;
    // Called once, after the socket was closed.
    virtual void on_closed(SocketConnection& connection, const char* reason) = 0;

protected:
    ~ConnectionOwner() = default;
};

// A connected socket, accepted or opened by us: cuts frames from what arrives, hands requests to
// its owner, matches answers, and writes what one round of the loop produced in one gathered write.
// Thread safety: as Connection; the other members on the io thread.
class SocketConnection final : public Connection, private EventHandler, private RoundEndHandler {
public:
    // Takes over `fd`, which is connected and non-blocking.
    SocketConnection(IoThread& thread, ConnectionOwner& owner, int fd);
    ~SocketConnection() override;

    // Begins to read; call once after construction. When the socket cannot be watched the
    // connection is closed.
    void start();

    std::uint64_t id() const override { return id_; }
    const SocketAddress& peer() const override { return peer_; }
    const SocketAddress& local() const override { return local_; }
    unsigned io_thread() const override { return thread_.loop.index(); }
    bool is_open() const override { return open_.load(std::memory_order_acquire); }
    void send_response(Response response, std::int32_t opaque) override;
    void forgo_response() override;
    void send_oneway(const OutboundCommand& command) override;
    void invoke(const OutboundCommand& command, std::chrono::milliseconds timeout,
                UniqueFunction<void(Result<InboundResponse>)> done) override;
    bool pause_reading(std::chrono::milliseconds pause) override;
    void close(const char* reason) override;

    // Neither read nor written since then.
    std::int64_t last_activity_ms() const { return last_activity_ms_; }
    // Requests unanswered or bytes unsent.
    bool is_busy() const { return in_flight_ > 0 || !out_.empty(); }
    // Reads no more; what is in flight is still answered.
    void stop_reading();
    // Gives back buffers that are not in use.
    void release_memory();
    // For the owner's list of its connections.
    std::size_t owner_index = 0;

private:
    void on_events(std::uint32_t epoll_events) override;
    void on_round_end() override;

    void read_once();
    bool receive_behind_partial();
    void receive_into_thread_buffer();
    // Handles the whole frames of `input` and returns how many bytes they had.
    std::size_t handle_frames(std::string_view input);
    bool handle_frame(std::string_view frame);
    void handle_kept_frames();
    void flush();
    void flush_at_round_end();
    void update_interest();
    bool over_bounds() const;
    bool may_resume() const;
    void request_ended();
    // False, and nothing is queued, when closed or over the high watermark.
    bool push_request(std::string_view frame);
    void send_request(std::string_view frame, std::int32_t opaque, std::int64_t timeout_ms,
                      PendingRequests::Done done);
    void arm_pending_timer(std::int64_t deadline_ms);
    void on_pending_timer(std::int64_t timer_ms);
    void close_now(const char* reason);
    void fail_input(const Error& error);

    std::shared_ptr<SocketConnection> self() {
        return std::static_pointer_cast<SocketConnection>(shared_from_this());
    }
    template <class Task>
    void run_on_loop(Task task) {
        if (thread_.loop.is_current()) {
            task();
        } else {
            thread_.loop.post(UniqueFunction<void()>(std::move(task)));
        }
    }

    IoThread& thread_;
    ConnectionOwner& owner_;
    int fd_;
    const std::uint64_t id_;
    SocketAddress peer_;
    SocketAddress local_;
    std::atomic<bool> open_{true};
    std::atomic<std::int32_t> next_opaque_{1};

    ReadBuffer partial_;
    WriteQueue out_;
    PendingRequests pending_;
    std::size_t in_flight_ = 0;
    std::int64_t last_activity_ms_;
    std::int64_t pending_timer_ms_ = PendingRequests::kNoDeadline;
    std::uint32_t interest_ = 0;  // epoll events asked for
    bool handling_ = false;       // inside handle_frames(), which flushes at its end
    bool round_end_asked_ = false;
    bool paused_ = false;         // over a bound
    bool stopped_ = false;        // by stop_reading()
    bool slowed_ = false;         // by pause_reading()
    bool write_blocked_ = false;  // the socket is full
};

}  // namespace rmq
