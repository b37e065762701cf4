// SPDX-License-Identifier: Apache-2.0
#include "common/testing/catch.h"
#include "remoting/remoting_client.h"
#include "remoting/remoting_server.h"

#include <chrono>
#include <string>

using namespace rmq;
using std::chrono::seconds;

TEST_CASE("Remoting: a request makes the round trip from client to server and back", "[remoting]") {
    IoPool pool(2);
    RequestRegistry registry;
    registry.add(RequestCode::GET_MAX_OFFSET, [](const Request& request, Responder responder) {
        Response response;
        response.ext.add("topic", request.ext().find("topic").value_or("none"));
        response.body = std::string(request.body()) + "!";
        responder.send(std::move(response));
    });
    RemotingServer server(pool, registry, {.bind_address = "127.0.0.1"});
    REQUIRE(server.listen());
    pool.start();
    RemotingClient client(pool);
    const std::string address = "127.0.0.1:" + std::to_string(server.port());

    OutboundCommand command(RequestCode::GET_MAX_OFFSET);
    command.ext.add("topic", "T");
    command.body = "hello";
    const auto answer = client.invoke_sync(address, command, seconds(10));
    REQUIRE(answer);
    CHECK(answer->code == 0);
    CHECK(answer->version == mq_version::kCurrent);
    CHECK(answer->ext_value("topic") == "T");
    CHECK(answer->body == "hello!");

    const auto unknown =
        client.invoke_sync(address, OutboundCommand(RequestCode::HEART_BEAT), seconds(10));
    REQUIRE(unknown);
    CHECK(unknown->code == 3);
    CHECK(unknown->remark == " request type 34 not supported");
    client.stop();
    server.stop(seconds(1));
    CHECK(server.stats().requests == 2);
    CHECK(server.stats().connections_open == 0);
}
