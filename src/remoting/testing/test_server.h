// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/remoting_server.h"
#include "remoting/testing/raw_peer.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace rmq::testing {

// Waits for a condition that other threads bring about; false after a generous deadline.
inline bool eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) {
            return false;
        }
        std::this_thread::yield();
    }
    return true;
}

// A server on a free port of 127.0.0.1 with a few handlers: kEcho answers at once with the
// request's body and its field n; kHold keeps the Responder for the test; kDrop forgets it.
class TestServer {
public:
    static constexpr int kEcho = static_cast<int>(RequestCode::GET_MAX_OFFSET);
    static constexpr int kHold = static_cast<int>(RequestCode::PULL_MESSAGE);
    static constexpr int kDrop = static_cast<int>(RequestCode::HEART_BEAT);

    explicit TestServer(RemotingServerOptions options = {}, unsigned io_threads = 1)
        : pool(io_threads) {
        registry.add(RequestCode::GET_MAX_OFFSET,
                     [this](const Request& request, Responder responder) {
                         ++echoed;
                         Response response;
                         response.ext.add("n", request.ext().find("n").value_or(""));
                         response.body = request.body();
                         responder.send(std::move(response));
                     });
        registry.add(RequestCode::PULL_MESSAGE, [this](const Request&, Responder responder) {
            std::lock_guard lock(mutex);
            held.push_back(std::move(responder));
        });
        registry.add(RequestCode::HEART_BEAT, [this](const Request& request, Responder) {
            std::lock_guard lock(mutex);
            connections.push_back(request.connection);
        });
        if (options.bind_address == "0.0.0.0") {
            options.bind_address = "127.0.0.1";
        }
        server.emplace(pool, registry, options,
                       [this](const std::shared_ptr<Connection>&) { ++closed; });
    }
    ~TestServer() {
        take_held();
        server.reset();
    }

    bool start() {
        const bool listening{server->listen()};
        pool.start();
        return listening;
    }
    std::uint16_t port() const { return server->port(); }
    RawPeer peer() const { return RawPeer(port()); }

    std::size_t held_count() {
        std::lock_guard lock(mutex);
        return held.size();
    }
    // Dropping what this returns answers it.
    std::vector<Responder> take_held() {
        std::lock_guard lock(mutex);
        return std::exchange(held, {});
    }
    // The connections that sent kDrop.
    std::vector<std::shared_ptr<Connection>> seen_connections() {
        std::lock_guard lock(mutex);
        return connections;
    }
    // True when a fresh connection is served.
    bool is_alive() const {
        const RawPeer other(port());
        return other.send(request_frame(kEcho, 99, "alive")) &&
               other.receive_bytes().value_or("").ends_with("alive");
    }

    IoPool pool;
    RequestRegistry registry;
    std::optional<RemotingServer> server;
    std::atomic<int> closed{0};
    std::atomic<int> echoed{0};
    std::mutex mutex;
    std::vector<Responder> held;                           // guarded by mutex
    std::vector<std::shared_ptr<Connection>> connections;  // guarded by mutex
};

}  // namespace rmq::testing
