// SPDX-License-Identifier: Apache-2.0
#include "remoting/remoting_server.h"

#include "common/assert.h"
#include "common/clock.h"
#include "common/log.h"
#include "remoting/connection_set.h"
#include "remoting/socket_ops.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <vector>

#include <sys/epoll.h>
#include <unistd.h>

namespace rmq {

namespace {

using std::chrono::milliseconds;

constexpr int kAcceptsPerRound = 64;
constexpr milliseconds kAcceptPause{200};
constexpr milliseconds kDrainLook{2};

Logger& logger() {
    static Logger& instance = log_of("remoting");
    return instance;
}

// Written by one thread, read by any.
class Counter {
public:
    void add(std::uint64_t n = 1) {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

}  // namespace

// Lives as long as any task of its io threads mentions it.
struct RemotingServer::Impl : std::enable_shared_from_this<Impl> {
    // One io thread's share of the connections.
    struct Shard final : ConnectionOwner {
        Shard(Impl& of, IoThread& on) : server(of), thread(on) {}

        const ConnectionLimits& limits() const override { return server.limits; }
        void on_request(const Request& request, Responder responder) override {
            requests.add();
            server.registry.dispatch(request, std::move(responder));
        }
        void on_malformed(const SocketConnection& connection, const Error& error) override;
        void on_closed(SocketConnection& connection, const char* reason) override;

        void adopt(int fd);
        void sweep();
        void drain(std::int64_t deadline_ms);
        void close_all(const char* reason);

        Impl& server;
        IoThread& thread;
        ConnectionSet connections;
        bool draining = false;
        Counter requests;
        Counter malformed;
        Counter idle_closed;
    };

    struct Listener final : EventHandler {
        explicit Listener(Impl& of) : server(of) {}
        void on_events(std::uint32_t) override { server.accept_some(); }
        Impl& server;
    };

    Impl(IoPool::Impl& with_pool, const RequestRegistry& with_registry,
         RemotingServerOptions with_options,
         std::function<void(const std::shared_ptr<Connection>&)> with_on_close)
        : pool(with_pool),
          registry(with_registry),
          options(std::move(with_options)),
          on_close(std::move(with_on_close)),
          limits{options.frame_max_bytes, options.write_high_watermark_bytes,
                 options.write_low_watermark_bytes, options.in_flight_max} {
        for (const auto& lane : pool.lanes) {
            shards.push_back(std::make_unique<Shard>(*this, *lane));
        }
    }

    void begin_sweeping();
    void accept_some();
    void refuse_for_a_while(int error_number);
    void close_listener();
    void shard_drained();

    IoPool::Impl& pool;
    const RequestRegistry& registry;
    const RemotingServerOptions options;
    const std::function<void(const std::shared_ptr<Connection>&)> on_close;
    const ConnectionLimits limits;
    std::vector<std::unique_ptr<Shard>> shards;
    Listener listener{*this};
    int listen_fd = -1;
    std::uint16_t port = 0;
    bool accepting = false;  // on io thread 0
    std::size_t next_shard = 0;
    bool stopped = false;
    Counter accepted;
    std::atomic<std::uint64_t> open{0};
    LogLimiter malformed_limiter;
    LogLimiter accept_limiter;
    LogLimiter full_limiter;

    std::mutex drain_mutex;
    std::condition_variable drained;
    std::size_t shards_draining = 0;  // guarded by drain_mutex
};

void RemotingServer::Impl::Shard::on_malformed(const SocketConnection& connection,
                                               const Error& error) {
    malformed.add();
    const auto admission = server.malformed_limiter.admit(thread.loop.now_ms());
    if (admission.admitted) {
        logger().warn("malformed_frame peer={} port={} error={} remark=\"{}\" suppressed={}",
                      connection.peer().to_string(), server.port, errc_name(error.code),
                      error.remark, admission.suppressed);
    }
}

void RemotingServer::Impl::Shard::on_closed(SocketConnection& connection, const char* reason) {
    connections.remove(connection);
    server.open.fetch_sub(1, std::memory_order_relaxed);
    logger().debug("connection_closed id={} peer={} reason=\"{}\"", connection.id(),
                   connection.peer().to_string(), reason);
    if (server.on_close) {
        server.on_close(connection.shared_from_this());
    }
}

void RemotingServer::Impl::Shard::adopt(int fd) {
    if (draining) {
        ::close(fd);
        server.open.fetch_sub(1, std::memory_order_relaxed);
        return;
    }
    auto connection = std::make_shared<SocketConnection>(thread, *this, fd);
    connections.add(connection);
    connection->start();
}

void RemotingServer::Impl::Shard::sweep() {
    constexpr std::int64_t kRestMs = 2000;
    const std::int64_t now_ms = thread.loop.now_ms();
    idle_closed.add(
        connections.sweep(now_ms - server.options.idle_seconds * 1000, now_ms - kRestMs));
}

void RemotingServer::Impl::Shard::close_all(const char* reason) {
    draining = true;
    connections.for_each([reason](SocketConnection& connection) { connection.close(reason); });
}

void RemotingServer::Impl::Shard::drain(std::int64_t deadline_ms) {
    bool busy = false;
    draining = true;
    connections.for_each([&busy](SocketConnection& connection) {
        connection.stop_reading();
        busy = busy || connection.is_busy();
    });
    if (busy && thread.loop.now_ms() < deadline_ms) {
        thread.loop.run_after(kDrainLook, [this, deadline_ms, alive = server.shared_from_this()] {
            drain(deadline_ms);
        });
        return;
    }
    close_all("server stopped");
    server.shard_drained();
}

void RemotingServer::Impl::shard_drained() {
    std::lock_guard lock(drain_mutex);
    --shards_draining;
    drained.notify_all();
}

void RemotingServer::Impl::begin_sweeping() {
    const milliseconds period{std::clamp<std::int64_t>(options.idle_seconds * 1000 / 24, 50, 5000)};
    for (const auto& shard : shards) {
        EventLoop& loop = shard->thread.loop;
        loop.post([&loop, period, shard = shard.get(), weak = weak_from_this()] {
            loop.run_every(period, [shard, weak] {
                if (const auto alive = weak.lock()) {
                    shard->sweep();
                }
            });
        });
    }
}

void RemotingServer::Impl::accept_some() {
    for (int i = 0; accepting && i < kAcceptsPerRound; ++i) {
        const Accepted peer = accept_from(listen_fd);
        if (peer.kind == Accepted::Kind::kNone) {
            return;
        }
        if (peer.kind == Accepted::Kind::kExhausted) {
            refuse_for_a_while(peer.error_number);
            return;
        }
        if (open.load(std::memory_order_relaxed) >= options.connections_max) {
            ::close(peer.fd);
            const auto admission = full_limiter.admit(pool.lanes[0]->loop.now_ms());
            if (admission.admitted) {
                logger().warn("too_many_connections port={} max={} suppressed={}", port,
                              options.connections_max, admission.suppressed);
            }
            continue;
        }
        accepted.add();
        open.fetch_add(1, std::memory_order_relaxed);
        Shard& shard = *shards[next_shard++ % shards.size()];
        if (shard.thread.loop.is_current()) {
            shard.adopt(peer.fd);
        } else {
            shard.thread.loop.post(
                [&shard, fd = peer.fd, alive = shared_from_this()] { shard.adopt(fd); });
        }
    }
}

// Without a free descriptor the backlog cannot be emptied: stop asking for a moment, or the
// level-triggered event would spin.
void RemotingServer::Impl::refuse_for_a_while(int error_number) {
    EventLoop& loop = pool.lanes[0]->loop;
    const auto admission = accept_limiter.admit(loop.now_ms());
    if (admission.admitted) {
        logger().error("accept_failed port={} errno={} open={} suppressed={}", port, error_number,
                       open.load(std::memory_order_relaxed), admission.suppressed);
    }
    loop.modify(listen_fd, 0, listener);
    loop.run_after(kAcceptPause, [weak = weak_from_this()] {
        const auto alive = weak.lock();
        if (alive && alive->accepting) {
            alive->pool.lanes[0]->loop.modify(alive->listen_fd, EPOLLIN, alive->listener);
        }
    });
}

void RemotingServer::Impl::close_listener() {
    if (accepting) {
        accepting = false;
        pool.lanes[0]->loop.remove(listen_fd);
        ::close(listen_fd);
        listen_fd = -1;
    }
}

RemotingServer::RemotingServer(IoPool& pool, const RequestRegistry& registry,
                               RemotingServerOptions options,
                               std::function<void(const std::shared_ptr<Connection>&)> on_close)
    : impl_(
          std::make_shared<Impl>(pool.impl(), registry, std::move(options), std::move(on_close))) {
    RMQ_ASSERT(impl_->options.in_flight_max > 0, "a server that takes no request serves nobody");
}

RemotingServer::~RemotingServer() {
    stop(milliseconds(0));
}

Status RemotingServer::listen() {
    RMQ_TRY(const auto address,
            make_socket_address(impl_->options.bind_address, impl_->options.port));
    RMQ_TRY(impl_->listen_fd,
            listen_on(address, {.send_bytes = impl_->options.send_buffer_bytes,
                                .receive_bytes = impl_->options.receive_buffer_bytes}));
    impl_->port = static_cast<std::uint16_t>(local_address(impl_->listen_fd).port);
    impl_->accepting = true;
    impl_->begin_sweeping();
    // The last step: from here on io thread 0 may call the listener.
    return impl_->pool.lanes[0]->loop.add(impl_->listen_fd, EPOLLIN, impl_->listener);
}

std::uint16_t RemotingServer::port() const {
    return impl_->port;
}

void RemotingServer::stop(std::chrono::milliseconds drain) {
    Impl& server = *impl_;
    if (server.stopped) {
        return;
    }
    server.stopped = true;
    if (!server.pool.running) {
        server.close_listener();
        for (const auto& shard : server.shards) {
            shard->close_all("server stopped");
        }
        return;
    }
    RMQ_ASSERT(EventLoop::current() == nullptr, "an io thread cannot wait for io threads");
    std::unique_lock lock(server.drain_mutex);
    server.shards_draining = server.shards.size();
    // First the listener, so that what it accepted is with the shards before they drain.
    server.shards[0]->thread.loop.post([&server, drain, alive = impl_] {
        server.close_listener();
        for (const auto& shard : server.shards) {
            EventLoop& loop = shard->thread.loop;
            loop.post([&loop, &shard = *shard, drain, alive] {
                shard.drain(loop.now_ms() + drain.count());
            });
        }
    });
    server.drained.wait(lock, [&server] { return server.shards_draining == 0; });
}

RemotingServerStats RemotingServer::stats() const {
    RemotingServerStats stats;
    stats.connections_open = impl_->open.load(std::memory_order_relaxed);
    stats.connections_accepted = impl_->accepted.get();
    for (const auto& shard : impl_->shards) {
        stats.requests += shard->requests.get();
        stats.malformed_frames += shard->malformed.get();
        stats.idle_closed += shard->idle_closed.get();
    }
    return stats;
}

}  // namespace rmq
