// SPDX-License-Identifier: Apache-2.0
#include "remoting/remoting_client.h"

#include "common/testing/catch.h"
#include "remoting/testing/test_server.h"

#include <arpa/inet.h>

#include <atomic>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

using namespace rmq;
using namespace rmq::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

OutboundCommand echo(std::string body) {
    OutboundCommand command(RequestCode::GET_MAX_OFFSET);
    command.ext.add("n", "7");
    command.body = std::move(body);
    return command;
}

std::string address_of(const TestServer& server) {
    return "127.0.0.1:" + std::to_string(server.port());
}

// A port that nobody listens on.
std::uint16_t unused_port() {
    TestServer server;
    server.start();
    return server.port();
}

// A listener whose queue is full and never served: to connect takes for ever.
class FullListener {
public:
    FullListener() {
        sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        fds_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::bind(fds_[0], reinterpret_cast<sockaddr*>(&any), sizeof any) == 0);
        REQUIRE(::listen(fds_[0], 0) == 0);
        socklen_t size = sizeof any;
        REQUIRE(::getsockname(fds_[0], reinterpret_cast<sockaddr*>(&any), &size) == 0);
        port_ = ntohs(any.sin_port);
        for (int i = 0; i < 4; ++i) {
            fds_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
            ::connect(fds_.back(), reinterpret_cast<sockaddr*>(&any), sizeof any);
        }
    }
    FullListener(const FullListener&) = delete;
    FullListener& operator=(const FullListener&) = delete;
    ~FullListener() {
        for (const int fd : fds_) {
            ::close(fd);
        }
    }
    std::uint16_t port() const { return port_; }

private:
    std::vector<int> fds_;
    std::uint16_t port_ = 0;
};

}  // namespace

TEST_CASE("RemotingClient: a call makes the round trip, by address and by name", "[remoting]") {
    TestServer server({}, 2);
    REQUIRE(server.start());
    RemotingClient client(server.pool);
    for (const std::string host : {"127.0.0.1:", "localhost:"}) {
        const auto answer =
            client.invoke_sync(host + std::to_string(server.port()), echo("hello"), seconds(20));
        REQUIRE(answer);
        CHECK(answer->code == 0);
        CHECK(answer->version == mq_version::kCurrent);
        CHECK(answer->ext_value("n") == "7");
        CHECK(answer->ext_value("none").empty());
        CHECK(answer->body == "hello");
    }
}

TEST_CASE("RemotingClient: many calls share one connection", "[remoting]") {
    TestServer server({}, 2);
    REQUIRE(server.start());
    RemotingClient client(server.pool);
    std::atomic<int> right{0};
    for (int i = 0; i < 1000; ++i) {
        client.invoke(address_of(server), echo(std::to_string(i)), seconds(20),
                      [&right, i](Result<InboundResponse> answer) {
                          right += answer && answer->body == std::to_string(i);
                      });
    }
    CHECK(eventually([&] { return right == 1000; }));
    CHECK(server.server->stats().connections_accepted == 1);
}

TEST_CASE("RemotingClient: failures have their own codes", "[remoting]") {
    TestServer server;
    REQUIRE(server.start());
    RemotingClient client(server.pool);
    const auto code_of = [&](const std::string& address, milliseconds timeout) {
        const auto answer =
            client.invoke_sync(address, OutboundCommand(RequestCode::PULL_MESSAGE), timeout);
        REQUIRE_FALSE(answer);
        return answer.error().code;
    };
    CHECK(code_of("127.0.0.1:" + std::to_string(unused_port()), seconds(20)) == Errc::kUnavailable);
    CHECK(code_of("no.such.host.invalid:1", seconds(60)) == Errc::kUnavailable);
    const auto* const bad = GENERATE("", "127.0.0.1", ":1", "127.0.0.1:", "127.0.0.1:0",
                                     "127.0.0.1:65536", "127.0.0.1:x");
    CHECK(code_of(bad, seconds(20)) == Errc::kInvalidArgument);
    CHECK(code_of(address_of(server), milliseconds(20)) == Errc::kTimeout);
}

TEST_CASE("RemotingClient: a server that lets nobody in is given up after the connect timeout",
          "[remoting][config]") {
    const FullListener listener;
    IoPool pool(1, "client");
    pool.start();
    RemotingClient client(pool, nullptr, milliseconds(20));
    // Without a timeout of its own for connecting, the call's would pass first.
    const auto answer = client.invoke_sync("127.0.0.1:" + std::to_string(listener.port()),
                                           echo("x"), milliseconds(2000));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == Errc::kUnavailable);
    CHECK(answer.error().remark.ends_with("no answer in time"));
}

TEST_CASE("RemotingClient: a lost connection ends its calls and the next call opens another",
          "[remoting]") {
    TestServer server({}, 2);
    REQUIRE(server.start());
    IoPool pool(1, "client");
    pool.start();
    RemotingClient client(pool);
    REQUIRE(client.invoke_sync(address_of(server), echo("a"), seconds(20)));
    std::atomic<int> closed{0};
    client.invoke(address_of(server), OutboundCommand(RequestCode::PULL_MESSAGE), seconds(600),
                  [&](Result<InboundResponse> answer) {
                      closed += !answer && answer.error().code == Errc::kConnectionClosed;
                  });
    REQUIRE(eventually([&] { return server.held_count() == 1; }));
    auto held = server.take_held();
    held[0].connection().close("test");
    CHECK(eventually([&] { return closed == 1; }));
    CHECK(client.invoke_sync(address_of(server), echo("b"), seconds(20)));
    CHECK(server.server->stats().connections_accepted == 2);
}

TEST_CASE("RemotingClient: it serves requests that the server sends over its connection",
          "[remoting]") {
    TestServer server;
    REQUIRE(server.start());
    RequestRegistry registry;
    registry.add(RequestCode::NOTIFY_CONSUMER_IDS_CHANGED,
                 [](const Request& request, Responder responder) {
                     Response response;
                     response.body = "saw " + std::string(request.body());
                     responder.send(std::move(response));
                 });
    IoPool pool(1, "client");
    pool.start();
    RemotingClient client(pool, &registry);
    client.send_oneway(address_of(server), OutboundCommand(RequestCode::HEART_BEAT));
    REQUIRE(eventually([&] { return server.seen_connections().size() == 1; }));
    std::atomic<bool> answered{false};
    OutboundCommand command(RequestCode::NOTIFY_CONSUMER_IDS_CHANGED);
    command.body = "it";
    server.seen_connections()[0]->invoke(command, seconds(20), [&](Result<InboundResponse> answer) {
        answered = answer && answer->body == "saw it";
    });
    CHECK(eventually([&] { return answered.load(); }));
}

TEST_CASE("RemotingClient: stop ends what is pending, and calls after it fail", "[remoting]") {
    TestServer server;
    REQUIRE(server.start());
    RemotingClient client(server.pool);
    std::atomic<int> closed{0};
    const auto count = [&](Result<InboundResponse> answer) {
        closed += !answer && answer.error().code == Errc::kConnectionClosed;
    };
    client.invoke(address_of(server), OutboundCommand(RequestCode::PULL_MESSAGE), seconds(600),
                  count);
    REQUIRE(eventually([&] { return server.held_count() == 1; }));
    client.stop();
    CHECK(closed == 1);
    client.invoke(address_of(server), echo("x"), seconds(600), count);
    CHECK(eventually([&] { return closed == 2; }));
}
