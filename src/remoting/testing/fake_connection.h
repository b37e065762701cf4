// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/connection.h"
#include "remoting/protocol/header_codec.h"
#include "remoting/request_registry.h"
#include "remoting/responder.h"

#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rmq::testing {

// A connection without a socket, for tests of processors: keeps what was sent and lets the test
// answer for the peer. Thread safety: any thread. Make it with std::make_shared.
class FakeConnection final : public Connection {
public:
    struct Reply {
        Response response;
        std::int32_t opaque = 0;
    };
    // A request made with invoke(). The test answers by calling `done` once; unanswered ones end
    // with kConnectionClosed when the connection goes.
    struct Invocation {
        OutboundCommand command;
        std::chrono::milliseconds timeout{};
        UniqueFunction<void(Result<InboundResponse>)> done;
    };

    explicit FakeConnection(std::string_view peer = "127.0.0.1:50001", unsigned io_thread = 0)
        : peer_(*parse_socket_address(peer)),
          local_(*parse_socket_address("127.0.0.1:10911")),
          io_thread_(io_thread) {}

    std::uint64_t id() const override { return id_; }
    const SocketAddress& peer() const override { return peer_; }
    const SocketAddress& local() const override { return local_; }
    unsigned io_thread() const override { return io_thread_; }
    bool is_open() const override { return open_; }

    void send_response(Response response, std::int32_t opaque) override {
        std::lock_guard lock(mutex_);
        replies_.push_back({std::move(response), opaque});
    }
    void send_oneway(const OutboundCommand& command) override {
        std::lock_guard lock(mutex_);
        oneways_.push_back(command);
    }
    void invoke(const OutboundCommand& command, std::chrono::milliseconds timeout,
                UniqueFunction<void(Result<InboundResponse>)> done) override {
        if (!open_) {
            done(Error{Errc::kConnectionClosed, "closed"});
            return;
        }
        std::lock_guard lock(mutex_);
        invocations_.push_back({command, timeout, std::move(done)});
    }
    bool pause_reading(std::chrono::milliseconds pause) override {
        std::lock_guard lock(mutex_);
        pauses_.push_back(pause);
        return true;
    }
    void close(const char* reason) override {
        open_ = false;
        std::vector<Invocation> unanswered;
        {
            std::lock_guard lock(mutex_);
            close_reason_ = reason;
            unanswered = std::exchange(invocations_, {});
        }
        for (auto& invocation : unanswered) {
            invocation.done(Error{Errc::kConnectionClosed, "closed"});
        }
    }

    // What was sent since the last call.
    std::vector<Reply> take_replies() { return take(replies_); }
    std::vector<OutboundCommand> take_oneways() { return take(oneways_); }
    std::vector<Invocation> take_invocations() { return take(invocations_); }
    std::vector<std::chrono::milliseconds> take_pauses() { return take(pauses_); }
    std::string close_reason() const {
        std::lock_guard lock(mutex_);
        return close_reason_;
    }

private:
    template <class T>
    std::vector<T> take(std::vector<T>& from) {
        std::lock_guard lock(mutex_);
        return std::exchange(from, {});
    }
    static std::uint64_t next_id() {
        static std::atomic<std::uint64_t> last{1'000'000};
        return ++last;
    }

    const std::uint64_t id_ = next_id();
    const SocketAddress peer_;
    const SocketAddress local_;
    const unsigned io_thread_;
    std::atomic<bool> open_{true};
    mutable std::mutex mutex_;
    std::vector<Reply> replies_;                     // guarded by mutex_
    std::vector<OutboundCommand> oneways_;           // guarded by mutex_
    std::vector<Invocation> invocations_;            // guarded by mutex_
    std::vector<std::chrono::milliseconds> pauses_;  // guarded by mutex_
    std::string close_reason_;                       // guarded by mutex_
};

// A request as a peer would send it, owning its text.
class FakeRequest {
public:
    explicit FakeRequest(RequestCode code,
                         std::vector<std::pair<std::string, std::string>> ext = {},
                         std::string body = {})
        : ext_(std::move(ext)), body_(std::move(body)) {
        command_.code = static_cast<std::int32_t>(code);
        command_.language = LanguageCode::kJava;
        command_.version = mq_version::kCurrent;
        command_.opaque = 7;
        command_.has_ext = !ext_.empty();
        for (const auto& [key, value] : ext_) {
            command_.ext.add(key, value);
        }
        command_.body = body_;
    }
    FakeRequest(const FakeRequest&) = delete;
    FakeRequest& operator=(const FakeRequest&) = delete;

    FakeRequest& version(std::int32_t version) {
        command_.version = version;
        return *this;
    }
    FakeRequest& oneway() {
        command_.flag |= kFlagOneway;
        return *this;
    }
    const RemotingCommand& command() const { return command_; }

    // Runs `handle(const Request&, Responder)`.
    template <class Handler>
    void send(const std::shared_ptr<FakeConnection>& connection, Handler&& handle) const {
        const std::shared_ptr<Connection> base = connection;
        handle(Request{command_, base}, Responder(base, command_.opaque, command_.is_oneway()));
    }
    // The same, and the one reply that it must have given at once; nothing when there is none yet.
    template <class Handler>
    std::optional<Response> call(const std::shared_ptr<FakeConnection>& connection,
                                 Handler&& handle) const {
        send(connection, handle);
        auto replies = connection->take_replies();
        if (replies.size() != 1 || replies[0].opaque != command_.opaque) {
            return std::nullopt;
        }
        return std::move(replies[0].response);
    }

private:
    const std::vector<std::pair<std::string, std::string>> ext_;
    const std::string body_;
    RemotingCommand command_;
};

// The value of one extField of a reply, undoing the simple escapes that ExtWriter makes.
inline std::string ext_value(const Response& response, std::string_view key) {
    const std::string wanted = "\"" + std::string(key) + "\":\"";
    const std::string_view text = response.ext.text();
    auto at = text.find(wanted);
    if (at == std::string_view::npos) {
        return {};
    }
    std::string value;
    for (at += wanted.size(); at < text.size() && text[at] != '"'; ++at) {
        if (text[at] == '\\' && at + 1 < text.size()) {
            ++at;
        }
        value += text[at];
    }
    return value;
}

}  // namespace rmq::testing
