// SPDX-License-Identifier: Apache-2.0
#include "remoting/http_endpoint.h"

#include "common/testing/catch.h"
#include "remoting/testing/http_client.h"

#include <string>
#include <vector>

namespace rmq {
namespace {

using testing::ask_http;
using testing::RawPeer;
using testing::rest_of;

HttpAnswer echo(std::string_view path) {
    return {path == "/there" ? 200U : 404U, "text/plain", "<" + std::string(path) + ">"};
}

}  // namespace

TEST_CASE("HttpEndpoint: GET and HEAD are answered, other methods refused", "[remoting]") {
    HttpEndpoint endpoint({}, echo);
    REQUIRE(endpoint.listen());
    REQUIRE(endpoint.start());
    const auto got = ask_http(endpoint.port(), "GET /there?name=x");
    CHECK(got.starts_with("HTTP/1.1 200 "));
    CHECK(got.find("Content-Type: text/plain\r\n") != std::string::npos);
    CHECK(got.ends_with("\r\n\r\n</there>"));
    CHECK(ask_http(endpoint.port(), "GET /else").starts_with("HTTP/1.1 404 "));
    const auto head = ask_http(endpoint.port(), "HEAD /there");
    CHECK(head.starts_with("HTTP/1.1 200 "));
    CHECK(head.find("Content-Length: 8\r\n") != std::string::npos);
    CHECK(head.ends_with("\r\n\r\n"));
    CHECK(ask_http(endpoint.port(), "DELETE /there").starts_with("HTTP/1.1 405 "));
    CHECK(ask_http(endpoint.port(), "POST /there", "Content-Length: 1000000000\r\n")
              .starts_with("HTTP/1.1 405 "));
}

TEST_CASE("HttpEndpoint: an answer of many megabytes arrives whole", "[remoting]") {
    HttpEndpoint endpoint({}, [](std::string_view) {
        return HttpAnswer{200, "text/plain", std::string(20'000'000, 'x')};
    });
    REQUIRE(endpoint.listen());
    REQUIRE(endpoint.start());
    CHECK(ask_http(endpoint.port(), "GET /").size() > 20'000'000);
}

TEST_CASE("HttpEndpoint: headers beyond the bound are refused", "[remoting]") {
    HttpEndpoint endpoint({}, echo);
    REQUIRE(endpoint.listen());
    REQUIRE(endpoint.start());
    const auto huge = "X: " + std::string(1'000'000, 'h') + "\r\n";
    CHECK(ask_http(endpoint.port(), "GET /there", huge).find("200 OK") == std::string::npos);
    CHECK(ask_http(endpoint.port(), "GET /" + std::string(1'000'000, 'u')).find("200 OK") ==
          std::string::npos);
    CHECK(ask_http(endpoint.port(), "GET /there").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("HttpEndpoint: who says nothing is closed, and too many are not let in", "[remoting]") {
    HttpEndpointOptions options;
    options.connections_max = 4;
    options.connections_per_address_max = 4;
    options.silence_seconds = 1;
    HttpEndpoint endpoint(options, echo);
    REQUIRE(endpoint.listen());
    REQUIRE(endpoint.start());
    std::vector<RawPeer> silent;
    for (int i = 0; i < 20; ++i) {
        silent.emplace_back(endpoint.port());
        silent.back().send("GET /th");
    }
    // All ends: of those let in after the silence, of the others at once or when there is room.
    for (const auto& client : silent) {
        CHECK(rest_of(client).find("200 OK") == std::string::npos);
    }
    CHECK(ask_http(endpoint.port(), "GET /there").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("HttpEndpoint: bytes that are no HTTP do no harm", "[remoting]") {
    HttpEndpoint endpoint({}, echo);
    REQUIRE(endpoint.listen());
    REQUIRE(endpoint.start());
    {
        const RawPeer client(endpoint.port());
        client.send(std::string("\0\0\0\x10\0\0\0\x08{\"code\"}", 16) + "\r\n\r\n");
        CHECK(rest_of(client).find("200 OK") == std::string::npos);
    }
    CHECK(ask_http(endpoint.port(), "GET /there").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("HttpEndpoint: a taken port and an address of others are errors", "[remoting]") {
    HttpEndpoint first({}, echo);
    REQUIRE(first.listen());
    HttpEndpointOptions same;
    same.port = first.port();
    HttpEndpoint second(same, echo);
    const auto taken = second.listen();
    REQUIRE_FALSE(taken);
    CHECK(taken.error().code == Errc::kAlreadyExists);
    HttpEndpointOptions foreign;
    foreign.host = "192.0.2.1";
    HttpEndpoint third(foreign, echo);
    const auto refused = third.listen();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::kInvalidArgument);
    first.stop();
    first.stop();
}

}  // namespace rmq
