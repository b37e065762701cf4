// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/admin/connection_admin.h"

#include "broker/cold/cold_data_control.h"
#include "broker/processor/admin/config_admin.h"
#include "broker/processor/admin/runtime_info.h"
#include "broker/stats/store_stats_service.h"
#include "broker/testing/admin_fixture.h"
#include "common/message/message_id.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "store/message_store_config.h"

#include <nlohmann/json.hpp>

#include <future>

using namespace rmq;
using namespace rmq::broker;
using rmq::testing::AdminFixture;
using rmq::testing::ext_value;

namespace {

struct Fixture : AdminFixture {
    Fixture()
        : connection_admin(
              {config, *consumers, *producers, *offsets, *topics, *groups, *store, *to_clients}),
          cold_data(config, store_config, clock),
          config_admin(configuration, config, *topics, cold_data, clock,
                       [this] { ++registrations; }),
          store_stats(*store, clock),
          runtime_info({configuration, *store, store_config, store_stats, {[](auto& table) {
                            table["msgPutTotalTodayNow"] = "42";
                        }}}) {
        config.broker_config_path = dir.file("broker.conf");
        bind_config(configuration, config);
        store::bind_config(configuration, store_config);
        connection_admin.register_in(registry, admin_queue());
        config_admin.register_in(registry, admin_queue());
        runtime_info.register_in(registry, admin_queue());
        add_topic("T");
    }

    Configuration configuration;
    std::atomic<int> registrations{0};
    ConnectionAdmin connection_admin;
    ColdDataControl cold_data;
    ConfigAdmin config_admin;
    StoreStatsService store_stats;
    RuntimeInfo runtime_info;
};

InboundResponse answer(std::string body, ResponseCode code = ResponseCode::SUCCESS) {
    InboundResponse response;
    response.code = static_cast<std::int32_t>(code);
    response.body = std::move(body);
    return response;
}

std::string ext_text(const OutboundCommand& command) {
    return std::string(command.ext.text());
}

}  // namespace

TEST_CASE("ConnectionAdmin: who consumes and who produces", "[broker][admin][C-18]") {
    Fixture fixture;
    const auto offline =
        fixture.call(RequestCode::GET_CONSUMER_CONNECTION_LIST, {{"consumerGroup", "g"}});
    CHECK(offline.code == ResponseCode::CONSUMER_NOT_ONLINE);
    CHECK(offline.remark == "the consumer group[g] not online");
    fixture.join("g", "T", "c1");
    CHECK(fixture.call(RequestCode::GET_CONSUMER_CONNECTION_LIST, {{"consumerGroup", "g"}}).body ==
          R"({"connectionSet":[{"clientAddr":"127.0.0.1:50002","clientId":"c1","language":"JAVA",)"
          R"("version":513}],"consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","consumeType":)"
          R"("CONSUME_PASSIVELY","messageModel":"CLUSTERING","subscriptionTable":{"T":)"
          R"({"classFilterMode":false,"codeSet":[2598919],"expressionType":"TAG","subString":)"
          R"("TagA","subVersion":0,"tagsSet":["TagA"],"topic":"T"}}})");
    const auto none =
        fixture.call(RequestCode::GET_PRODUCER_CONNECTION_LIST, {{"producerGroup", "p"}});
    CHECK(none.code == ResponseCode::SYSTEM_ERROR);
    CHECK(none.remark == "the producer group[p] not exist");
    fixture.producers->register_producer("p", {.connection = fixture.admin,
                                               .client_id = "c2",
                                               .language = LanguageCode::kGo,
                                               .version = 317});
    CHECK(fixture.call(RequestCode::GET_PRODUCER_CONNECTION_LIST, {{"producerGroup", "p"}}).body ==
          R"({"connectionSet":[{"clientAddr":"127.0.0.1:50001","clientId":"c2","language":"GO",)"
          R"("version":317}]})");
    CHECK(fixture.call(RequestCode::GET_ALL_PRODUCER_INFO).body ==
          R"({"data":{"p":[{"clientId":"c2","language":"GO","lastUpdateTimestamp":1700000000000,)"
          R"("remoteIP":"/127.0.0.1:50001","version":317}]}})");
}

TEST_CASE("Administration: a request that waits too long in its queue is refused",
          "[broker][admin][admission][config]") {
    Fixture fixture;
    std::promise<void> begun;
    std::promise<void> release;
    UniqueFunction<void()> work = [&begun, free = release.get_future()]() mutable {
        begun.set_value();
        free.wait();
    };
    REQUIRE(fixture.pool->post(work));
    begun.get_future().wait();
    fixture.send(RequestCode::GET_BROKER_CONFIG);
    fixture.clock.advance_ms(5001);
    release.set_value();
    const auto refused = fixture.reply();
    CHECK(refused.code == ResponseCode::SYSTEM_BUSY);
    CHECK(refused.remark.starts_with("[TIMEOUT_CLEAN_QUEUE]broker busy"));
    CHECK(fixture.call(RequestCode::GET_BROKER_CONFIG).code == ResponseCode::SUCCESS);
}

TEST_CASE("ConnectionAdmin: topics of groups and groups of topics", "[broker][admin][C-18]") {
    Fixture fixture;
    fixture.join("g", "T", "c1");
    fixture.offsets->commit({"h", "T", 0}, 1);
    CHECK(fixture.call(RequestCode::QUERY_TOPIC_CONSUME_BY_WHO, {{"topic", "T"}}).body ==
          R"({"groupList":["g","h"]})");
    CHECK(fixture.call(RequestCode::QUERY_TOPICS_BY_CONSUMER, {{"group", "h"}}).body ==
          R"({"brokerAddr":"127.0.0.1:10911","topicList":["T"]})");
    const auto known = nlohmann::json::parse(
        fixture.call(RequestCode::QUERY_SUBSCRIPTION_BY_CONSUMER, {{"group", "g"}, {"topic", "T"}})
            .body);
    CHECK(known["subscriptionData"]["subString"] == "TagA");
    CHECK(
        fixture.call(RequestCode::QUERY_SUBSCRIPTION_BY_CONSUMER, {{"group", "h"}, {"topic", "T"}})
            .body == R"({"group":"h","topic":"T"})");
}

TEST_CASE("ConnectionAdmin: running info is relayed to the client and back",
          "[broker][admin][C-18]") {
    Fixture fixture;
    const AdminFixture::Ext ext{
        {"consumerGroup", "g"}, {"clientId", "c1"}, {"jstackEnable", "true"}};
    const auto offline = fixture.call(RequestCode::GET_CONSUMER_RUNNING_INFO, ext);
    CHECK(offline.code == ResponseCode::SYSTEM_ERROR);
    CHECK(offline.remark == "The Consumer <g> <c1> not online");

    const auto client = fixture.join("g", "T", "c1");
    fixture.send(RequestCode::GET_CONSUMER_RUNNING_INFO, ext);
    auto asked = AdminFixture::invocation(*client);
    CHECK(asked.command.code == RequestCode::GET_CONSUMER_RUNNING_INFO);
    CHECK(asked.timeout == std::chrono::milliseconds(10'000));
    CHECK(ext_text(asked.command) ==
          R"("consumerGroup":"g","clientId":"c1","jstackEnable":"true")");
    asked.done(answer(R"({"mqTable":{{"brokerName":"b"}:{}}})"));
    CHECK(fixture.reply().body == R"({"mqTable":{{"brokerName":"b"}:{}}})");

    fixture.send(RequestCode::GET_CONSUMER_RUNNING_INFO, ext);
    AdminFixture::invocation(*client).done(Error{Errc::kTimeout, "timeout"});
    CHECK(fixture.reply().code == ResponseCode::CONSUME_MSG_TIMEOUT);
    fixture.send(RequestCode::GET_CONSUMER_RUNNING_INFO, ext);
    AdminFixture::invocation(*client).done(Error{Errc::kConnectionClosed, "closed"});
    CHECK(fixture.reply().code == ResponseCode::SYSTEM_ERROR);
}

TEST_CASE("ConnectionAdmin: a client consumes one stored message at once",
          "[broker][admin][C-18][A-11]") {
    Fixture fixture;
    const auto client = fixture.join("g", "T", "c1");
    const auto id = make_offset_message_id(*parse_socket_address("127.0.0.1:10911"),
                                           {fixture.put("T", 0, "hello")});
    fixture.send(RequestCode::CONSUME_MESSAGE_DIRECTLY,
                 {{"consumerGroup", "g"}, {"clientId", "c1"}, {"msgId", id}, {"topic", "T"}});
    auto asked = AdminFixture::invocation(*client);
    CHECK(asked.command.body.find("hello") != std::string::npos);
    CHECK(ext_text(asked.command)
              .ends_with(R"("brokerName":"broker-a","topicSysFlag":"0","groupSysFlag":"0")"));
    asked.done(answer(R"({"consumeResult":"CR_SUCCESS"})"));
    CHECK(fixture.reply().body == R"({"consumeResult":"CR_SUCCESS"})");
    CHECK(fixture
              .call(RequestCode::CONSUME_MESSAGE_DIRECTLY,
                    {{"consumerGroup", "g"}, {"clientId", "c1"}, {"msgId", "xyz"}})
              .code == ResponseCode::SYSTEM_ERROR);
}

TEST_CASE("ConnectionAdmin: positions of all clients of a group", "[broker][admin][C-18]") {
    Fixture fixture;
    const AdminFixture::Ext ext{{"topic", "T"}, {"group", "g"}};
    CHECK(fixture.call(RequestCode::INVOKE_BROKER_TO_GET_CONSUMER_STATUS, ext).remark ==
          "No Any Consumer online in the consumer group: [g]");
    const auto first = fixture.join("g", "T", "c1");
    const auto second = fixture.join("g", "T", "c2");
    fixture.send(RequestCode::INVOKE_BROKER_TO_GET_CONSUMER_STATUS, ext);
    AdminFixture::invocation(*first).done(
        answer(R"({"consumerTable":{},"messageQueueTable":{{"brokerName":"b","queueId":0,)"
               R"("topic":"T}"}:5}})"));
    AdminFixture::invocation(*second).done(Error{Errc::kTimeout, ""});
    CHECK(fixture.reply().body ==
          R"({"consumerTable":{"c1":{{"brokerName":"b","queueId":0,"topic":"T}"}:5}},)"
          R"("messageQueueTable":{}})");
    fixture.send(RequestCode::INVOKE_BROKER_TO_GET_CONSUMER_STATUS,
                 {{"topic", "T"}, {"group", "g"}, {"clientAddr", "c2"}});
    AdminFixture::invocation(*second).done(answer("{}"));
    CHECK(fixture.reply().body == R"({"consumerTable":{"c2":{}},"messageQueueTable":{}})");
    CHECK(first->take_invocations().empty());
}

TEST_CASE("ConfigAdmin: settings are read, changed and written back",
          "[broker][admin][A-02][S-10]") {
    Fixture fixture;
    const auto before = fixture.call(RequestCode::GET_BROKER_CONFIG);
    CHECK(before.body.find("autoCreateTopicEnable=true\n") != std::string::npos);
    const auto changed = fixture.call(RequestCode::UPDATE_BROKER_CONFIG, {},
                                      "autoCreateTopicEnable=false\nfileReservedTime=48\n");
    CHECK(changed.code == ResponseCode::SUCCESS);
    CHECK_FALSE(fixture.config.auto_create_topic_enable);
    CHECK(fixture.store_config.file_reserved_time == 48);
    CHECK(*read_file(fixture.dir.file("broker.conf")) ==
          "autoCreateTopicEnable=false\nfileReservedTime=48\n");
    const auto after = fixture.call(RequestCode::GET_BROKER_CONFIG);
    CHECK(after.body.find("autoCreateTopicEnable=false\n") != std::string::npos);
    CHECK(ext_value(after, "version").starts_with(R"({"counter":1,"stateVersion":0,)"));

    const auto refused =
        fixture.call(RequestCode::UPDATE_BROKER_CONFIG, {}, "brokerConfigPath=/elsewhere\n");
    CHECK(refused.code == ResponseCode::NO_PERMISSION);
    CHECK(refused.remark == "Can not update config in black list.");
    CHECK(fixture.call(RequestCode::UPDATE_BROKER_CONFIG, {}, "a=\\u12").remark ==
          "string2Properties error");
    const auto version = fixture.topics->data_version();
    fixture.call(RequestCode::UPDATE_BROKER_CONFIG, {}, "brokerPermission=4\n");
    CHECK(fixture.topics->data_version().counter == version.counter + 1);
    CHECK(fixture.registrations == 1);
}

TEST_CASE("ConfigAdmin: the limits of cold reads are told", "[broker][admin]") {
    Fixture fixture;
    // Bytes of the original (5.5.0) that nobody reads from.
    CHECK(fixture.call(RequestCode::GET_COLD_DATA_FLOW_CTR_INFO).body ==
          R"({"runtimeTable":{},"configTable":{},"cgColdReadThreshold":3145728,)"
          R"("globalColdReadThreshold":104857600,"globalAcc":0})");
}

TEST_CASE("ConfigAdmin: limits of cold reads are set for groups and taken back",
          "[broker][admin][C-24]") {
    Fixture fixture;
    const auto limits = [&fixture] {
        return nlohmann::json::parse(
            fixture.call(RequestCode::GET_COLD_DATA_FLOW_CTR_INFO).body)["configTable"];
    };
    CHECK(
        fixture.call(RequestCode::UPDATE_COLD_DATA_FLOW_CTR_CONFIG, {}, "g=1000\nh=many\n").code ==
        ResponseCode::SUCCESS);
    CHECK(limits() == nlohmann::json{{"g", 1000}});
    CHECK(fixture.call(RequestCode::UPDATE_COLD_DATA_FLOW_CTR_CONFIG, {}, "a=\\u12").remark ==
          "string2Properties error");
    CHECK(fixture.call(RequestCode::REMOVE_COLD_DATA_FLOW_CTR_CONFIG, {}, "g").code ==
          ResponseCode::SUCCESS);
    CHECK(limits().empty());
}

TEST_CASE("RuntimeInfo: the table has the original's keys", "[broker][admin][V-02][V-04]") {
    Fixture fixture;
    fixture.put("T", 0, "0123456789");
    for (int i = 0; i < 12; ++i) {
        fixture.store_stats.run_once();
        fixture.clock.advance_ms(1000);
    }
    const auto table =
        nlohmann::json::parse(fixture.call(RequestCode::GET_BROKER_RUNTIME_INFO).body)["table"];
    for (const char* key :
         {"brokerVersion", "brokerVersionDesc", "brokerActive", "bootTimestamp", "getFoundTps",
          "getTransferredTps", "putMessageDistributeTime", "msgGetTotalTodayNow",
          "dispatchBehindBytes", "commitLogDirCapacity", "remainHowManyDataToFlush",
          "sendThreadPoolQueueSize", "pullThreadPoolQueueHeadWaitTimeMills",
          "EndTransactionThreadPoolQueueCapacity", "timerReadBehind", "commitLogMaxOffset"}) {
        INFO(key);
        REQUIRE(table.contains(key));
        CHECK(table[key].is_string());
    }
    CHECK(table["brokerVersionDesc"] == "V5_5_0");
    CHECK(table["runtime"] == "[ 0 days, 0 hours, 0 minutes, 12 seconds ]");
    CHECK(table["putTps"] == "0.0  ");  // 10 s are known, 1 and 10 min are not yet
    CHECK(table["getTotalTps"] == "0.0 0.0 0.0");
    CHECK(table["putMessageTimesTotal"] == "1");
    CHECK(table["sendThreadPoolQueueCapacity"] == "10000");
    CHECK(table["msgPutTotalTodayNow"] == "42");
}
