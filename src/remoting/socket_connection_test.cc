// SPDX-License-Identifier: Apache-2.0
#include "remoting/socket_connection.h"

#include "common/testing/catch.h"
#include "remoting/testing/test_server.h"

#include <atomic>
#include <numeric>

using namespace rmq;
using namespace rmq::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

std::string binary_frame(std::int16_t code, std::int32_t opaque, std::string_view body) {
    std::string header(21, '\0');
    store_be(header.data(), code);
    store_be(header.data() + 5, opaque);
    return frame_of(header, body, 1);
}

// The one connection of a peer, which has sent kDrop over it.
std::shared_ptr<Connection> connection_of(TestServer& server, const RawPeer& peer) {
    peer.send(request_frame(TestServer::kDrop, 1, {}, kFlagOneway));
    eventually([&] { return server.seen_connections().size() == 1; });
    return server.seen_connections().at(0);
}

}  // namespace

TEST_CASE("Connection: a frame split at every byte is served in both header forms",
          "[remoting][connection]") {
    TestServer server;
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    const RawPeer barrier = server.peer();
    const std::string frame = GENERATE(request_frame(TestServer::kEcho, 42, "body"),
                                       binary_frame(TestServer::kEcho, 42, "body"));
    for (std::size_t at = 1; at < frame.size(); ++at) {
        CAPTURE(at);
        REQUIRE(peer.send(std::string_view(frame).substr(0, at)));
        // One io thread: when this is answered, the first part has been read.
        REQUIRE(barrier.send(request_frame(TestServer::kEcho, 0)));
        REQUIRE(barrier.receive_bytes());
        REQUIRE(peer.send(std::string_view(frame).substr(at)));
        RawPeer::Frame answer;
        REQUIRE(peer.receive(answer));
        REQUIRE(answer.command.opaque == 42);
        REQUIRE(answer.command.body == "body");
        REQUIRE(answer.command.serialize_type == SerializeType::kJson);
    }
}

TEST_CASE("Connection: a frame that comes byte by byte is served", "[remoting][connection]") {
    TestServer server;
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    const std::string frame = request_frame(TestServer::kEcho, 42, "body");
    for (const char byte : frame + frame) {
        REQUIRE(peer.send({&byte, 1}));
    }
    REQUIRE(peer.receive_bytes());
    REQUIRE(peer.receive_bytes());
}

TEST_CASE("Connection: frames up to the largest allowed size are served, between small ones",
          "[remoting][connection]") {
    TestServer server;
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    const std::size_t head = request_frame(TestServer::kEcho, 1).size();
    const std::size_t size =
        GENERATE(std::size_t{4096}, std::size_t{100'000}, IoThread::kReadBufferBytes,
                 std::size_t{1'000'003}, limits::kFrameMaxBytes);
    const std::string body(size - head, 'b');
    std::thread writer([&] {
        peer.send(request_frame(TestServer::kEcho, 0, "small") +
                  request_frame(TestServer::kEcho, 1, body) +
                  request_frame(TestServer::kEcho, 2, "small") +
                  request_frame(TestServer::kEcho, 3, body) +
                  request_frame(TestServer::kEcho, 4, "small"));
    });
    // Compared as bytes: the reply to the largest request is a little larger than a request may be.
    for (int i = 0; i < 5; ++i) {
        const auto answer = peer.receive_bytes();
        REQUIRE(answer);
        REQUIRE(answer->find("\"opaque\":" + std::to_string(i)) < 200);
        REQUIRE(answer->ends_with(i % 2 == 0 ? std::string_view("small") : body));
    }
    writer.join();
}

TEST_CASE("Connection: with too many requests unanswered it is not read until some are",
          "[remoting][connection]") {
    TestServer server({.in_flight_max = 4});
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    const RawPeer other = server.peer();
    std::string burst;
    for (int i = 0; i < 50; ++i) {
        burst += request_frame(TestServer::kHold, i);
    }
    REQUIRE(peer.send(burst));
    int answered = 0;
    while (answered < 50) {
        REQUIRE(eventually([&] { return server.held_count() > 0; }));
        REQUIRE(other.send(request_frame(TestServer::kEcho, 0)));
        REQUIRE(other.receive_bytes());
        auto held = server.take_held();
        REQUIRE(held.size() <= 4);
        for (Responder& responder : held) {
            responder.send(ResponseCode::SUCCESS);
        }
        for (std::size_t i = 0; i < held.size(); ++i) {
            RawPeer::Frame frame;
            REQUIRE(peer.receive(frame));
            REQUIRE(frame.command.opaque == answered);
            ++answered;
        }
    }
}

TEST_CASE("Connection: a peer that is paused is not served, others are",
          "[remoting][connection][M-13]") {
    TestServer server;
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    const auto connection = connection_of(server, peer);
    std::atomic<bool> is_paused{false};
    std::atomic<bool> is_paused_twice{true};
    server.pool.post(0, [&] {
        const bool first = connection->pause_reading(std::chrono::hours(1));
        is_paused_twice = connection->pause_reading(std::chrono::hours(1));
        is_paused = first;
    });
    REQUIRE(eventually([&] { return is_paused.load(); }));
    CHECK(!is_paused_twice);  // pauses do not add up
    REQUIRE(peer.send(request_frame(TestServer::kEcho, 1)));
    const RawPeer other = server.peer();
    REQUIRE(other.send(request_frame(TestServer::kEcho, 2)));
    REQUIRE(other.receive_bytes());
    CHECK(server.echoed == 1);  // only the other one's
}

TEST_CASE("Connection: a pause ends by itself", "[remoting][connection][M-13]") {
    TestServer server;
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    const auto connection = connection_of(server, peer);
    constexpr std::chrono::milliseconds kPause{50};
    std::atomic<bool> is_paused{false};
    const auto begin = std::chrono::steady_clock::now();
    server.pool.post(0, [&] { is_paused = connection->pause_reading(kPause); });
    REQUIRE(eventually([&] { return is_paused.load(); }));
    REQUIRE(peer.send(request_frame(TestServer::kEcho, 1)));
    RawPeer::Frame answer;
    REQUIRE(peer.receive(answer));
    CHECK(answer.command.opaque == 1);
    CHECK(std::chrono::steady_clock::now() - begin >= kPause);
}

TEST_CASE("Connection: a peer that does not read its replies is not read, and loses nothing",
          "[remoting][connection][hostile]") {
    TestServer server(
        {.write_high_watermark_bytes = 256 * 1024, .write_low_watermark_bytes = 64 * 1024});
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    constexpr int kRequests = 4000;
    const std::string body(20'000, 'b');
    std::thread writer([&] {
        for (int i = 0; i < kRequests; ++i) {
            peer.send(request_frame(TestServer::kEcho, i, body));
        }
    });
    // 80 MB of requests cannot all be taken in while nobody reads the replies.
    for (int i = 0; i < 50; ++i) {
        CHECK(server.is_alive());
    }
    CHECK(server.echoed < kRequests);
    for (int i = 0; i < kRequests; ++i) {
        RawPeer::Frame frame;
        REQUIRE(peer.receive(frame));
        REQUIRE(frame.command.opaque == i);
        REQUIRE(frame.command.body.size() == body.size());
    }
    writer.join();
}

TEST_CASE(
    "Connection: a large frame that ends while too much is unsent waits, unread, and is served",
    "[remoting][connection][hostile]") {
    TestServer server(
        {.write_high_watermark_bytes = 256 * 1024, .write_low_watermark_bytes = 64 * 1024});
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    const std::string frame = request_frame(TestServer::kEcho, 2, std::string(300'000, 'b'));
    REQUIRE(peer.send(request_frame(TestServer::kHold, 1) + frame.substr(0, 100'000)));
    REQUIRE(eventually([&] { return server.held_count() == 1; }));
    Response large;
    large.body.assign(std::size_t{64} << 20U, 'l');  // more than any socket buffer takes
    server.take_held().at(0).send(std::move(large));
    REQUIRE(server.is_alive());
    std::thread writer([&] {
        peer.send(frame.substr(100'000));
        for (int i = 0; i < 50; ++i) {
            peer.send(request_frame(TestServer::kEcho, 3, "following"));
        }
    });
    for (int i = 0; i < 20; ++i) {
        REQUIRE(server.is_alive());
    }
    for (int i = 0; i < 52; ++i) {
        const auto answer = peer.receive_bytes();
        REQUIRE(answer);
        REQUIRE(answer->ends_with(i == 0 ? "llll" : i == 1 ? "bbbb" : "following"));
    }
    writer.join();
}

TEST_CASE("Connection: the server's own requests are matched with the peer's answers",
          "[remoting][connection]") {
    TestServer server;
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    const auto connection = connection_of(server, peer);
    std::atomic<int> sum{0};
    std::atomic<bool> on_io_thread{true};
    for (int i = 1; i <= 3; ++i) {
        OutboundCommand command(RequestCode::GET_CONSUMER_RUNNING_INFO);
        command.ext.add("i", i);
        command.body = "ask";
        connection->invoke(command, seconds(20), [&](Result<InboundResponse> answer) {
            on_io_thread = on_io_thread && IoPool::current() == 0;
            sum += answer ? std::stoi(answer->body) : -1000;
        });
    }
    std::vector<std::string> answers;
    for (int i = 1; i <= 3; ++i) {
        RawPeer::Frame frame;
        REQUIRE(peer.receive(frame));
        CHECK_FALSE(frame.command.is_response());
        CHECK(frame.command.body == "ask");
        answers.push_back(request_frame(0, frame.command.opaque,
                                        std::string(*frame.command.ext.find("i")), kFlagResponse));
    }
    REQUIRE(peer.send(answers[2] + answers[0] + answers[1]));
    REQUIRE(peer.send(answers[2]));  // a second answer is ignored
    CHECK(eventually([&] { return sum == 6; }));
    CHECK(on_io_thread);
    CHECK(server.is_alive());
    REQUIRE(peer.send(request_frame(TestServer::kEcho, 1)));
    CHECK(peer.receive_bytes());
}

TEST_CASE("Connection: a request that the peer leaves unanswered ends in time, or with the close",
          "[remoting][connection]") {
    TestServer server;
    REQUIRE(server.start());
    RawPeer peer = server.peer();
    const auto connection = connection_of(server, peer);
    std::atomic<int> timeouts{0};
    std::atomic<int> closes{0};
    const auto count = [&](Result<InboundResponse> answer) {
        timeouts += !answer && answer.error().code == Errc::kTimeout;
        closes += !answer && answer.error().code == Errc::kConnectionClosed;
    };
    const OutboundCommand command(RequestCode::GET_CONSUMER_RUNNING_INFO);
    connection->invoke(command, seconds(600), count);
    connection->invoke(command, milliseconds(1), count);
    connection->invoke(command, milliseconds(30), count);
    CHECK(eventually([&] { return timeouts == 2; }));
    CHECK(closes == 0);
    peer.close();
    CHECK(eventually([&] { return closes == 1; }));
    CHECK(eventually([&] { return !connection->is_open(); }));
    connection->invoke(command, seconds(600), count);
    CHECK(eventually([&] { return closes == 2; }));
    CHECK(timeouts == 2);
    connection->send_oneway(command);
    connection->send_response(Response(ResponseCode::SUCCESS), 1);
    connection->close("again");
    CHECK(eventually([&] { return server.closed == 1; }));
}

TEST_CASE("Connection: a oneway to the peer carries the oneway flag, and close() closes",
          "[remoting][connection]") {
    TestServer server;
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    const auto connection = connection_of(server, peer);
    OutboundCommand command(RequestCode::NOTIFY_CONSUMER_IDS_CHANGED);
    command.ext.add("consumerGroup", "g");
    connection->send_oneway(command);
    RawPeer::Frame frame;
    REQUIRE(peer.receive(frame));
    CHECK(frame.command.code == 40);
    CHECK(frame.command.is_oneway());
    connection->close("test");
    CHECK(peer.is_closed_by_server());
    CHECK(eventually([&] { return server.closed == 1; }));
}

TEST_CASE("ReadBuffer: what a peer announces reserves nothing, only what it sends does",
          "[remoting][connection][hostile]") {
    ReadBuffer buffer;
    buffer.assign("12345678");
    std::size_t room = 0;
    REQUIRE(buffer.grow_towards(limits::kFrameMaxBytes, room) != nullptr);
    CHECK(room <= 4096);
    std::size_t largest_ratio = 0;
    while (buffer.size() < limits::kFrameMaxBytes) {
        REQUIRE(buffer.grow_towards(limits::kFrameMaxBytes, room) != nullptr);
        REQUIRE(room > 0);
        if (buffer.size() > 4096) {
            largest_ratio = std::max(largest_ratio, (buffer.size() + room) / buffer.size());
        }
        const std::size_t arrived = std::min<std::size_t>(room, 60'001);
        buffer.add(arrived);
    }
    CHECK(largest_ratio <= 2);
    CHECK(buffer.size() == limits::kFrameMaxBytes);
    buffer.assign({});
    CHECK(buffer.view().data() == nullptr);
}

TEST_CASE("WriteQueue: partial writes keep order and content", "[remoting][connection]") {
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    WriteQueue queue;
    std::string expected;
    std::string received;
    char buffer[100'000];
    for (int round = 0; round < 400; ++round) {
        Response response(ResponseCode::SUCCESS, std::to_string(round));
        std::string body(static_cast<std::size_t>(round * 397 % 30'000), 'x');
        std::iota(body.begin(), body.end(), static_cast<char>(round));
        encode_response_head(response, round, body.size(), expected);
        expected += body;
        if (round % 3 == 0) {
            auto owner = std::make_shared<const std::string>(body);
            const std::string_view bytes = *owner;
            response.slices = {{owner, bytes.substr(0, bytes.size() / 2)},
                               {owner, bytes.substr(bytes.size() / 2)}};
        } else {
            response.body = body;
        }
        queue.push_response(std::move(response), round);
        CHECK(queue.flush(pair[0]) != WriteQueue::Outcome::kFailed);
        if (round % 7 == 0) {
            const ssize_t size = ::read(pair[1], buffer, sizeof buffer);
            received.append(buffer, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
        }
    }
    while (!queue.empty() || received.size() < expected.size()) {
        const ssize_t size = ::read(pair[1], buffer, sizeof buffer);
        REQUIRE(size > 0);
        received.append(buffer, static_cast<std::size_t>(size));
        CHECK(queue.flush(pair[0]) != WriteQueue::Outcome::kFailed);
    }
    CHECK(received == expected);
    ::close(pair[1]);
    queue.push_bytes("x");
    CHECK(queue.flush(pair[0]) == WriteQueue::Outcome::kFailed);
    ::close(pair[0]);
}
