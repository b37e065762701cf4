// SPDX-License-Identifier: Apache-2.0
#include "remoting/remoting_client.h"

#include "common/assert.h"
#include "common/blocking_pool.h"
#include "common/limits.h"
#include "common/log.h"
#include "remoting/connection_set.h"
#include "remoting/socket_ops.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <sys/epoll.h>
#include <unistd.h>

namespace rmq {

namespace {

using std::chrono::milliseconds;
using Done = UniqueFunction<void(Result<InboundResponse>)>;

constexpr milliseconds kSweepPeriod{5000};
constexpr std::size_t kResolvesQueuedMax = 1024;

// A request that waits for its connection.
struct Call {
    OutboundCommand command;
    std::int64_t deadline_ms = 0;
    Done done;  // empty: oneway
};

struct HostAndPort {
    std::string host;
    std::uint16_t port = 0;
};

Result<HostAndPort> split_address(const std::string& address) {
    const auto colon = address.rfind(':');
    HostAndPort parts;
    if (colon != std::string::npos && colon > 0) {
        parts.host = address.substr(0, colon);
        if (parts.host.size() > 2 && parts.host.front() == '[' && parts.host.back() == ']') {
            parts.host = parts.host.substr(1, parts.host.size() - 2);
        }
        const char* const end = address.data() + address.size();
        const auto [stop, status] = std::from_chars(address.data() + colon + 1, end, parts.port);
        if (status == std::errc{} && stop == end && parts.port > 0) {
            return parts;
        }
    }
    return Error{Errc::kInvalidArgument, "not a host:port address: \"" + address + "\""};
}

}  // namespace

// Everything but resolve_pool_mutex and what it guards lives on io thread 0.
struct RemotingClient::Impl final : ConnectionOwner, std::enable_shared_from_this<Impl> {
    // One server: a connection, or the attempt to get one with the calls that wait for it.
    struct Peer final : EventHandler {
        Peer(Impl& of, std::string at) : client(of), address(std::move(at)) {}
        void on_events(std::uint32_t) override { client.connect_ended(*this); }

        Impl& client;
        const std::string address;
        std::shared_ptr<SocketConnection> connection;
        bool connecting = false;
        int connect_fd = -1;
        std::uint64_t attempt = 0;  // tells a late timer from the current attempt
        std::vector<SocketAddress> candidates;
        std::vector<Call> waiting;
    };

    Impl(IoPool::Impl& with_pool, const RequestRegistry* with_registry,
         milliseconds with_connect_timeout)
        : pool(with_pool),
          thread(*with_pool.lanes[0]),
          registry(with_registry),
          connect_timeout(with_connect_timeout) {}

    const ConnectionLimits& limits() const override { return connection_limits; }
    void on_request(const Request& request, Responder responder) override;
    void on_malformed(const SocketConnection& connection, const Error& error) override;
    void on_closed(SocketConnection& connection, const char* reason) override;

    void submit(const std::string& address, Call call);
    void deliver(SocketConnection& connection, Call call);
    void begin(Peer& peer);
    void resolve_then_connect(Peer& peer, HostAndPort target);
    void connect_next(Peer& peer, const Error& last_error);
    void connect_ended(Peer& peer);
    void connect_failed(Peer& peer, const Error& error);
    void drop_connect_socket(Peer& peer);
    void close_all();
    void start_sweeping();
    void expire_waiting(const std::string& address);

    IoPool::Impl& pool;
    IoThread& thread;
    const RequestRegistry* const registry;
    const milliseconds connect_timeout;
    const ConnectionLimits connection_limits{
        limits::kFrameMaxBytes, limits::kWriteHighWatermarkBytes, limits::kWriteLowWatermarkBytes,
        limits::kInFlightPerConnectionMax};
    std::map<std::string, std::unique_ptr<Peer>> peers;
    ConnectionSet connections;
    bool sweeping = false;
    bool stopped = false;
    LogLimiter malformed_limiter;

    std::mutex resolve_pool_mutex;
    std::optional<BlockingPool> resolve_pool;  // guarded by resolve_pool_mutex
};

void RemotingClient::Impl::on_request(const Request& request, Responder responder) {
    static const RequestRegistry kNone;
    (registry != nullptr ? *registry : kNone).dispatch(request, std::move(responder));
}

void RemotingClient::Impl::on_malformed(const SocketConnection& connection, const Error& error) {
    const auto admission = malformed_limiter.admit(thread.loop.now_ms());
    if (admission.admitted) {
        log_of("remoting")
            .warn("malformed_answer peer={} error={} remark=\"{}\" suppressed={}",
                  connection.peer().to_string(), errc_name(error.code), error.remark,
                  admission.suppressed);
    }
}

void RemotingClient::Impl::on_closed(SocketConnection& connection, const char*) {
    connections.remove(connection);
    for (auto& [address, peer] : peers) {
        if (peer->connection.get() == &connection) {
            peer->connection.reset();
        }
    }
}

void RemotingClient::Impl::submit(const std::string& address, Call call) {
    if (stopped) {
        if (call.done) {
            call.done(Error{Errc::kConnectionClosed, "the client is stopped"});
        }
        return;
    }
    auto& peer = peers[address];
    if (!peer) {
        peer = std::make_unique<Peer>(*this, address);
    }
    if (peer->connection != nullptr) {
        deliver(*peer->connection, std::move(call));
        return;
    }
    if (peer->waiting.size() >= limits::kPendingPerConnectionMax) {
        if (call.done) {
            call.done(Error{Errc::kBusy, "too many requests wait for " + address});
        }
        return;
    }
    const std::int64_t left_ms = call.deadline_ms - thread.loop.now_ms();
    peer->waiting.push_back(std::move(call));
    if (!peer->connecting) {
        begin(*peer);
    }
    if (peer->connecting) {
        thread.loop.run_after(milliseconds(left_ms), [weak = weak_from_this(), address] {
            if (const auto alive = weak.lock()) {
                alive->expire_waiting(address);
            }
        });
    }
}

void RemotingClient::Impl::deliver(SocketConnection& connection, Call call) {
    if (!call.done) {
        connection.send_oneway(call.command);
        return;
    }
    const std::int64_t left_ms = call.deadline_ms - thread.loop.now_ms();
    connection.invoke(call.command, milliseconds(left_ms), std::move(call.done));
}

void RemotingClient::Impl::begin(Peer& peer) {
    peer.connecting = true;
    const std::uint64_t attempt = ++peer.attempt;
    thread.loop.run_after(
        connect_timeout, [weak = weak_from_this(), address = peer.address, attempt] {
            const auto alive = weak.lock();
            const auto found = alive ? alive->peers.find(address) : decltype(alive->peers.end()){};
            if (alive && found != alive->peers.end() && found->second->connecting &&
                found->second->attempt == attempt) {
                alive->connect_failed(
                    *found->second,
                    {Errc::kUnavailable, "cannot connect to " + address + ": no answer in time"});
            }
        });
    const auto target = split_address(peer.address);
    if (!target) {
        connect_failed(peer, target.error());
        return;
    }
    if (const auto numeric = make_socket_address(target->host, target->port); numeric) {
        peer.candidates = {*numeric};
        connect_next(peer, {Errc::kUnavailable, "no address"});
    } else {
        resolve_then_connect(peer, *target);
    }
}

void RemotingClient::Impl::resolve_then_connect(Peer& peer, HostAndPort target) {
    // stop() joins the resolver, so it never outlives this.
    UniqueFunction<void()> work = [this, target = std::move(target), address = peer.address,
                                   attempt = peer.attempt]() mutable {
        auto found = resolve(target.host, target.port);
        thread.loop.post(
            [alive = shared_from_this(), found = std::move(found), address, attempt]() mutable {
                const auto at = alive->peers.find(address);
                if (at == alive->peers.end() || !at->second->connecting ||
                    at->second->attempt != attempt) {
                    return;
                }
                if (!found) {
                    alive->connect_failed(*at->second, {Errc::kUnavailable, found.error().remark});
                    return;
                }
                at->second->candidates = std::move(*found);
                alive->connect_next(*at->second, {Errc::kUnavailable, "no address of " + address});
            });
    };
    bool queued = false;
    {
        std::lock_guard lock(resolve_pool_mutex);
        if (!resolve_pool) {
            resolve_pool.emplace("resolve", 1U, kResolvesQueuedMax);
        }
        queued = resolve_pool->post(work);
    }
    if (!queued) {
        connect_failed(peer, {Errc::kUnavailable, "too many host names to resolve"});
    }
}

void RemotingClient::Impl::connect_next(Peer& peer, const Error& last_error) {
    Error error = last_error;
    while (!peer.candidates.empty()) {
        const SocketAddress candidate = peer.candidates.front();
        peer.candidates.erase(peer.candidates.begin());
        const auto fd = begin_connect(candidate);
        if (fd) {
            peer.connect_fd = *fd;
            const auto watched = thread.loop.add(*fd, EPOLLOUT, peer);
            if (watched) {
                return;
            }
            drop_connect_socket(peer);
            error = watched.error();
        } else {
            error = fd.error();
        }
    }
    connect_failed(peer, {Errc::kUnavailable, error.remark});
}

void RemotingClient::Impl::connect_ended(Peer& peer) {
    if (peer.connect_fd < 0) {
        return;
    }
    const auto status = connect_status(peer.connect_fd);
    if (!status) {
        drop_connect_socket(peer);
        connect_next(peer, {Errc::kUnavailable, peer.address + ": " + status.error().remark});
        return;
    }
    const int fd = std::exchange(peer.connect_fd, -1);
    thread.loop.remove(fd);
    peer.connecting = false;
    peer.candidates.clear();
    peer.connection = std::make_shared<SocketConnection>(thread, *this, fd);
    connections.add(peer.connection);
    const auto connection = peer.connection;
    connection->start();
    std::vector<Call> waiting = std::move(peer.waiting);
    peer.waiting.clear();
    for (Call& call : waiting) {
        deliver(*connection, std::move(call));
    }
}

void RemotingClient::Impl::connect_failed(Peer& peer, const Error& error) {
    drop_connect_socket(peer);
    peer.connecting = false;
    peer.candidates.clear();
    std::vector<Call> waiting = std::move(peer.waiting);
    peer.waiting.clear();
    for (Call& call : waiting) {
        if (call.done) {
            call.done(error);
        }
    }
}

void RemotingClient::Impl::drop_connect_socket(Peer& peer) {
    if (peer.connect_fd >= 0) {
        thread.loop.remove(peer.connect_fd);
        ::close(peer.connect_fd);
        peer.connect_fd = -1;
    }
}

void RemotingClient::Impl::start_sweeping() {
    if (std::exchange(sweeping, true)) {
        return;
    }
    thread.loop.run_every(kSweepPeriod, [weak = weak_from_this()] {
        if (const auto alive = weak.lock()) {
            const std::int64_t now_ms = alive->thread.loop.now_ms();
            alive->connections.sweep(now_ms - limits::kIdleSeconds * 1000,
                                     now_ms - kSweepPeriod.count());
        }
    });
}

// Ends the calls whose own deadline passes while their connection is still being made.
void RemotingClient::Impl::expire_waiting(const std::string& address) {
    const auto found = peers.find(address);
    if (found == peers.end()) {
        return;
    }
    std::vector<Call>& waiting = found->second->waiting;
    const auto late = std::stable_partition(
        waiting.begin(), waiting.end(),
        [now_ms = thread.loop.now_ms()](const Call& call) { return call.deadline_ms > now_ms; });
    std::vector<Call> expired(std::make_move_iterator(late),
                              std::make_move_iterator(waiting.end()));
    waiting.erase(late, waiting.end());
    for (Call& call : expired) {
        if (call.done) {
            call.done(Error{Errc::kTimeout, "no connection to " + address + " in time"});
        }
    }
}

void RemotingClient::Impl::close_all() {
    stopped = true;
    for (auto& [address, peer] : peers) {
        connect_failed(*peer, {Errc::kConnectionClosed, "the client is stopped"});
    }
    connections.for_each([](SocketConnection& connection) { connection.close("client stopped"); });
}

RemotingClient::RemotingClient(IoPool& pool, const RequestRegistry* registry,
                               std::chrono::milliseconds connect_timeout)
    : impl_(std::make_shared<Impl>(pool.impl(), registry, connect_timeout)) {}

RemotingClient::~RemotingClient() {
    stop();
}

void RemotingClient::invoke(const std::string& address, OutboundCommand command,
                            std::chrono::milliseconds timeout,
                            UniqueFunction<void(Result<InboundResponse>)> done) {
    impl_->thread.loop.post([client = impl_, address, timeout,
                             call = Call{std::move(command), 0, std::move(done)}]() mutable {
        client->start_sweeping();
        call.deadline_ms = client->thread.loop.now_ms() + timeout.count();
        client->submit(address, std::move(call));
    });
}

void RemotingClient::send_oneway(const std::string& address, OutboundCommand command) {
    invoke(address, std::move(command), impl_->connect_timeout, {});
}

Result<InboundResponse> RemotingClient::invoke_sync(const std::string& address,
                                                    OutboundCommand command,
                                                    std::chrono::milliseconds timeout) {
    RMQ_ASSERT(EventLoop::current() == nullptr, "an io thread would wait for itself");
    struct Answer {
        std::mutex mutex;
        std::condition_variable arrived;
        std::optional<Result<InboundResponse>> result;  // guarded by mutex
    };
    const auto answer = std::make_shared<Answer>();
    invoke(address, std::move(command), timeout, [answer](Result<InboundResponse> result) {
        std::lock_guard lock(answer->mutex);
        answer->result = std::move(result);
        answer->arrived.notify_all();
    });
    // The loop ends the call in time; the grace only covers a pool that is no longer running.
    constexpr milliseconds kGrace{2000};
    std::unique_lock lock(answer->mutex);
    if (!answer->arrived.wait_for(lock, timeout + kGrace,
                                  [&answer] { return answer->result.has_value(); })) {
        return Error{Errc::kTimeout, "no answer from " + address + " in time"};
    }
    return std::move(*answer->result);
}

void RemotingClient::stop() {
    {
        // Joins the resolver, which posts to the loop.
        std::lock_guard lock(impl_->resolve_pool_mutex);
        if (impl_->resolve_pool) {
            impl_->resolve_pool->stop();
        }
    }
    EventLoop& loop = impl_->thread.loop;
    if (loop.is_current() || !impl_->pool.running) {
        impl_->close_all();
        return;
    }
    std::promise<void> closed;
    loop.post([client = impl_, &closed] {
        client->close_all();
        closed.set_value();
    });
    closed.get_future().wait();
}

}  // namespace rmq
