// SPDX-License-Identifier: Apache-2.0
#include "namesrv/namesrv.h"

#include "common/crc32.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "remoting/protocol/body/register_broker.h"
#include "remoting/protocol/body/route_data.h"
#include "remoting/protocol/header/namesrv.h"
#include "remoting/protocol/header_codec.h"
#include "remoting/remoting_client.h"
#include "remoting/testing/open_sockets.h"

#include <chrono>
#include <string>
#include <thread>

using namespace rmq;
using namespace rmq::namesrv;

namespace {

constexpr std::chrono::milliseconds kTimeout{20'000};

NamesrvConfig config_in(const rmq::testing::TempDir& directory) {
    NamesrvConfig config;
    config.bind_address = "127.0.0.1";
    config.listen_port = 0;
    config.kv_config_path = directory.file("kvConfig.json");
    config.config_store_path = directory.file("namesrv.properties");
    return config;
}

// A peer with its own thread, as a broker or a client is one.
struct Peer {
    IoPool pool{1, "peer"};
    RemotingClient client{pool};

    Peer() { pool.start(); }
    ~Peer() {
        client.stop();
        pool.stop();
    }
    Result<InboundResponse> route(const std::string& address, std::string_view topic) {
        OutboundCommand command(RequestCode::GET_ROUTEINFO_BY_TOPIC);
        command.ext.add("topic", topic);
        return client.invoke_sync(address, command, kTimeout);
    }
    Result<InboundResponse> register_with(const std::string& address) {
        RegisterBrokerBody body;
        for (const char* topic : {"T", "U"}) {
            body.topic_config_serialize_wrapper.topic_config_table[topic] =
                TopicConfig{.topic_name = topic};
        }
        OutboundCommand command(RequestCode::REGISTER_BROKER);
        command.body = encode(body, true);
        RegisterBrokerRequestHeader header;
        header.broker_name = "b-a";
        header.broker_addr = "127.0.0.1:10911";
        header.cluster_name = "C";
        header.ha_server_addr = "127.0.0.1:10912";
        header.enable_acting_master = false;
        header.compressed = true;
        header.body_crc32 = crc32_of(command.body);
        encode_header(header, command.ext);
        return client.invoke_sync(address, command, kTimeout);
    }
};

std::string address_of(const Namesrv& namesrv) {
    return "127.0.0.1:" + std::to_string(namesrv.port());
}

template <class Condition>
bool eventually(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + kTimeout;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) {
            return false;
        }
        std::this_thread::yield();
    }
    return true;
}

}  // namespace

TEST_CASE("Namesrv: a broker registers with two NameServers that do not know of each other",
          "[namesrv][N-01][N-03][X-16]") {
    rmq::testing::TempDir first_dir;
    rmq::testing::TempDir second_dir;
    Namesrv first(config_in(first_dir));
    Namesrv second(config_in(second_dir));
    REQUIRE(first.start());
    REQUIRE(second.start());
    Peer client;
    {
        Peer broker;
        REQUIRE(broker.register_with(address_of(first)));
        const auto elsewhere = client.route(address_of(second), "T");
        REQUIRE(elsewhere);
        CHECK(elsewhere->code == static_cast<std::int32_t>(ResponseCode::TOPIC_NOT_EXIST));
        REQUIRE(broker.register_with(address_of(second)));
        for (const auto* namesrv : {&first, &second}) {
            const auto answer = client.route(address_of(*namesrv), "T");
            REQUIRE(answer);
            CHECK(answer->code == 0);
            const auto route = decode_topic_route_data(answer->body);
            REQUIRE(route);
            CHECK(route->broker_datas.at(0).broker_addrs.at(0) == "127.0.0.1:10911");
        }
    }
    // The broker's connections are closed: both forget it at once.
    for (const auto* namesrv : {&first, &second}) {
        CHECK(eventually([&] {
            const auto answer = client.route(address_of(*namesrv), "T");
            return answer &&
                   answer->code == static_cast<std::int32_t>(ResponseCode::TOPIC_NOT_EXIST);
        }));
    }
}

TEST_CASE("Namesrv: a taken port is an error that names the address", "[namesrv]") {
    rmq::testing::TempDir directory;
    Namesrv first(config_in(directory));
    REQUIRE(first.start());
    auto config = config_in(directory);
    config.listen_port = first.port();
    Namesrv second(config);
    const auto status = second.start();
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::kAlreadyExists);
    CHECK(status.error().remark.find(std::to_string(first.port())) != std::string::npos);
}

TEST_CASE("Namesrv: KV configuration survives a restart", "[namesrv][N-07]") {
    rmq::testing::TempDir directory;
    Peer admin;
    {
        Namesrv namesrv(config_in(directory));
        REQUIRE(namesrv.start());
        OutboundCommand put(RequestCode::PUT_KV_CONFIG);
        put.ext.add("namespace", "ORDER_TOPIC_CONFIG");
        put.ext.add("key", "T");
        put.ext.add("value", "b-a:4");
        const auto answer = admin.client.invoke_sync(address_of(namesrv), put, kTimeout);
        REQUIRE(answer);
        CHECK(answer->code == 0);
    }
    Namesrv namesrv(config_in(directory));
    REQUIRE(namesrv.start());
    OutboundCommand get(RequestCode::GET_KV_CONFIG);
    get.ext.add("namespace", "ORDER_TOPIC_CONFIG");
    get.ext.add("key", "T");
    const auto answer = admin.client.invoke_sync(address_of(namesrv), get, kTimeout);
    REQUIRE(answer);
    CHECK(answer->ext_value("value") == "b-a:4");
}

TEST_CASE("Namesrv: its clients' sockets have the configured buffers", "[namesrv][config]") {
    const rmq::testing::TempDir directory;
    NamesrvConfig config = config_in(directory);
    config.server_socket_snd_buf_size = 74'321;
    config.server_socket_rcv_buf_size = 54'321;
    Namesrv namesrv(config);
    REQUIRE(namesrv.start());
    Peer peer;
    REQUIRE(peer.client.invoke_sync(address_of(namesrv),
                                    OutboundCommand(RequestCode::GET_NAMESRV_CONFIG), kTimeout));
    // Linux doubles what it is asked for, to have room for its own records.
    CHECK(rmq::testing::open_sockets_with(SO_SNDBUF, 2 * 74'321) == 1);
    CHECK(rmq::testing::open_sockets_with(SO_RCVBUF, 2 * 54'321) == 1);
    namesrv.stop();
}
