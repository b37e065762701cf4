// SPDX-License-Identifier: Apache-2.0
#include "common/blocking_pool.h"
#include "common/configuration.h"
#include "common/crc32.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "namesrv/admin_processor.h"
#include "namesrv/broker_processor.h"
#include "namesrv/kv_config_manager.h"
#include "namesrv/namesrv_config.h"
#include "namesrv/route_info_manager.h"
#include "namesrv/route_processor.h"
#include "remoting/testing/fake_connection.h"

#include <chrono>
#include <string>
#include <thread>

using namespace rmq;
using namespace rmq::namesrv;
using rmq::testing::ext_value;
using rmq::testing::FakeConnection;
using rmq::testing::FakeRequest;
using Ext = std::vector<std::pair<std::string, std::string>>;

namespace {

NamesrvConfig config_in(const rmq::testing::TempDir& directory) {
    NamesrvConfig config;
    config.kv_config_path = directory.file("kvConfig.json");
    config.config_store_path = directory.file("namesrv.properties");
    return config;
}

// All processors of a NameServer on one registry, without sockets.
struct Server {
    rmq::testing::TempDir directory;
    NamesrvConfig config = config_in(directory);
    Configuration configuration;
    ManualClock clock;
    KvConfigManager kv_configs{config.kv_config_path};
    RouteInfoManager routes{config, clock};
    BlockingPool blocking{"test", 1, 10};
    RequestRegistry registry;
    RouteProcessor route_processor{config, routes, kv_configs, clock};
    BrokerProcessor broker_processor{config, routes, kv_configs};
    AdminProcessor admin_processor{{config, configuration, routes, kv_configs, blocking}};
    std::shared_ptr<FakeConnection> connection = std::make_shared<FakeConnection>();

    Server() {
        bind_config(configuration, config);
        configuration.load({{"kvConfigPath", config.kv_config_path},
                            {"configStorePath", config.config_store_path}});
        route_processor.add_to(registry);
        broker_processor.add_to(registry);
        admin_processor.add_to(registry);
    }

    Response call(const FakeRequest& request) {
        request.send(connection, [this](const Request& with, Responder responder) {
            registry.dispatch(with, std::move(responder));
        });
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        for (;;) {
            auto replies = connection->take_replies();
            if (!replies.empty()) {
                return std::move(replies[0].response);
            }
            REQUIRE(std::chrono::steady_clock::now() < deadline);
            std::this_thread::yield();
        }
    }
    Response call(RequestCode code, Ext ext = {}, std::string body = {}) {
        return call(FakeRequest(code, std::move(ext), std::move(body)));
    }
    static std::string body_of(const Response& response) {
        return response.slices.empty() ? response.body : std::string(response.slices[0].bytes);
    }
};

RegisterBrokerBody two_topics() {
    RegisterBrokerBody body;
    auto& wrapper = body.topic_config_serialize_wrapper;
    wrapper.data_version = {.state_version = 0, .timestamp = 1700000000000, .counter = 3};
    for (const char* topic : {"T", "U"}) {
        wrapper.topic_config_table[topic] =
            TopicConfig{.topic_name = topic, .read_queue_nums = 8, .write_queue_nums = 8};
    }
    return body;
}

Ext identity(const std::string& name = "b-a", const std::string& address = "1.1.1.1:1",
             const std::string& id = "0") {
    return {{"brokerName", name}, {"brokerAddr", address}, {"clusterName", "C"}, {"brokerId", id}};
}

Ext registration(Ext ext, const std::string& body, bool compressed = false) {
    ext.emplace_back("haServerAddr", "1.1.1.1:2");
    ext.emplace_back("enableActingMaster", "false");
    ext.emplace_back("compressed", compressed ? "true" : "false");
    ext.emplace_back("bodyCrc32", std::to_string(crc32_of(body)));
    return ext;
}

void register_two_topics(Server& server, const Ext& who = identity()) {
    const auto body = encode(two_topics(), false);
    REQUIRE(server.call(RequestCode::REGISTER_BROKER, registration(who, body), body).code ==
            ResponseCode::SUCCESS);
}

}  // namespace

TEST_CASE("BrokerProcessor: registration in every body form leads to a route",
          "[namesrv][N-01][N-03]") {
    Server server;
    std::string body;
    std::int32_t version = mq_version::kCurrent;
    bool compressed = false;
    SECTION("JSON") {
        body = encode(two_topics(), false);
    }
    SECTION("compressed, 5.x") {
        body = encode(two_topics(), compressed = true);
    }
    SECTION("compressed, 4.x") {
        version = mq_version::kV4_9_4;
        body = encode(two_topics(), compressed = true);
    }
    SECTION("bare wrapper before 3.0.11") {
        version = mq_version::kV3_0_11 - 1;
        body = encode(two_topics().topic_config_serialize_wrapper);
    }
    FakeRequest request(RequestCode::REGISTER_BROKER, registration(identity(), body, compressed),
                        body);
    CHECK(server.call(request.version(version)).code == ResponseCode::SUCCESS);
    const auto route = server.call(RequestCode::GET_ROUTEINFO_BY_TOPIC, {{"topic", "T"}});
    CHECK(route.code == ResponseCode::SUCCESS);
    CHECK(Server::body_of(route) ==
          R"({"brokerDatas":[{"brokerAddrs":{"0":"1.1.1.1:1"},"brokerName":"b-a",)"
          R"("cluster":"C","enableActingMaster":false}],"filterServerTable":{},)"
          R"("queueDatas":[{"brokerName":"b-a","perm":6,"readQueueNums":8,)"
          R"("topicSysFlag":0,"writeQueueNums":8}]})");
}

TEST_CASE("BrokerProcessor: refusals of a registration carry the original's remarks",
          "[namesrv][N-01]") {
    Server server;
    const auto body = encode(two_topics(), false);
    auto wrong_crc = registration(identity(), body + "x");
    CHECK(server.call(RequestCode::REGISTER_BROKER, wrong_crc, body).remark == "crc32 not match");

    auto one = two_topics();
    one.topic_config_serialize_wrapper.topic_config_table.erase("U");
    const auto increment = encode(one, false);
    const auto refused =
        server.call(RequestCode::REGISTER_BROKER, registration(identity(), increment), increment);
    CHECK(refused.code == ResponseCode::SYSTEM_ERROR);
    CHECK(refused.remark == "register broker failed");

    const auto garbage =
        server.call(RequestCode::REGISTER_BROKER, registration(identity(), "xx"), "xx");
    CHECK(garbage.code == ResponseCode::SYSTEM_ERROR);
    CHECK(garbage.remark.starts_with("Failed to decode RegisterBrokerBody"));
    CHECK(server.call(RequestCode::REGISTER_BROKER, {{"brokerName", "x"}}).code ==
          ResponseCode::SYSTEM_ERROR);
    // No body at all is legal.
    CHECK(server.call(RequestCode::REGISTER_BROKER, registration(identity(), "")).code ==
          ResponseCode::SUCCESS);
}

TEST_CASE("BrokerProcessor: answers to a slave and to a master", "[namesrv][N-01]") {
    Server server;
    register_two_topics(server);
    const auto body = encode(two_topics(), false);
    const auto slave = server.call(RequestCode::REGISTER_BROKER,
                                   registration(identity("b-a", "1.1.1.2:1", "1"), body), body);
    CHECK(ext_value(slave, "masterAddr") == "1.1.1.1:1");
    CHECK(ext_value(slave, "haServerAddr") == "1.1.1.1:2");
    CHECK(slave.body.empty());
    server.call(RequestCode::PUT_KV_CONFIG,
                {{"namespace", "ORDER_TOPIC_CONFIG"}, {"key", "T"}, {"value", "b-a:4"}});
    const auto with_order =
        server.call(RequestCode::REGISTER_BROKER, registration(identity(), body), body);
    CHECK(with_order.body == R"({"table":{"T":"b-a:4"}})");
    CHECK(with_order.ext.empty());
    server.config.return_order_topic_config_to_broker = false;
    CHECK(server.call(RequestCode::REGISTER_BROKER, registration(identity(), body), body)
              .body.empty());
}

TEST_CASE("BrokerProcessor: data version, heartbeat, member group and unregistration",
          "[namesrv][N-09]") {
    Server server;
    const std::string version = R"({"counter":3,"stateVersion":0,"timestamp":1700000000000})";
    const auto unknown = server.call(RequestCode::QUERY_DATA_VERSION, identity(), version);
    CHECK(ext_value(unknown, "changed") == "true");
    CHECK(unknown.body.empty());
    register_two_topics(server);
    const auto same = server.call(RequestCode::QUERY_DATA_VERSION, identity(), version);
    CHECK(ext_value(same, "changed") == "false");
    CHECK(same.body == version);
    CHECK(ext_value(server.call(RequestCode::QUERY_DATA_VERSION, identity()), "changed") == "true");

    server.clock.advance_ms(100'000);
    CHECK(server.call(RequestCode::BROKER_HEARTBEAT, identity()).code == ResponseCode::SUCCESS);
    server.clock.advance_ms(100'000);
    CHECK(server.routes.scan_not_active_broker(server.clock.now_ms()) == 0);

    const auto group = server.call(RequestCode::GET_BROKER_MEMBER_GROUP,
                                   {{"clusterName", "C"}, {"brokerName", "b-a"}});
    CHECK(group.body == R"({"brokerMemberGroup":{"brokerAddrs":{0:"1.1.1.1:1"},"brokerName":"b-a",)"
                        R"("cluster":"C"}})");
    CHECK(group.remark == "not set any response code");

    CHECK(server.call(RequestCode::UNREGISTER_BROKER, identity()).code == ResponseCode::SUCCESS);
    CHECK(server.call(RequestCode::GET_ROUTEINFO_BY_TOPIC, {{"topic", "T"}}).code ==
          ResponseCode::TOPIC_NOT_EXIST);
    CHECK(server.call(RequestCode::GET_BROKER_CLUSTER_INFO).body ==
          R"({"brokerAddrTable":{},"clusterAddrTable":{}})");
}

TEST_CASE("RouteProcessor: dialect by client, order configuration, warm-up and no route",
          "[namesrv][N-03][N-10][O-06]") {
    Server server;
    register_two_topics(server);
    const auto route = [&](std::int32_t version, Ext ext) {
        FakeRequest request(RequestCode::GET_ROUTEINFO_BY_TOPIC, std::move(ext));
        return Server::body_of(server.call(request.version(version)));
    };
    const std::string quoted = R"({"0":"1.1.1.1:1"})";
    const std::string bare = R"({0:"1.1.1.1:1"})";
    CHECK(route(401, {{"topic", "T"}}).find(quoted) != std::string::npos);
    CHECK(route(400, {{"topic", "T"}}).find(bare) != std::string::npos);
    CHECK(route(0, {{"topic", "T"}, {"acceptStandardJsonOnly", "true"}}).find(quoted) !=
          std::string::npos);

    server.kv_configs.put("ORDER_TOPIC_CONFIG", "T", "b-a:4");
    CHECK(route(513, {{"topic", "T"}}).find("orderTopicConf") == std::string::npos);
    server.config.order_message_enable = true;
    CHECK(route(513, {{"topic", "T"}}).find(R"("orderTopicConf":"b-a:4")") != std::string::npos);
    CHECK(route(513, {{"topic", "U"}}).find("orderTopicConf") == std::string::npos);

    const auto none = server.call(RequestCode::GET_ROUTEINFO_BY_TOPIC, {{"topic", "X"}});
    CHECK(none.code == ResponseCode::TOPIC_NOT_EXIST);
    CHECK(none.remark ==
          "No topic route info in name server for the topic: X\nSee "
          "https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.");

    server.config.need_wait_for_service = true;
    server.clock.advance_ms(44'999);
    const auto early = server.call(RequestCode::GET_ROUTEINFO_BY_TOPIC, {{"topic", "T"}});
    CHECK(early.code == ResponseCode::SYSTEM_ERROR);
    CHECK(early.remark == "name server not ready");
    server.clock.advance_ms(1);
    CHECK(server.call(RequestCode::GET_ROUTEINFO_BY_TOPIC, {{"topic", "T"}}).code ==
          ResponseCode::SUCCESS);
}

TEST_CASE("RouteProcessor: zone mode keeps the zone's brokers and masterless ones",
          "[namesrv][N-11]") {
    Server server;
    auto near = identity("near", "1.1.1.1:1");
    auto far = identity("far", "1.1.1.2:1");
    near.emplace_back("__ZONE_NAME", "z1");
    far.emplace_back("__ZONE_NAME", "z2");
    register_two_topics(server, near);
    register_two_topics(server, far);
    register_two_topics(server, identity("lone", "1.1.1.3:1", "1"));
    const auto ask = [&](Ext ext) {
        ext.emplace_back("topic", "T");
        auto route = decode_topic_route_data(
            Server::body_of(server.call(RequestCode::GET_ROUTEINFO_BY_TOPIC, std::move(ext))));
        REQUIRE(route);
        std::string names;
        for (const auto& broker : route->broker_datas) {
            names += broker.broker_name + " ";
        }
        CHECK(route->broker_datas.size() == route->queue_datas.size());
        return names;
    };
    CHECK(ask({{"__ZONE_MODE", "true"}, {"__ZONE_NAME", "Z1"}}) == "lone near ");
    CHECK(ask({{"__ZONE_MODE", "true"}, {"__ZONE_NAME", " "}}) == "far lone near ");
    CHECK(ask({{"__ZONE_MODE", "no"}, {"__ZONE_NAME", "z1"}}) == "far lone near ");
}

TEST_CASE("AdminProcessor: KV configuration is kept and persisted", "[namesrv][N-07]") {
    Server server;
    const Ext item = {{"namespace", "n"}, {"key", "k"}};
    CHECK(server.call(RequestCode::PUT_KV_CONFIG, {{"namespace", "n"}}).remark ==
          "namespace or key is null");
    const auto absent = server.call(RequestCode::GET_KV_CONFIG, item);
    CHECK(absent.code == ResponseCode::QUERY_NOT_FOUND);
    CHECK(absent.remark == "No config item, Namespace: n Key: k");
    const auto no_list = server.call(RequestCode::GET_KVLIST_BY_NAMESPACE, {{"namespace", "n"}});
    CHECK(no_list.code == ResponseCode::QUERY_NOT_FOUND);
    CHECK(no_list.remark == "No config item, Namespace: n");

    auto put = item;
    put.emplace_back("value", "v\"1");
    CHECK(server.call(RequestCode::PUT_KV_CONFIG, put).code == ResponseCode::SUCCESS);
    CHECK(ext_value(server.call(RequestCode::GET_KV_CONFIG, item), "value") == "v\"1");
    CHECK(server.call(RequestCode::GET_KVLIST_BY_NAMESPACE, {{"namespace", "n"}}).body ==
          R"({"table":{"k":"v\"1"}})");
    CHECK(*read_file(server.config.kv_config_path) == R"({"configTable":{"n":{"k":"v\"1"}}})");

    KvConfigManager restarted(server.config.kv_config_path);
    REQUIRE(restarted.load());
    CHECK(restarted.get("n", "k") == "v\"1");

    CHECK(server.call(RequestCode::DELETE_KV_CONFIG, item).code == ResponseCode::SUCCESS);
    CHECK(server.call(RequestCode::GET_KVLIST_BY_NAMESPACE, {{"namespace", "n"}}).body ==
          R"({"table":{}})");
    CHECK(*read_file(server.config.kv_config_path) == R"({"configTable":{"n":{}}})");
}

TEST_CASE("KvConfigManager: a broken file is an error that names it", "[namesrv][N-07]") {
    rmq::testing::TempDir directory;
    KvConfigManager fresh(directory.file("none.json"));
    CHECK(fresh.load());
    REQUIRE(write_file(directory.file("kv.json"), "{\"configTable\":"));
    const auto status = KvConfigManager(directory.file("kv.json")).load();
    REQUIRE_FALSE(status);
    CHECK(status.error().remark.find("kv.json") != std::string::npos);
}

TEST_CASE("AdminProcessor: own configuration, protected names and the file", "[namesrv][N-08]") {
    Server server;
    const auto text = server.call(RequestCode::GET_NAMESRV_CONFIG).body;
    CHECK(text.find("listenPort=9876\n") != std::string::npos);
    CHECK(text.find("clusterTest=false\n") != std::string::npos);
    for (const char* key : {"configBlackList", "configStorePath", "kvConfigPath", "rocketmqHome"}) {
        const auto refused =
            server.call(RequestCode::UPDATE_NAMESRV_CONFIG, {}, std::string(key) + "=x");
        CHECK(refused.code == ResponseCode::NO_PERMISSION);
        CHECK(refused.remark == "Can not update config in black list.");
    }
    const auto unreadable = server.call(RequestCode::UPDATE_NAMESRV_CONFIG, {}, "a=\\u12");
    CHECK(unreadable.code == ResponseCode::SYSTEM_ERROR);
    CHECK(unreadable.remark == "string2Properties error");
    CHECK(server.call(RequestCode::UPDATE_NAMESRV_CONFIG).code == ResponseCode::SUCCESS);
    CHECK(server
              .call(RequestCode::UPDATE_NAMESRV_CONFIG, {},
                    "orderMessageEnable=true\nscanNotActiveBrokerInterval=6000")
              .code == ResponseCode::SUCCESS);
    CHECK(server.config.order_message_enable.get());
    CHECK(server.config.scan_not_active_broker_interval.get() == 6000);
    const auto saved = *read_file(server.config.config_store_path);
    CHECK(saved.find("scanNotActiveBrokerInterval=6000\n") != std::string::npos);
}

TEST_CASE("AdminProcessor: lists, permissions and deletion over the wire",
          "[namesrv][N-04][N-05][N-06]") {
    Server server;
    register_two_topics(server);
    const std::string both = R"({"topicList":["T","U"]})";
    CHECK(server.call(RequestCode::GET_ALL_TOPIC_LIST_FROM_NAMESERVER).body == both);
    CHECK(server.call(RequestCode::GET_TOPICS_BY_CLUSTER, {{"cluster", "C"}}).body == both);
    CHECK(server.call(RequestCode::GET_SYSTEM_TOPIC_LIST_FROM_NS).body ==
          R"({"brokerAddr":"1.1.1.1:1","topicList":["C","b-a"]})");
    CHECK(server.call(RequestCode::GET_UNIT_TOPIC_LIST).body == R"({"topicList":[]})");
    CHECK(server.call(RequestCode::GET_BROKER_CLUSTER_INFO).body ==
          R"({"brokerAddrTable":{"b-a":{"brokerAddrs":{0:"1.1.1.1:1"},"brokerName":"b-a",)"
          R"("cluster":"C","enableActingMaster":false}},"clusterAddrTable":{"C":["b-a"]}})");

    CHECK(ext_value(server.call(RequestCode::WIPE_WRITE_PERM_OF_BROKER, {{"brokerName", "b-a"}}),
                    "wipeTopicCount") == "2");
    CHECK(ext_value(server.call(RequestCode::ADD_WRITE_PERM_OF_BROKER, {{"brokerName", "b-a"}}),
                    "addTopicCount") == "2");
    CHECK(server.call(RequestCode::DELETE_TOPIC_IN_NAMESRV, {{"topic", "T"}}).code ==
          ResponseCode::SUCCESS);
    CHECK(server
              .call(RequestCode::REGISTER_TOPIC_IN_NAMESRV, {{"topic", "N"}},
                    R"({"queueDatas":[{"brokerName":"b-a","perm":6,"readQueueNums":1,)"
                    R"("writeQueueNums":1}]})")
              .code == ResponseCode::SUCCESS);
    CHECK(server.call(RequestCode::GET_ALL_TOPIC_LIST_FROM_NAMESERVER).body ==
          R"({"topicList":["N","U"]})");

    server.config.enable_all_topic_list = false;
    server.config.enable_topic_list = false;
    for (const auto code :
         {RequestCode::GET_ALL_TOPIC_LIST_FROM_NAMESERVER, RequestCode::GET_TOPICS_BY_CLUSTER,
          RequestCode::GET_UNIT_TOPIC_LIST, RequestCode::GET_HAS_UNIT_SUB_TOPIC_LIST,
          RequestCode::GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST}) {
        const auto refused = server.call(code, {{"cluster", "C"}});
        CHECK(refused.code == ResponseCode::SYSTEM_ERROR);
        CHECK(refused.remark == "disable");
    }
    CHECK(server.call(static_cast<RequestCode>(999)).remark == " request type 999 not supported");
}
