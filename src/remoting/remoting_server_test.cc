// SPDX-License-Identifier: Apache-2.0
#include "remoting/remoting_server.h"

#include "common/testing/catch.h"
#include "remoting/testing/open_sockets.h"
#include "remoting/testing/test_server.h"

#include <algorithm>
#include <future>
#include <thread>

#include <fcntl.h>
#include <sys/resource.h>

using namespace rmq;
using namespace rmq::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("RemotingServer: a reply carries the opaque, the fields and the body", "[remoting]") {
    TestServer server;
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    REQUIRE(peer.send(request_frame(TestServer::kEcho, -17, "hello")));
    RawPeer::Frame frame;
    REQUIRE(peer.receive(frame));
    CHECK(frame.command.is_response());
    CHECK(frame.command.opaque == -17);
    CHECK(frame.command.code == 0);
    CHECK(frame.command.ext.find("n") == "-17");
    CHECK(frame.command.body == "hello");
    CHECK(frame.command.version == mq_version::kCurrent);
}

TEST_CASE("RemotingServer: an unknown request code is answered, not punished", "[remoting]") {
    TestServer server;
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    REQUIRE(peer.send(request_frame(4711, 1)));
    RawPeer::Frame frame;
    REQUIRE(peer.receive(frame));
    CHECK(frame.command.code == 3);
    CHECK(frame.command.remark == " request type 4711 not supported");
    CHECK(server.is_alive());
}

TEST_CASE("RemotingServer: pipelined requests are all answered, large and small together",
          "[remoting]") {
    TestServer server({}, 2);
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    std::string burst;
    std::vector<std::size_t> sizes;
    for (int i = 0; i < 400; ++i) {
        sizes.push_back(static_cast<std::size_t>(i % 50 == 7 ? 300'000 : i * 31 % 9000));
        burst += request_frame(TestServer::kEcho, i,
                               std::string(sizes.back(), static_cast<char>('a' + i % 26)));
    }
    std::thread writer([&] { peer.send(burst); });
    for (int i = 0; i < 400; ++i) {
        RawPeer::Frame frame;
        REQUIRE(peer.receive(frame));
        REQUIRE(frame.command.opaque == i);
        REQUIRE(frame.command.body.size() == sizes[static_cast<std::size_t>(i)]);
        if (!frame.command.body.empty()) {
            CHECK(frame.command.body.back() == static_cast<char>('a' + i % 26));
        }
    }
    writer.join();
}

TEST_CASE("RemotingServer: answers leave in any order and from any thread", "[remoting]") {
    TestServer server;
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    for (int i = 0; i < 100; ++i) {
        REQUIRE(peer.send(request_frame(TestServer::kHold, i)));
    }
    REQUIRE(eventually([&] { return server.held_count() == 100; }));
    std::thread other([held = server.take_held()]() mutable {
        for (auto responder = held.rbegin(); responder != held.rend(); ++responder) {
            responder->send(ResponseCode::PULL_NOT_FOUND, "later");
        }
    });
    other.join();
    for (int i = 99; i >= 0; --i) {
        RawPeer::Frame frame;
        REQUIRE(peer.receive(frame));
        CHECK(frame.command.opaque == i);
        CHECK(frame.command.code == 19);
    }
}

TEST_CASE("RemotingServer: body slices leave behind their header and keep their owner alive",
          "[remoting]") {
    TestServer server;
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    REQUIRE(peer.send(request_frame(TestServer::kHold, 5)));
    REQUIRE(eventually([&] { return server.held_count() == 1; }));
    Response response;
    std::string expected;
    std::vector<std::weak_ptr<const std::string>> owners;
    for (int i = 0; i < 300; ++i) {
        auto owner = std::make_shared<const std::string>(5000, static_cast<char>('a' + i % 26));
        expected += *owner;
        owners.push_back(owner);
        const std::string_view bytes = *owner;
        response.slices.push_back({std::move(owner), bytes});
    }
    server.take_held()[0].send(std::move(response));
    RawPeer::Frame frame;
    REQUIRE(peer.receive(frame));
    CHECK(frame.command.body == expected);
    CHECK(eventually([&] {
        return std::all_of(owners.begin(), owners.end(),
                           [](const auto& owner) { return owner.expired(); });
    }));
}

TEST_CASE("RemotingServer: a oneway request is never answered", "[remoting]") {
    TestServer server;
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    REQUIRE(peer.send(request_frame(TestServer::kEcho, 1, "x", kFlagOneway)));
    REQUIRE(peer.send(request_frame(TestServer::kDrop, 2, "x", kFlagOneway)));
    REQUIRE(peer.send(request_frame(4711, 3, "x", kFlagOneway)));
    REQUIRE(peer.send(request_frame(TestServer::kEcho, 4)));
    RawPeer::Frame frame;
    REQUIRE(peer.receive(frame));
    CHECK(frame.command.opaque == 4);
    CHECK(server.echoed == 2);
}

TEST_CASE("RemotingServer: a dropped Responder answers SYSTEM_ERROR", "[remoting]") {
    TestServer server;
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    REQUIRE(peer.send(request_frame(TestServer::kDrop, 8)));
    RawPeer::Frame frame;
    REQUIRE(peer.receive(frame));
    CHECK(frame.command.code == 1);
    CHECK(frame.command.opaque == 8);
    CHECK(frame.command.remark == "request dropped");
}

TEST_CASE("RemotingServer: a request may stay unanswered and counts no longer as in flight",
          "[remoting]") {
    TestServer server({.in_flight_max = 1});
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    REQUIRE(peer.send(request_frame(TestServer::kHold, 1)));
    REQUIRE(eventually([&] { return server.held_count() == 1; }));
    REQUIRE(peer.send(request_frame(TestServer::kEcho, 2)));
    server.take_held()[0].leave_unanswered();
    RawPeer::Frame frame;
    REQUIRE(peer.receive(frame));
    CHECK(frame.command.opaque == 2);
}

TEST_CASE("RemotingServer: a silent connection is closed after the idle time, once", "[remoting]") {
    TestServer server({.idle_seconds = 1});
    REQUIRE(server.start());
    const RawPeer silent = server.peer();
    const RawPeer holding = server.peer();
    REQUIRE(holding.send(request_frame(TestServer::kHold, 1)));
    CHECK(silent.is_closed_by_server());
    CHECK(holding.is_closed_by_server());
    CHECK(eventually([&] { return server.closed == 2; }));
    CHECK(server.server->stats().idle_closed == 2);
    CHECK(server.is_alive());
}

TEST_CASE("RemotingServer: stop lets what is in flight finish and takes nothing new",
          "[remoting]") {
    TestServer server({}, 2);
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    REQUIRE(peer.send(request_frame(TestServer::kHold, 1)));
    REQUIRE(eventually([&] { return server.held_count() == 1; }));
    std::thread stopper([&] { server.server->stop(seconds(20)); });
    CHECK(eventually([&] { return !RawPeer().connect(server.port()); }));
    // The listener is closed on io thread 0, which then tells all of them to read no more.
    std::promise<void> told;
    server.pool.post(0, [&] { server.pool.post(1, [&] { told.set_value(); }); });
    told.get_future().wait();
    peer.send(request_frame(TestServer::kEcho, 2));
    server.take_held()[0].send(ResponseCode::SUCCESS, "in time");
    stopper.join();
    RawPeer::Frame frame;
    REQUIRE(peer.receive(frame));
    CHECK(frame.command.remark == "in time");
    CHECK(peer.is_closed_by_server());
    CHECK(server.echoed == 0);
    CHECK(server.server->stats().connections_open == 0);
}

TEST_CASE("RemotingServer: stop gives up on the unanswered after the drain time", "[remoting]") {
    TestServer server;
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    REQUIRE(peer.send(request_frame(TestServer::kHold, 1)));
    REQUIRE(eventually([&] { return server.held_count() == 1; }));
    server.server->stop(milliseconds(20));
    CHECK(peer.is_closed_by_server());
    server.take_held()[0].send(ResponseCode::SUCCESS, "too late");
}

TEST_CASE("RemotingServer: a port that is taken, and an address that is none, are told apart",
          "[remoting]") {
    TestServer first;
    REQUIRE(first.start());
    IoPool pool(1);
    const RequestRegistry registry;
    RemotingServer second(pool, registry, {.bind_address = "127.0.0.1", .port = first.port()});
    const auto taken = second.listen();
    REQUIRE_FALSE(taken);
    CHECK(taken.error().code == Errc::kAlreadyExists);
    CHECK(taken.error().remark.find(std::to_string(first.port())) != std::string::npos);
    RemotingServer third(pool, registry, {.bind_address = "nowhere"});
    CHECK(third.listen().error().code == Errc::kInvalidArgument);
    RemotingServer fourth(pool, registry, {.bind_address = "192.0.2.1"});
    CHECK(fourth.listen().error().code == Errc::kInvalidArgument);
}

TEST_CASE("RemotingServer: bound to the IPv6 wildcard it shows IPv4 peers as IPv4", "[remoting]") {
    TestServer server({.bind_address = "::"});
    if (!server.start()) {
        WARN("no IPv6 on this machine");
        return;
    }
    const RawPeer peer = server.peer();
    REQUIRE(peer.send(request_frame(TestServer::kDrop, 1)));
    REQUIRE(peer.receive_bytes());
    const auto seen = server.seen_connections();
    REQUIRE(seen.size() == 1);
    CHECK_FALSE(seen[0]->peer().is_v6);
    CHECK(seen[0]->peer().host() == "127.0.0.1");
    CHECK(seen[0]->local().host() == "127.0.0.1");
    CHECK(seen[0]->local().port == server.port());
}

TEST_CASE("RemotingServer: connections beyond the bound are closed, others go on", "[remoting]") {
    TestServer server({.connections_max = 2});
    REQUIRE(server.start());
    const RawPeer first = server.peer();
    {
        const RawPeer second = server.peer();
        REQUIRE(second.send(request_frame(TestServer::kEcho, 1)));
        REQUIRE(second.receive_bytes());
        CHECK(server.peer().is_closed_by_server());
    }
    REQUIRE(eventually([&] { return server.closed == 1; }));
    CHECK(server.is_alive());
    REQUIRE(first.send(request_frame(TestServer::kEcho, 1)));
    CHECK(first.receive_bytes());
}

TEST_CASE("RemotingServer: running out of descriptors delays accepting and ends nothing",
          "[remoting]") {
    TestServer server;
    REQUIRE(server.start());
    const RawPeer before = server.peer();
    REQUIRE(before.send(request_frame(TestServer::kEcho, 1)));
    REQUIRE(before.receive_bytes());
    RawPeer after;
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    rlimit lowered = limit;
    // Every lower number is taken, so the server can get no other.
    std::vector<int> fillers;
    for (int fd = ::dup(after.fd()); fd >= 0 && fd <= after.fd(); fd = ::dup(after.fd())) {
        fillers.push_back(fd);
    }
    lowered.rlim_cur = static_cast<rlim_t>(after.fd()) + 1;
    ::setrlimit(RLIMIT_NOFILE, &lowered);
    REQUIRE(after.connect(server.port()));
    REQUIRE(after.send(request_frame(TestServer::kEcho, 2)));
    for (int i = 0; i < 100; ++i) {
        REQUIRE(before.send(request_frame(TestServer::kEcho, i)));
        REQUIRE(before.receive_bytes());
    }
    CHECK(server.server->stats().connections_accepted == 1);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    CHECK(after.receive_bytes());
    for (const int fd : fillers) {
        ::close(fd);
    }
}

TEST_CASE("RemotingServer: accepted sockets have the buffers of the options",
          "[remoting][config]") {
    constexpr int kSend = 71'234;
    constexpr int kReceive = 53'210;
    TestServer server({.send_buffer_bytes = kSend, .receive_buffer_bytes = kReceive});
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    REQUIRE(peer.send(request_frame(TestServer::kEcho, 1)));
    RawPeer::Frame frame;
    REQUIRE(peer.receive(frame));
    // Linux doubles what it is asked for, to have room for its own records.
    CHECK(open_sockets_with(SO_SNDBUF, 2 * kSend) == 1);
    CHECK(open_sockets_with(SO_RCVBUF, 2 * kReceive) == 1);
}
