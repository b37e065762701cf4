// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/admin/offset_admin.h"

#include "broker/processor/admin/stats_admin.h"
#include "broker/processor/admin/store_admin.h"
#include "broker/processor/query_message.h"
#include "broker/testing/admin_fixture.h"
#include "common/message/message_properties.h"
#include "common/message/message_record.h"
#include "common/testing/catch.h"

#include <nlohmann/json.hpp>

using namespace rmq;
using namespace rmq::broker;
using rmq::testing::AdminFixture;
using rmq::testing::ext_value;

namespace {

struct Fixture : AdminFixture {
    Fixture()
        : offset_admin({config, store_config, *topics, *groups, *offsets, *consumers, *store,
                        *to_clients, [] { return std::string("{\"offsetTable\":{}}"); }}),
          stats_admin({config, *topics, *groups, *offsets, *consumers, *store, clock,
                       StatsSource{[](auto) { return 1.5; }, [](auto, auto) { return 2.5; },
                                   [](auto name, auto) -> std::optional<BrokerStatsData> {
                                       if (name != "TOPIC_PUT_NUMS") {
                                           return std::nullopt;
                                       }
                                       return BrokerStatsData{{6, 0.1, 1.0}, {}, {}};
                                   }}}),
          store_admin(*store, *topics, *consumers),
          query(*store, store_config) {
        offset_admin.register_in(registry, admin_queue());
        stats_admin.register_in(registry, admin_queue());
        store_admin.register_in(registry, admin_queue());
        query.register_in(registry, admin_queue());
        add_topic("T");
        groups->find("g");
    }

    OffsetAdmin offset_admin;
    StatsAdmin stats_admin;
    StoreAdmin store_admin;
    QueryMessageProcessor query;
};

const AdminFixture::Ext kQueue0{{"topic", "T"}, {"queueId", "0"}};

AdminFixture::Ext with(AdminFixture::Ext ext, AdminFixture::Ext more) {
    ext.insert(ext.end(), more.begin(), more.end());
    return ext;
}

}  // namespace

TEST_CASE("OffsetAdmin: bounds and times of a queue", "[broker][admin][C-16][C-05]") {
    Fixture fixture;
    CHECK(ext_value(fixture.call(RequestCode::GET_MAX_OFFSET, kQueue0), "offset") == "0");
    CHECK(ext_value(fixture.call(RequestCode::GET_MIN_OFFSET, kQueue0), "offset") == "0");
    CHECK(ext_value(fixture.call(RequestCode::GET_EARLIEST_MSG_STORETIME, kQueue0), "timestamp") ==
          "-1");
    const auto start = fixture.clock.now_ms();
    for (int i = 0; i < 5; ++i) {
        fixture.put("T", 0);
        fixture.clock.advance_ms(1000);
    }
    CHECK(ext_value(fixture.call(RequestCode::GET_MAX_OFFSET, kQueue0), "offset") == "5");
    CHECK(ext_value(fixture.call(RequestCode::GET_MIN_OFFSET, kQueue0), "offset") == "0");
    CHECK(ext_value(fixture.call(RequestCode::GET_EARLIEST_MSG_STORETIME, kQueue0), "timestamp") ==
          std::to_string(start));
    const auto search = [&](std::int64_t at, const char* bound) {
        auto ext = with(kQueue0, {{"timestamp", std::to_string(at)}});
        if (*bound != '\0') {
            ext.emplace_back("boundaryType", bound);
        }
        return ext_value(fixture.call(RequestCode::SEARCH_OFFSET_BY_TIMESTAMP, ext), "offset");
    };
    CHECK(search(start + 1500, "") == "2");
    CHECK(search(start + 1500, "LOWER") == "2");
    CHECK(search(start + 1500, "Upper") == "1");
    CHECK(fixture.call(RequestCode::GET_MAX_OFFSET, {{"topic", "T"}}).code ==
          ResponseCode::SYSTEM_ERROR);
}

TEST_CASE("OffsetAdmin: reset in the broker, by time, to the end and to one offset",
          "[broker][admin][C-15]") {
    Fixture fixture;
    const auto start = fixture.clock.now_ms();
    for (int i = 0; i < 4; ++i) {
        fixture.put("T", 0);
        fixture.clock.advance_ms(1000);
    }
    const auto reset = [&](std::string timestamp, AdminFixture::Ext more = {}) {
        return fixture.call(RequestCode::INVOKE_BROKER_TO_RESET_OFFSET,
                            with({{"topic", "T"},
                                  {"group", "g"},
                                  {"timestamp", std::move(timestamp)},
                                  {"isForce", "true"}},
                                 std::move(more)));
    };
    const auto by_time = reset(std::to_string(start + 1500));
    CHECK(by_time.body == R"({"offsetTable":{{"brokerName":"broker-a","queueId":0,"topic":"T"}:2,)"
                          R"({"brokerName":"broker-a","queueId":1,"topic":"T"}:0}})");
    CHECK(fixture.offsets->take_reset({"g", "T", 0}) == 2);
    reset("-1");
    CHECK(fixture.offsets->query({"g", "T", 0}) == 4);
    reset("0", {{"queueId", "0"}, {"offset", "3"}});
    CHECK(fixture.offsets->query({"g", "T", 0}) == 3);
    CHECK(reset("0", {{"queueId", "0"}, {"offset", "9"}}).remark ==
          "Target offset 9 not in consume queue range [0-4]");

    const auto code = [&](const char* topic, const char* group) {
        return fixture
            .call(RequestCode::INVOKE_BROKER_TO_RESET_OFFSET,
                  {{"topic", topic}, {"group", group}, {"timestamp", "0"}, {"isForce", "true"}})
            .code;
    };
    CHECK(code("none", "g") == ResponseCode::TOPIC_NOT_EXIST);
    CHECK(code("T", "none") == ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST);
    fixture.store_config.broker_role = store::BrokerRole::SLAVE;
    CHECK(code("T", "g") == ResponseCode::SYSTEM_ERROR);
}

TEST_CASE("OffsetAdmin: the older reset tells the members, each in its own form",
          "[broker][admin][C-15]") {
    Fixture fixture;
    fixture.config.use_server_side_reset_offset = false;
    fixture.put("T", 0);
    const AdminFixture::Ext ext{
        {"topic", "T"}, {"group", "g"}, {"timestamp", "0"}, {"isForce", "true"}};
    const auto reset = [&] {
        return fixture.call(RequestCode::INVOKE_BROKER_TO_RESET_OFFSET, ext);
    };
    CHECK(reset().remark == "THe consumer group <g> not exist");
    fixture.offsets->commit({"g", "T", 0}, 1);
    fixture.offsets->commit({"g", "T", 1}, 0);
    const auto offline = reset();
    CHECK(offline.code == ResponseCode::CONSUMER_NOT_ONLINE);
    CHECK(offline.remark ==
          "Consumer not online, so can not reset offset, Group: g Topic: T Timestamp: 0");

    const auto java = fixture.join("g", "T", "java");
    const auto cpp = fixture.join("g", "T", "cpp", LanguageCode::kCpp);
    const auto answer = reset();
    CHECK(answer.code == ResponseCode::SUCCESS);
    const auto to_java = java->take_oneways();
    const auto to_cpp = cpp->take_oneways();
    REQUIRE(to_java.size() == 1);
    REQUIRE(to_cpp.size() == 1);
    CHECK(to_java[0].code == RequestCode::RESET_CONSUMER_CLIENT_OFFSET);
    CHECK(to_java[0].body == answer.body);
    CHECK(to_java[0].body.starts_with(R"({"offsetTable":{{"brokerName":"broker-a","queueId":0)"));
    CHECK(to_cpp[0].body ==
          R"({"offsetTable":[{"brokerName":"broker-a","offset":0,"queueId":0,"topic":"T"},)"
          R"({"brokerName":"broker-a","offset":0,"queueId":1,"topic":"T"}]})");
}

TEST_CASE("OffsetAdmin: offsets are dumped, cloned and corrected", "[broker][admin][C-21]") {
    Fixture fixture;
    fixture.offsets->commit({"g", "T", 0}, 3);
    fixture.offsets->commit({"h", "T", 0}, 2);
    const auto all = nlohmann::json::parse(fixture.call(RequestCode::GET_ALL_CONSUMER_OFFSET).body);
    CHECK(all["offsetTable"]["T@g"]["0"] == 3);
    CHECK(fixture.call(RequestCode::GET_ALL_DELAY_OFFSET).body == R"({"offsetTable":{}})");
    fixture.call(RequestCode::CLONE_GROUP_OFFSET,
                 {{"srcGroup", "g"}, {"destGroup", "copy"}, {"offline", "true"}});
    CHECK(fixture.offsets->query({"copy", "T", 0}) == 3);
    const auto correction = [&](const char* filter) {
        return fixture
            .call(RequestCode::QUERY_CORRECTION_OFFSET,
                  {{"topic", "T"}, {"compareGroup", "g"}, {"filterGroups", filter}})
            .body;
    };
    CHECK(correction("") == R"({"correctionOffsets":{"0":2}})");
    CHECK(correction("h,x") == R"({"correctionOffsets":{"0":3}})");
    CHECK(fixture.offsets->query({"h", "T", 0}) == 2);
}

TEST_CASE("StatsAdmin: topic statistics and lag", "[broker][admin][C-17][V-03]") {
    Fixture fixture;
    const auto now = std::to_string(fixture.clock.now_ms());
    fixture.put("T", 0);
    fixture.put("T", 0);
    fixture.offsets->commit({"g", "T", 0}, 1);
    fixture.offsets->commit_pull({"g", "T", 0}, 2);
    CHECK(fixture.call(RequestCode::GET_TOPIC_STATS_INFO, {{"topic", "T"}}).body ==
          R"({"offsetTable":{{"brokerName":"broker-a","queueId":0,"topic":"T"}:)"
          R"({"lastUpdateTimestamp":)" +
              now +
              R"(,"maxOffset":2,"minOffset":0},{"brokerName":"broker-a","queueId":1,"topic":"T"}:)"
              R"({"lastUpdateTimestamp":0,"maxOffset":0,"minOffset":0}},"topicPutTps":1.5})");
    const auto unknown = fixture.call(RequestCode::GET_TOPIC_STATS_INFO, {{"topic", "none"}});
    CHECK(unknown.code == ResponseCode::TOPIC_NOT_EXIST);
    CHECK(unknown.remark == "topic[none] not exist");

    const std::string lag =
        R"({"consumeTps":2.5,"offsetTable":{{"brokerName":"broker-a","queueId":0,"topic":"T"}:)"
        R"({"brokerOffset":2,"consumerOffset":1,"lastTimestamp":)" +
        now +
        R"(,"pullOffset":2},{"brokerName":"broker-a","queueId":1,"topic":"T"}:{"brokerOffset":0,)"
        R"("consumerOffset":0,"lastTimestamp":0,"pullOffset":0}}})";
    CHECK(fixture.call(RequestCode::GET_CONSUME_STATS, {{"consumerGroup", "g"}}).body == lag);
    CHECK(fixture
              .call(RequestCode::GET_CONSUME_STATS,
                    {{"consumerGroup", "g"}, {"topicList", "T;none;"}})
              .body == lag);
    fixture.join("g", "Other", "c1");  // online, not subscribed to T
    CHECK(fixture.call(RequestCode::GET_CONSUME_STATS, {{"consumerGroup", "g"}}).body ==
          R"({"consumeTps":0.0,"offsetTable":{}})");
}

TEST_CASE("StatsAdmin: consume times, rates and the lag of all groups",
          "[broker][admin][V-03][V-07]") {
    Fixture fixture;
    const auto now = fixture.clock.now_ms();
    fixture.put("T", 0);
    fixture.clock.advance_ms(500);
    fixture.offsets->commit({"g", "T", 0}, 0);
    const auto spans = nlohmann::json::parse(
        fixture.call(RequestCode::QUERY_CONSUME_TIME_SPAN, {{"topic", "T"}, {"group", "g"}}).body);
    const auto& span = spans["consumeTimeSpanSet"][0];
    CHECK(span["minTimeStamp"] == now);
    CHECK(span["maxTimeStamp"] == now);
    CHECK(span["consumeTimeStamp"] == now);
    CHECK(span["delayTime"] == 500);
    CHECK(span["messageQueue"]["queueId"] == 0);
    const auto stats = fixture.call(RequestCode::VIEW_BROKER_STATS_DATA,
                                    {{"statsName", "TOPIC_PUT_NUMS"}, {"statsKey", "T"}});
    CHECK(stats.body ==
          R"({"statsDay":{"avgpt":0.0,"sum":0,"tps":0.0},"statsHour":{"avgpt":0.0,"sum":0,)"
          R"("tps":0.0},"statsMinute":{"avgpt":1.0,"sum":6,"tps":0.1}})");
    CHECK(fixture.call(RequestCode::VIEW_BROKER_STATS_DATA, {{"statsName", "X"}, {"statsKey", "k"}})
              .remark == "The stats <X> <k> not exist");
    const auto all =
        fixture.call(RequestCode::GET_BROKER_CONSUME_STATS, {{"isOrder", "false"}}).body;
    CHECK(all.starts_with(R"({"brokerAddr":"127.0.0.1:10911","consumeStatsList":[)"));
    CHECK(all.ends_with(R"(],"totalDiff":1,"totalInflightDiff":0})"));
    CHECK(all.find(R"({"g":[{"consumeTps":2.5,"offsetTable":{{)") != std::string::npos);
}

TEST_CASE("QueryMessageProcessor: messages by key, unique id and offset",
          "[broker][query][V-06][K-06]") {
    Fixture fixture;
    std::string properties;
    append_property(properties, property::kKeys, "order-1");
    append_property(properties, property::kUniqKey, "0A0B");
    const auto offset = fixture.put("T", 0, "hello", properties);
    fixture.put("T", 0, "other");
    const auto query = [&](const char* key, bool unique) {
        AdminFixture::Ext ext{{"topic", "T"},
                              {"key", key},
                              {"maxNum", "64"},
                              {"beginTimestamp", "0"},
                              {"endTimestamp", std::to_string(INT64_MAX)}};
        if (unique) {
            ext.emplace_back("_UNIQUE_KEY_QUERY", "true");
        }
        return fixture.call(RequestCode::QUERY_MESSAGE, ext);
    };
    for (const bool unique : {false, true}) {
        const auto found = query(unique ? "0A0B" : "order-1", unique);
        CHECK(found.code == ResponseCode::SUCCESS);
        REQUIRE(found.slices.size() == 1);
        CHECK(decode_message(found.slices[0].bytes)->body == "hello");
        CHECK_FALSE(ext_value(found, "indexLastUpdateTimestamp").empty());
    }
    const auto missing = query("nope", false);
    CHECK(missing.code == ResponseCode::QUERY_NOT_FOUND);
    CHECK(missing.remark == "can not find message, maybe time range not correct");
    CHECK_FALSE(ext_value(missing, "indexLastUpdatePhyoffset").empty());

    const auto viewed =
        fixture.call(RequestCode::VIEW_MESSAGE_BY_ID, {{"offset", std::to_string(offset)}});
    REQUIRE(viewed.slices.size() == 1);
    CHECK(decode_message(viewed.slices[0].bytes)->body == "hello");
    const auto nowhere = fixture.call(RequestCode::VIEW_MESSAGE_BY_ID, {{"offset", "999999"}});
    CHECK(nowhere.code == ResponseCode::SYSTEM_ERROR);
    CHECK(nowhere.remark == "can not find message by the offset, 999999");
}

TEST_CASE("StoreAdmin: a master without slaves tells so", "[broker][admin]") {
    Fixture fixture;
    // Bytes of the original (5.5.0) in the same state.
    CHECK(fixture.call(RequestCode::GET_BROKER_HA_STATUS).body ==
          R"({"haClientRuntimeInfo":{"lastReadTimestamp":0,"lastWriteTimestamp":0,)"
          R"("masterFlushOffset":0,"maxOffset":0,"transferredByteInSecond":0},)"
          R"("haConnectionInfo":[],"inSyncSlaveNums":0,"master":true,)"
          R"("masterCommitLogMaxOffset":0})");
    fixture.put("T", 0);
    const auto later = nlohmann::json::parse(fixture.call(RequestCode::GET_BROKER_HA_STATUS).body);
    CHECK(later["masterCommitLogMaxOffset"] > 0);
    const auto epochs = fixture.call(RequestCode::GET_BROKER_EPOCH_CACHE);
    CHECK(epochs.code == ResponseCode::SYSTEM_ERROR);
    CHECK(epochs.remark == "this request only for controllerMode ");
}

TEST_CASE("StoreAdmin: queue entries are shown and unused topics cleaned",
          "[broker][admin][V-07][K-10]") {
    Fixture fixture;
    const auto first = fixture.put("T", 0);
    fixture.put("T", 0);
    fixture.put("Unknown", 0);
    const auto dump = [&](const char* index) {
        return fixture.call(
            RequestCode::QUERY_CONSUME_QUEUE,
            with(kQueue0, {{"index", index}, {"count", "10"}, {"consumerGroup", "g"}}));
    };
    const auto body = nlohmann::json::parse(dump("0").body);
    CHECK(body["maxQueueIndex"] == 2);
    CHECK(body["minQueueIndex"] == 0);
    CHECK(body["filterData"] == "g@T is not online!");
    REQUIRE(body["queueData"].size() == 2);
    CHECK(body["queueData"][0]["physicOffset"] == first);
    CHECK(dump("7").remark == "Index 7 of 0@T is not exist!");
    CHECK(fixture
              .call(RequestCode::QUERY_CONSUME_QUEUE,
                    {{"topic", "X"}, {"queueId", "3"}, {"index", "0"}, {"count", "1"}})
              .remark == "3@X is not exist!");
    CHECK(fixture.call(RequestCode::CLEAN_UNUSED_TOPIC).code == ResponseCode::SUCCESS);
    CHECK(fixture.store->max_offset("Unknown", 0).value == 0);
    CHECK(fixture.store->max_offset("T", 0).value == 2);
    CHECK(fixture.call(RequestCode::CLEAN_EXPIRED_CONSUMEQUEUE).code == ResponseCode::SUCCESS);
    CHECK(fixture.call(RequestCode::DELETE_EXPIRED_COMMITLOG).code == ResponseCode::SUCCESS);
}
