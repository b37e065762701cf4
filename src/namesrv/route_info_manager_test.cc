// SPDX-License-Identifier: Apache-2.0
#include "namesrv/route_info_manager.h"

#include "common/testing/catch.h"
#include "namesrv/broker_scan.h"
#include "namesrv/namesrv_config.h"
#include "remoting/testing/fake_connection.h"

#include <string>

using namespace rmq;
using namespace rmq::namesrv;
using rmq::testing::FakeConnection;

namespace {

// One manager and shorthands for what brokers do.
struct Fixture {
    NamesrvConfig config;
    ManualClock clock;
    RouteInfoManager routes{config, clock};

    static BrokerRegistration registration(const std::string& name, std::int64_t id,
                                           const std::string& address,
                                           std::vector<std::string> topics = {"T", "U"}) {
        BrokerRegistration registration;
        registration.broker = {"C", address, name, id};
        registration.ha_server_addr = address + "1";
        registration.enable_acting_master = false;
        auto& wrapper = registration.body.topic_config_serialize_wrapper;
        wrapper.data_version = {.state_version = 0, .timestamp = 1, .counter = 1};
        for (const auto& topic : topics) {
            wrapper.topic_config_table[topic] =
                TopicConfig{.topic_name = topic, .read_queue_nums = 4, .write_queue_nums = 4};
        }
        return registration;
    }
    RegisterBrokerResult add(const std::string& name, std::int64_t id, const std::string& address,
                             std::vector<std::string> topics = {"T", "U"}) {
        return routes.register_broker(registration(name, id, address, std::move(topics)));
    }
    std::string route(std::string_view topic) const {
        const auto body = routes.route_body(topic, IntegerKeys::kQuoted);
        return body ? *body : "";
    }
    TopicRouteData decoded(std::string_view topic) const {
        return *decode_topic_route_data(route(topic));
    }
};

}  // namespace

TEST_CASE("RouteInfoManager: a registered broker's topics have a route", "[namesrv][N-01][N-03]") {
    Fixture f;
    CHECK(f.route("T").empty());
    CHECK(f.add("b-a", 0, "1.1.1.1:1").outcome == RegisterOutcome::kRegistered);
    const auto route = f.decoded("T");
    REQUIRE(route.queue_datas.size() == 1);
    CHECK(route.queue_datas[0].write_queue_nums == 4);
    REQUIRE(route.broker_datas.size() == 1);
    CHECK(route.broker_datas[0].broker_addrs.at(0) == "1.1.1.1:1");
    CHECK(f.route("X").empty());
}

TEST_CASE("RouteInfoManager: a slave is told its master's addresses", "[namesrv][N-01]") {
    Fixture f;
    CHECK(f.add("b-a", 0, "1.1.1.1:1").master_addr.empty());
    const auto answer = f.add("b-a", 1, "1.1.1.2:1");
    CHECK(answer.master_addr == "1.1.1.1:1");
    CHECK(answer.ha_server_addr == "1.1.1.1:11");
    CHECK(f.decoded("T").broker_datas[0].broker_addrs.size() == 2);
}

TEST_CASE("RouteInfoManager: an increment is refused before the first registration",
          "[namesrv][N-01]") {
    Fixture f;
    CHECK(f.add("b-a", 0, "1.1.1.1:1", {"T"}).outcome == RegisterOutcome::kRefused);
    CHECK(f.routes.cluster_info().broker_addr_table.empty());
    f.add("b-a", 0, "1.1.1.1:1");
    // Afterwards it is merged: the topics it does not name stay.
    auto increment = Fixture::registration("b-a", 0, "1.1.1.1:1", {"N"});
    increment.body.topic_config_serialize_wrapper.data_version.counter = 2;
    CHECK(f.routes.register_broker(increment).outcome == RegisterOutcome::kRegistered);
    CHECK_FALSE(f.route("N").empty());
    CHECK_FALSE(f.route("T").empty());
}

TEST_CASE("RouteInfoManager: with an unchanged version only missing topics are taken",
          "[namesrv][N-01]") {
    Fixture f;
    f.add("b-a", 0, "1.1.1.1:1");
    f.routes.delete_topic("U");
    auto again = Fixture::registration("b-a", 0, "1.1.1.1:1");
    again.body.topic_config_serialize_wrapper.topic_config_table["T"].write_queue_nums = 9;
    f.routes.register_broker(again);
    CHECK(f.decoded("T").queue_datas[0].write_queue_nums == 4);
    CHECK_FALSE(f.route("U").empty());
    again.body.topic_config_serialize_wrapper.data_version.counter = 2;
    f.routes.register_broker(again);
    CHECK(f.decoded("T").queue_datas[0].write_queue_nums == 9);
}

TEST_CASE("RouteInfoManager: vanished topics go only when asked for", "[namesrv][N-06]") {
    Fixture f;
    f.add("b-a", 0, "1.1.1.1:1", {"T", "U", "V"});
    f.add("b-a", 0, "1.1.1.1:1", {"T", "U"});
    CHECK_FALSE(f.route("V").empty());
    f.config.delete_topic_with_broker_registration = true;
    f.add("b-a", 0, "1.1.1.1:1", {"T", "U"});
    CHECK(f.route("V").empty());
    CHECK_FALSE(f.route("T").empty());
}

TEST_CASE("RouteInfoManager: a slave that becomes master loses its old id", "[namesrv][N-01]") {
    Fixture f;
    f.add("b-a", 0, "1.1.1.1:1");
    f.add("b-a", 1, "1.1.1.2:1");
    f.add("b-a", 0, "1.1.1.2:1");
    const auto addrs = f.decoded("T").broker_datas[0].broker_addrs;
    CHECK(addrs == std::map<std::int64_t, std::string>{{0, "1.1.1.2:1"}});
}

TEST_CASE("RouteInfoManager: the larger stateVersion wins a conflict of addresses",
          "[namesrv][N-01]") {
    Fixture f;
    auto newer = Fixture::registration("b-a", 0, "1.1.1.1:1");
    newer.body.topic_config_serialize_wrapper.data_version.state_version = 5;
    f.routes.register_broker(newer);
    CHECK(f.add("b-a", 0, "1.1.1.9:1").outcome == RegisterOutcome::kIgnored);
    CHECK(f.decoded("T").broker_datas[0].broker_addrs.at(0) == "1.1.1.1:1");
    CHECK_FALSE(f.routes.broker_data_version({"C", "1.1.1.9:1", "b-a", 0}));
    newer.broker.broker_addr = "1.1.1.9:1";
    CHECK(f.routes.register_broker(newer).outcome == RegisterOutcome::kRegistered);
    CHECK(f.decoded("T").broker_datas[0].broker_addrs.at(0) == "1.1.1.9:1");
}

TEST_CASE("RouteInfoManager: slaves give no topics except the lowest of a 5.x broker",
          "[namesrv][N-01]") {
    Fixture f;
    auto old_slave = Fixture::registration("b-a", 1, "1.1.1.2:1");
    old_slave.enable_acting_master = std::nullopt;
    f.routes.register_broker(old_slave);
    CHECK(f.route("T").empty());
    f.add("b-a", 1, "1.1.1.2:1");
    // The broker did not change for the NameServer, but the topic is missing, so it is taken.
    CHECK_FALSE(f.route("T").empty());
    f.add("b-a", 2, "1.1.1.3:1", {"S", "T"});
    CHECK(f.route("S").empty());
}

TEST_CASE("RouteInfoManager: an acting master reads for its group", "[namesrv][N-03]") {
    Fixture f;
    f.config.support_acting_master = true;
    auto master = Fixture::registration("b-a", 0, "1.1.1.1:1");
    auto slave = Fixture::registration("b-a", 2, "1.1.1.3:1");
    master.enable_acting_master = slave.enable_acting_master = true;
    f.routes.register_broker(master);
    f.routes.register_broker(slave);
    f.routes.unregister_broker(master.broker);
    auto route = f.decoded("T");
    CHECK(route.broker_datas[0].broker_addrs.at(0) == "1.1.1.3:1");
    CHECK(route.queue_datas[0].perm == perm::kRead);
    f.config.support_acting_master = false;
    CHECK(f.decoded("T").broker_datas[0].broker_addrs.at(2) == "1.1.1.3:1");
}

TEST_CASE("RouteInfoManager: brokers expire after the silence they announced", "[namesrv][N-02]") {
    Fixture f;
    const auto connection = std::make_shared<FakeConnection>();
    auto quick = Fixture::registration("b-q", 0, "1.1.1.1:1");
    quick.heartbeat_timeout_millis = 10'000;
    quick.connection = connection;
    f.routes.register_broker(quick);
    f.add("b-s", 0, "1.1.1.2:1");
    f.clock.advance_ms(10'000);
    CHECK(f.routes.scan_not_active_broker(f.clock.now_ms()) == 0);
    f.clock.advance_ms(1);
    CHECK(f.routes.scan_not_active_broker(f.clock.now_ms()) == 1);
    CHECK_FALSE(connection->is_open());
    REQUIRE(f.decoded("T").broker_datas.size() == 1);
    CHECK(f.decoded("T").broker_datas[0].broker_name == "b-s");
    // A heartbeat keeps the other one.
    f.clock.advance_ms(100'000);
    f.routes.update_broker_timestamp({"C", "1.1.1.2:1", "b-s", 0});
    f.clock.advance_ms(100'000);
    CHECK(f.routes.scan_not_active_broker(f.clock.now_ms()) == 0);
    f.clock.advance_ms(20'001);
    CHECK(f.routes.scan_not_active_broker(f.clock.now_ms()) == 1);
    CHECK(f.route("T").empty());
    CHECK(f.routes.all_topics().topic_list.empty());
    CHECK(f.routes.cluster_info().cluster_addr_table.empty());
}

TEST_CASE("BrokerScan: scans after 5 s and then every interval", "[namesrv][N-02]") {
    Fixture f;
    BrokerScan scan(f.config, f.routes, f.clock);
    auto quick = Fixture::registration("b-q", 0, "1.1.1.1:1");
    quick.heartbeat_timeout_millis = 100;
    f.routes.register_broker(quick);
    scan.run_once();
    f.clock.advance_ms(4999);
    scan.run_once();
    CHECK_FALSE(f.route("T").empty());
    f.clock.advance_ms(1);
    scan.run_once();
    CHECK(f.route("T").empty());
    f.routes.register_broker(quick);
    f.clock.advance_ms(4999);
    scan.run_once();
    CHECK_FALSE(f.route("T").empty());
    f.clock.advance_ms(1);
    scan.run_once();
    CHECK(f.route("T").empty());
}

TEST_CASE("RouteInfoManager: a closed connection takes its brokers away at once",
          "[namesrv][N-02]") {
    Fixture f;
    const auto first = std::make_shared<FakeConnection>();
    const auto second = std::make_shared<FakeConnection>();
    auto registration = Fixture::registration("b-a", 0, "1.1.1.1:1");
    registration.connection = first;
    f.routes.register_broker(registration);
    f.routes.on_connection_closed(*second);
    CHECK_FALSE(f.route("T").empty());
    // Registered again over another connection, the old one no longer matters.
    registration.connection = second;
    f.routes.register_broker(registration);
    f.routes.on_connection_closed(*first);
    CHECK_FALSE(f.route("T").empty());
    f.routes.on_connection_closed(*second);
    CHECK(f.route("T").empty());
    CHECK_FALSE(f.routes.broker_data_version(registration.broker));
}

TEST_CASE("RouteInfoManager: write permission is taken and given until the next change",
          "[namesrv][N-05]") {
    Fixture f;
    f.add("b-a", 0, "1.1.1.1:1");
    CHECK(f.routes.wipe_write_perm_of_broker("b-a") == 2);
    CHECK(f.routes.wipe_write_perm_of_broker("nobody") == 0);
    CHECK(f.decoded("T").queue_datas[0].perm == 4);
    f.add("b-a", 0, "1.1.1.1:1");
    CHECK(f.decoded("T").queue_datas[0].perm == 4);
    CHECK(f.routes.add_write_perm_of_broker("b-a") == 2);
    CHECK(f.decoded("T").queue_datas[0].perm == 6);
    f.routes.wipe_write_perm_of_broker("b-a");
    auto newer = Fixture::registration("b-a", 0, "1.1.1.1:1");
    newer.body.topic_config_serialize_wrapper.data_version.counter = 2;
    f.routes.register_broker(newer);
    CHECK(f.decoded("T").queue_datas[0].perm == 6);
}

TEST_CASE("RouteInfoManager: topics are deleted everywhere or in one cluster", "[namesrv][N-06]") {
    Fixture f;
    f.add("b-a", 0, "1.1.1.1:1");
    auto other = Fixture::registration("b-b", 0, "1.1.1.2:1");
    other.broker.cluster_name = "D";
    f.routes.register_broker(other);
    f.routes.delete_topic("T", "D");
    REQUIRE(f.decoded("T").queue_datas.size() == 1);
    CHECK(f.decoded("T").queue_datas[0].broker_name == "b-a");
    f.routes.delete_topic("T", "nowhere");
    CHECK_FALSE(f.route("T").empty());
    f.routes.delete_topic("T", "C");
    CHECK(f.route("T").empty());
    f.routes.delete_topic("U");
    CHECK(f.routes.all_topics().topic_list.empty());
}

TEST_CASE("RouteInfoManager: single topics are registered for known brokers", "[namesrv][N-13]") {
    Fixture f;
    f.add("b-a", 0, "1.1.1.1:1");
    const auto queue = [](const char* broker) {
        QueueData data;
        data.broker_name = broker;
        data.read_queue_nums = data.write_queue_nums = 2;
        data.perm = 6;
        return data;
    };
    f.routes.register_topic("N", {queue("b-a"), queue("nobody")});
    CHECK(f.route("N").empty());
    f.routes.register_topic("N", {queue("b-a")});
    CHECK(f.decoded("N").queue_datas[0].read_queue_nums == 2);
    f.routes.register_topic("T", {queue("b-a"), queue("nobody")});
    CHECK(f.decoded("T").queue_datas[0].read_queue_nums == 2);
}

TEST_CASE("RouteInfoManager: lists of topics", "[namesrv][N-04]") {
    Fixture f;
    auto registration = Fixture::registration("b-a", 0, "1.1.1.1:1", {"A", "B", "S"});
    auto& topics = registration.body.topic_config_serialize_wrapper.topic_config_table;
    topics["A"].topic_sys_flag = topic_sys_flag::kUnit | topic_sys_flag::kUnitSub;
    topics["B"].topic_sys_flag = topic_sys_flag::kUnitSub;
    f.routes.register_broker(registration);
    using Names = std::vector<std::string>;
    CHECK(f.routes.all_topics().topic_list == Names{"A", "B", "S"});
    CHECK(f.routes.topics_by_cluster("C").topic_list == Names{"A", "B", "S"});
    CHECK(f.routes.topics_by_cluster("X").topic_list.empty());
    CHECK(f.routes.topics_by_sys_flag(1, 1).topic_list == Names{"A"});
    CHECK(f.routes.topics_by_sys_flag(2, 2).topic_list == Names{"A", "B"});
    CHECK(f.routes.topics_by_sys_flag(3, 2).topic_list == Names{"B"});
    CHECK(f.routes.system_topics().topic_list == Names{"C", "b-a"});
    CHECK(f.routes.system_topics().broker_addr == "1.1.1.1:1");
}

TEST_CASE("RouteInfoManager: a route is encoded once until something about it changes",
          "[namesrv][N-03]") {
    Fixture f;
    std::vector<std::string> topics;
    for (int i = 0; i < 10'000; ++i) {
        topics.push_back("topic-" + std::to_string(i));
    }
    f.add("b-a", 0, "1.1.1.1:1", topics);
    const auto once = f.routes.route_body("topic-5000", IntegerKeys::kQuoted);
    CHECK(f.routes.route_body("topic-5000", IntegerKeys::kQuoted) == once);
    CHECK(f.routes.route_body("topic-5000", IntegerKeys::kBare) != once);
    // A registration that changes nothing keeps the text; one that moves the broker does not.
    f.add("b-a", 0, "1.1.1.1:1", topics);
    CHECK(f.routes.route_body("topic-5000", IntegerKeys::kQuoted) == once);
    f.add("b-a", 1, "1.1.1.2:1", topics);
    const auto later = f.routes.route_body("topic-5000", IntegerKeys::kQuoted);
    CHECK(later != once);
    CHECK(later->find("1.1.1.2:1") != std::string::npos);
}

TEST_CASE("RouteInfoManager: changes of the lowest broker id are told when asked for",
          "[namesrv][N-09]") {
    Fixture f;
    std::vector<MinBrokerIdNotice> notices;
    f.routes.set_min_broker_id_listener(
        [&](const MinBrokerIdNotice& notice) { notices.push_back(notice); });
    auto master = Fixture::registration("b-a", 0, "1.1.1.1:1");
    auto slave = Fixture::registration("b-a", 1, "1.1.1.2:1");
    master.enable_acting_master = slave.enable_acting_master = true;
    f.routes.register_broker(slave);
    f.routes.register_broker(master);
    CHECK(notices.empty());
    f.config.notify_min_broker_id_changed = true;
    f.routes.unregister_broker(master.broker);
    REQUIRE(notices.size() == 1);
    CHECK(notices[0].notify_addrs == std::vector<std::string>{"1.1.1.2:1"});
    CHECK(notices[0].min_broker_id == 1);
    CHECK(notices[0].offline_broker_addr == "1.1.1.1:1");
    f.routes.register_broker(master);
    REQUIRE(notices.size() == 2);
    CHECK(notices[1].notify_addrs == std::vector<std::string>{"1.1.1.2:1"});
    CHECK(notices[1].min_broker_id == 0);
    CHECK(notices[1].ha_broker_addr == "1.1.1.1:11");
}
