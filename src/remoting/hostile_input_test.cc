// SPDX-License-Identifier: Apache-2.0
#include "common/testing/catch.h"
#include "remoting/testing/test_server.h"

#include <random>

using namespace rmq;
using namespace rmq::testing;

namespace {

std::string words(std::initializer_list<std::uint32_t> values) {
    std::string bytes;
    for (const std::uint32_t value : values) {
        char raw[4];
        store_be(raw, value);
        bytes.append(raw, 4);
    }
    return bytes;
}

std::string deep_json(std::size_t depth) {
    std::string text = "{\"code\":1,\"x\":";
    for (std::size_t i = 0; i < depth; ++i) {
        text += "{\"a\":[";
    }
    return text;
}

}  // namespace

TEST_CASE("Hostile input: it costs the sender its connection and nobody else anything",
          "[remoting][hostile]") {
    TestServer server;
    REQUIRE(server.start());
    const RawPeer bystander = server.peer();
    const std::vector<std::string> inputs = {
        words({0x7FFFFFFF, 0}),                          // a 2 GB length
        words({0x80000000}),                             // a negative one
        words({0xFFFFFFFF, 0xFFFFFFFF}),                 //
        words({0, 0}),                                   // no room for the header length
        words({3}),                                      //
        words({limits::kFrameMaxBytes, 0}),              // a little over the bound
        words({100, 97}),                                // a header longer than its frame
        words({100, 0xFFFFFF}),                          //
        words({limits::kFrameMaxBytes - 4, 0x200000}),   // a header over its bound
        frame_of(""),                                    // no header at all
        frame_of("null"),                                //
        frame_of("garbage that is no JSON"),             //
        frame_of("{\"code\":1", "unfinished"),           //
        frame_of("{\"code\":\"ten\"}"),                  // text where a number belongs
        frame_of("{\"code\":99999999999}"),              //
        frame_of("{\"extFields\":7}"),                   //
        frame_of(deep_json(100'000)),                    // deep JSON
        frame_of("{\"code\":1}", "", 7),                 // an unknown serialize type
        frame_of(std::string(5, '\xFF'), "", 1),         // a damaged binary header
        frame_of(std::string(40, '\xFF'), "", 1),        //
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",             //
        "\x16\x03\x01\x02\x0c\x01\x00\x02\x08\x03\x03",  // a TLS greeting
    };
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        CAPTURE(i);
        const RawPeer peer = server.peer();
        peer.send(inputs[i]);
        REQUIRE(peer.is_closed_by_server());
        REQUIRE(bystander.send(request_frame(TestServer::kEcho, static_cast<int>(i))));
        REQUIRE(bystander.receive_bytes());
    }
    CHECK(server.server->stats().malformed_frames == inputs.size());
    CHECK(eventually([&] { return server.server->stats().connections_open == 1; }));
}

TEST_CASE("Hostile input: good requests before the bad bytes are served", "[remoting][hostile]") {
    TestServer server;
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    REQUIRE(peer.send(request_frame(TestServer::kDrop, 1, {}, kFlagOneway) + words({3})));
    CHECK(peer.is_closed_by_server());
    CHECK(server.seen_connections().size() == 1);
}

TEST_CASE("Hostile input: numbers where strings belong are read as their text",
          "[remoting][hostile]") {
    TestServer server;
    REQUIRE(server.start());
    const RawPeer peer = server.peer();
    REQUIRE(peer.send(
        frame_of(R"({"code":"30","extFields":{"n":{"deep":[1,2]}},"remark":5,"opaque":"9"})")));
    RawPeer::Frame frame;
    REQUIRE(peer.receive(frame));
    CHECK(frame.command.opaque == 9);
    CHECK(frame.command.ext.find("n") == R"({"deep":[1,2]})");
}

TEST_CASE("Hostile input: frames cut at every byte and then abandoned leave nothing behind",
          "[remoting][hostile]") {
    TestServer server;
    REQUIRE(server.start());
    const std::string frame = request_frame(TestServer::kEcho, 1, "body");
    for (std::size_t at = 0; at < frame.size(); ++at) {
        server.peer().send(std::string_view(frame).substr(0, at));
    }
    CHECK(eventually([&] {
        const auto stats = server.server->stats();
        return stats.connections_accepted == frame.size() && stats.connections_open == 0;
    }));
    CHECK(server.echoed == 0);
    CHECK(server.server->stats().malformed_frames == 0);
    CHECK(server.is_alive());
}

TEST_CASE("Hostile input: unfinished frames wait without harm", "[remoting][hostile]") {
    TestServer server;
    REQUIRE(server.start());
    std::vector<RawPeer> peers;
    for (int i = 0; i < 50; ++i) {
        peers.push_back(server.peer());
        REQUIRE(peers.back().send(words({limits::kFrameMaxBytes - 4, 10}) + "{\"code\":30"));
    }
    CHECK(server.is_alive());
    CHECK(server.server->stats().malformed_frames == 0);
}

TEST_CASE("Hostile input: random bytes", "[remoting][hostile]") {
    TestServer server;
    REQUIRE(server.start());
    const std::uint64_t seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    for (int i = 0; i < 200; ++i) {
        const RawPeer peer = server.peer();
        std::string bytes(random() % 3000, '\0');
        for (char& byte : bytes) {
            byte = static_cast<char>(random());
        }
        if (i % 2 == 0 && bytes.size() > 40) {
            // A believable head, so that the bytes reach the header parsers.
            bytes.replace(
                0, 8,
                words({static_cast<std::uint32_t>(bytes.size() - 4),
                       static_cast<std::uint32_t>((i % 4 == 0 ? 0U : 1U << 24) | random() % 40)}));
        }
        peer.send(bytes);
    }
    CHECK(server.is_alive());
}
