// SPDX-License-Identifier: Apache-2.0
#include "remoting/socket_connection.h"

#include "common/limits.h"
#include "remoting/protocol/frame.h"
#include "remoting/socket_ops.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace rmq {

namespace {

// A cut-off frame up to this size is copied in front of the next read instead of being completed
// in its own buffer.
constexpr std::size_t kCopiedPartialMaxBytes = 4096;

std::atomic<std::uint64_t> next_connection_id{1};

bool would_block() {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

}  // namespace

SocketConnection::SocketConnection(IoThread& thread, ConnectionOwner& owner, int fd)
    : thread_(thread),
      owner_(owner),
      fd_(fd),
      id_(next_connection_id.fetch_add(1, std::memory_order_relaxed)),
      peer_(peer_address(fd)),
      local_(local_address(fd)),
      last_activity_ms_(thread.loop.now_ms()) {}

SocketConnection::~SocketConnection() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

void SocketConnection::start() {
    interest_ = EPOLLIN;
    if (!thread_.loop.add(fd_, interest_, *this)) {
        close_now("cannot be watched");
    }
}

void SocketConnection::on_events(std::uint32_t epoll_events) {
    if (!is_open()) {
        return;
    }
    if ((epoll_events & EPOLLOUT) != 0) {
        write_blocked_ = false;
        flush();
    }
    if (!is_open()) {
        return;
    }
    if ((epoll_events & EPOLLIN) != 0 && (interest_ & EPOLLIN) != 0) {
        read_once();
    } else if ((epoll_events & (EPOLLERR | EPOLLHUP)) != 0) {
        close_now("peer closed");
    }
}

void SocketConnection::read_once() {
    const auto self = shared_from_this();
    if (partial_.size() <= kCopiedPartialMaxBytes) {
        receive_into_thread_buffer();
    } else if (receive_behind_partial()) {
        flush();
    }
}

// Reads behind a copy of the cut-off frame, which therefore stays small.
void SocketConnection::receive_into_thread_buffer() {
    char* const buffer = thread_.read_buffer.get();
    const std::size_t kept = partial_.size();
    if (kept > 0) {
        std::memcpy(buffer, partial_.view().data(), kept);
    }
    const ssize_t received =
        ::recv(fd_, buffer + kept, IoThread::kReadBufferBytes - kept, MSG_DONTWAIT);
    if (received < 0 && would_block()) {
        return;
    }
    if (received <= 0) {
        close_now(received == 0 ? "peer closed" : "read failed");
        return;
    }
    last_activity_ms_ = thread_.loop.now_ms();
    const std::string_view input(buffer, kept + static_cast<std::size_t>(received));
    const std::size_t handled = handle_frames(input);
    if (is_open()) {
        partial_.assign(input.substr(handled));
        flush();
    }
}

// Reads the rest of one cut-off frame, and what follows it if the buffer holds the whole frame.
// True when the frame is complete.
bool SocketConnection::receive_behind_partial() {
    const std::size_t frame_bytes = announced_frame_bytes(partial_.view());
    std::size_t room = 0;
    char* const behind = partial_.grow_towards(frame_bytes, room);
    if (behind == nullptr) {
        fail_input({Errc::kResourceExhausted, "too many unfinished frames in the process"});
        return false;
    }
    const bool whole = partial_.size() + room == frame_bytes;
    std::array<iovec, 2> slices = {iovec{behind, room},
                                   iovec{thread_.read_buffer.get(), IoThread::kReadBufferBytes}};
    const ssize_t received = ::readv(fd_, slices.data(), whole ? 2 : 1);
    if (received < 0 && would_block()) {
        return false;
    }
    if (received <= 0) {
        close_now(received == 0 ? "peer closed" : "read failed");
        return false;
    }
    last_activity_ms_ = thread_.loop.now_ms();
    const auto bytes = static_cast<std::size_t>(received);
    partial_.add(std::min(bytes, room));
    if (partial_.size() < frame_bytes) {
        return false;
    }
    const std::string_view following(thread_.read_buffer.get(), bytes > room ? bytes - room : 0);
    if (handle_frames(partial_.view()) == 0) {
        // Over a bound: what follows waits behind this frame, and nothing more is read.
        partial_.append(following);
        return true;
    }
    const std::size_t handled = handle_frames(following);
    partial_.assign(following.substr(handled));
    return true;
}

std::size_t SocketConnection::handle_frames(std::string_view input) {
    std::size_t at = 0;
    handling_ = true;
    while (is_open() && !stopped_) {
        if (over_bounds()) {
            flush();
            if (over_bounds()) {
                paused_ = true;
                break;
            }
        }
        const auto bounds = cut_frame(input.substr(at), owner_.limits().frame_max_bytes);
        if (!bounds) {
            fail_input(bounds.error());
            break;
        }
        if (bounds->frame_bytes == 0 || !handle_frame(input.substr(at, bounds->frame_bytes))) {
            break;
        }
        at += bounds->frame_bytes;
    }
    handling_ = false;
    return at;
}

bool SocketConnection::handle_frame(std::string_view frame) {
    RemotingCommand& command = thread_.command;
    if (const auto status = thread_.decoder.decode(frame, command); !status) {
        fail_input(status.error());
        return false;
    }
    if (command.is_response()) {
        // Nobody waiting is no error: the answer came after its time-out.
        pending_.complete(command);
        return true;
    }
    if (!command.is_oneway()) {
        ++in_flight_;
    }
    const std::shared_ptr<Connection> self = shared_from_this();
    owner_.on_request({command, self}, Responder(self, command.opaque, command.is_oneway()));
    return true;
}

void SocketConnection::fail_input(const Error& error) {
    owner_.on_malformed(*this, error);
    close_now("malformed input");
}

bool SocketConnection::over_bounds() const {
    const ConnectionLimits& limits = owner_.limits();
    return in_flight_ >= limits.in_flight_max ||
           out_.unsent_bytes() > limits.write_high_watermark_bytes;
}

bool SocketConnection::may_resume() const {
    const ConnectionLimits& limits = owner_.limits();
    return in_flight_ <= (limits.in_flight_max - 1) / 4 * 3 &&
           out_.unsent_bytes() <= limits.write_low_watermark_bytes;
}

void SocketConnection::flush() {
    if (!is_open()) {
        return;
    }
    const std::size_t before = out_.unsent_bytes();
    if (before > 0 && !write_blocked_) {
        const WriteQueue::Outcome outcome = out_.flush(fd_);
        if (outcome == WriteQueue::Outcome::kFailed) {
            close_now("write failed");
            return;
        }
        write_blocked_ = outcome == WriteQueue::Outcome::kBlocked;
        if (out_.unsent_bytes() != before) {
            last_activity_ms_ = thread_.loop.now_ms();
        }
    }
    if (paused_ && may_resume()) {
        flush_at_round_end();
    }
    update_interest();
}

void SocketConnection::flush_at_round_end() {
    if (!round_end_asked_) {
        round_end_asked_ = true;
        thread_.loop.at_round_end({shared_from_this(), static_cast<RoundEndHandler*>(this)});
    }
}

void SocketConnection::on_round_end() {
    round_end_asked_ = false;
    if (!is_open()) {
        return;
    }
    if (paused_ && may_resume()) {
        paused_ = false;
        handle_kept_frames();
        return;
    }
    flush();
}

void SocketConnection::handle_kept_frames() {
    if (!partial_.empty()) {
        const std::size_t handled = handle_frames(partial_.view());
        if (!is_open()) {
            return;
        }
        if (handled > 0) {
            partial_.assign(partial_.view().substr(handled));
        }
    }
    flush();
}

void SocketConnection::update_interest() {
    const bool reads = !paused_ && !stopped_ && !slowed_;
    const std::uint32_t wanted =
        (reads ? std::uint32_t{EPOLLIN} : 0U) | (write_blocked_ ? std::uint32_t{EPOLLOUT} : 0U);
    if (wanted != interest_ && is_open()) {
        interest_ = wanted;
        thread_.loop.modify(fd_, interest_, *this);
    }
}

void SocketConnection::send_response(Response response, std::int32_t opaque) {
    if (!thread_.loop.is_current()) {
        struct Reply final : LoopTask {
            Reply(std::shared_ptr<SocketConnection> to, Response&& with, std::int32_t for_opaque)
                : connection(std::move(to)), response(std::move(with)), opaque(for_opaque) {}
            void run() override { connection->send_response(std::move(response), opaque); }
            std::shared_ptr<SocketConnection> connection;
            Response response;
            std::int32_t opaque;
        };
        thread_.loop.post(std::make_unique<Reply>(self(), std::move(response), opaque));
        return;
    }
    if (is_open()) {
        out_.push_response(std::move(response), opaque);
        request_ended();
    }
}

void SocketConnection::forgo_response() {
    if (thread_.loop.is_current()) {
        request_ended();
    } else {
        thread_.loop.post([connection = self()] { connection->request_ended(); });
    }
}

void SocketConnection::request_ended() {
    if (is_open()) {
        --in_flight_;
        if (!handling_) {
            flush_at_round_end();
        }
    }
}

void SocketConnection::send_oneway(const OutboundCommand& command) {
    if (!is_open()) {
        return;
    }
    std::string frame;
    encode_request(command, next_opaque_.fetch_add(1, std::memory_order_relaxed), true, frame);
    run_on_loop(
        [connection = self(), frame = std::move(frame)] { connection->push_request(frame); });
}

bool SocketConnection::push_request(std::string_view frame) {
    if (!is_open() || out_.unsent_bytes() > owner_.limits().write_high_watermark_bytes) {
        return false;
    }
    out_.push_bytes(frame);
    if (!handling_) {
        flush_at_round_end();
    }
    return true;
}

void SocketConnection::invoke(const OutboundCommand& command, std::chrono::milliseconds timeout,
                              UniqueFunction<void(Result<InboundResponse>)> done) {
    const std::int32_t opaque = next_opaque_.fetch_add(1, std::memory_order_relaxed);
    std::string frame;
    encode_request(command, opaque, false, frame);
    thread_.loop.post([connection = self(), frame = std::move(frame), opaque,
                       timeout_ms = timeout.count(), done = std::move(done)]() mutable {
        connection->send_request(frame, opaque, timeout_ms, std::move(done));
    });
}

void SocketConnection::send_request(std::string_view frame, std::int32_t opaque,
                                    std::int64_t timeout_ms, PendingRequests::Done done) {
    if (!is_open()) {
        done(Error{Errc::kConnectionClosed, "connection to " + peer_.to_string() + " is closed"});
        return;
    }
    if (pending_.full() || !push_request(frame)) {
        done(Error{Errc::kBusy, peer_.to_string() + " does not read or answer"});
        return;
    }
    const std::int64_t deadline_ms = thread_.loop.now_ms() + timeout_ms;
    pending_.add(opaque, deadline_ms, std::move(done));
    if (deadline_ms < pending_timer_ms_) {
        arm_pending_timer(deadline_ms);
    }
}

// One timer per connection with pending requests; an earlier one that became needless ends in a
// look at an unchanged table.
void SocketConnection::arm_pending_timer(std::int64_t deadline_ms) {
    // Deadlines close together are served by one look at the table.
    constexpr std::int64_t kCoarseness_ms = 10;
    const std::int64_t now_ms = thread_.loop.now_ms();
    pending_timer_ms_ = std::max(deadline_ms, now_ms + kCoarseness_ms);
    thread_.loop.run_after(
        std::chrono::milliseconds(pending_timer_ms_ - now_ms),
        [weak = std::weak_ptr<Connection>(shared_from_this()), timer_ms = pending_timer_ms_] {
            if (const auto locked = weak.lock()) {
                static_cast<SocketConnection&>(*locked).on_pending_timer(timer_ms);
            }
        });
}

void SocketConnection::on_pending_timer(std::int64_t timer_ms) {
    if (timer_ms != pending_timer_ms_) {
        return;  // replaced by an earlier one
    }
    pending_timer_ms_ = PendingRequests::kNoDeadline;
    const std::int64_t earliest_ms = pending_.expire(thread_.loop.now_ms());
    if (earliest_ms < pending_timer_ms_) {
        arm_pending_timer(earliest_ms);
    }
}

void SocketConnection::close(const char* reason) {
    run_on_loop([connection = self(), reason] { connection->close_now(reason); });
}

void SocketConnection::close_now(const char* reason) {
    if (!is_open()) {
        return;
    }
    open_.store(false, std::memory_order_release);
    const auto kept = self();
    thread_.loop.remove(fd_);
    ::close(fd_);
    fd_ = -1;
    out_.clear();
    out_.release_memory();
    in_flight_ = 0;
    thread_.loop.keep_until_round_end(kept);
    owner_.on_closed(*this, reason);
    pending_.fail_all(
        {Errc::kConnectionClosed, "connection to " + peer_.to_string() + " closed: " + reason});
}

void SocketConnection::stop_reading() {
    stopped_ = true;
    update_interest();
}

bool SocketConnection::pause_reading(std::chrono::milliseconds pause) {
    if (!is_open() || slowed_) {
        return false;
    }
    slowed_ = true;
    if (!handling_) {
        update_interest();
    }
    thread_.loop.run_after(pause, [weak = std::weak_ptr<Connection>(shared_from_this())] {
        if (const auto locked = weak.lock()) {
            auto& connection = static_cast<SocketConnection&>(*locked);
            connection.slowed_ = false;
            connection.update_interest();
        }
    });
    return true;
}

void SocketConnection::release_memory() {
    partial_.release_memory();
    out_.release_memory();
}

}  // namespace rmq
