// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/admin/topic_admin.h"

#include "broker/processor/admin/subscription_group_admin.h"
#include "broker/testing/admin_fixture.h"
#include "common/testing/catch.h"

#include <nlohmann/json.hpp>

using namespace rmq;
using namespace rmq::broker;
using rmq::testing::AdminFixture;
using rmq::testing::ext_value;

namespace {

struct Fixture : AdminFixture {
    Fixture()
        : topic_admin(config, *topics, *offsets, *store), group_admin(config, *groups, *offsets) {
        topic_admin.register_in(registry, admin_queue());
        group_admin.register_in(registry, admin_queue());
    }
    Response create(const std::string& name, const std::string& attributes = "") {
        Ext ext{{"topic", name},        {"defaultTopic", "TBW102"},
                {"perm", "6"},          {"topicFilterType", "SINGLE_TAG"},
                {"order", "false"},     {"readQueueNums", "3"},
                {"writeQueueNums", "2"}};
        if (!attributes.empty()) {
            ext.emplace_back("attributes", attributes);
        }
        return call(RequestCode::UPDATE_AND_CREATE_TOPIC, std::move(ext));
    }

    TopicAdmin topic_admin;
    SubscriptionGroupAdmin group_admin;
};

nlohmann::json body_of(const Response& response) {
    return nlohmann::json::parse(response.body);
}

}  // namespace

TEST_CASE("TopicAdmin: topics are created, changed and read back", "[broker][admin][A-03]") {
    Fixture fixture;
    std::vector<std::string> announced;
    fixture.topics->set_change_listener([&](const auto& changed, const DataVersion&) {
        for (const auto& topic : changed) {
            announced.push_back(topic.topic_name);
        }
    });
    CHECK(fixture.create("Orders", "+message.type=FIFO").code == ResponseCode::SUCCESS);
    const auto got = fixture.call(RequestCode::GET_TOPIC_CONFIG, {{"topic", "Orders"}});
    CHECK(got.body ==
          R"({"attributes":{"message.type":"FIFO"},"order":false,"perm":6,"readQueueNums":3,)"
          R"("topicFilterType":"SINGLE_TAG","topicName":"Orders","topicSysFlag":0,)"
          R"("writeQueueNums":2})");
    CHECK(fixture.create("Plain").code == ResponseCode::SUCCESS);
    const auto version = fixture.topics->data_version();
    CHECK(fixture.create("Plain").code == ResponseCode::SUCCESS);
    CHECK(fixture.topics->data_version() == version);  // nothing changed
    CHECK(announced == std::vector<std::string>{"Orders", "Plain"});
}

TEST_CASE("TopicAdmin: refusals are the original's", "[broker][admin][A-03]") {
    Fixture fixture;
    const auto illegal = fixture.create("a b");
    CHECK(illegal.code == ResponseCode::INVALID_PARAMETER);
    CHECK(illegal.remark.ends_with("allowing only ^[%|a-zA-Z0-9_-]+$"));
    const auto system = fixture.create("TBW102");
    CHECK(system.code == ResponseCode::INVALID_PARAMETER);
    CHECK(system.remark == "The topic[TBW102] is conflict with system topic.");
    CHECK(fixture.create("broker-a").code == ResponseCode::INVALID_PARAMETER);
    const auto mixed = fixture.create("M", "+message.type=MIXED");
    CHECK(mixed.code == ResponseCode::INVALID_PARAMETER);
    CHECK(mixed.remark == "MIXED message type is not supported.");
    const auto unknown = fixture.create("U", "+nope=1");
    CHECK(unknown.code == ResponseCode::SYSTEM_ERROR);
    CHECK(unknown.remark == "unsupported key: nope");
    const auto endless = fixture.call(RequestCode::UPDATE_AND_CREATE_TOPIC_LIST, {},
                                      R"({"topicConfigList":[{"topicName":"E",)"
                                      R"("readQueueNums":2000000000,"writeQueueNums":1}]})");
    CHECK(endless.code == ResponseCode::INVALID_PARAMETER);
    CHECK(fixture.call(RequestCode::UPDATE_AND_CREATE_TOPIC, {{"topic", "T"}}).code ==
          ResponseCode::SYSTEM_ERROR);
    const auto missing = fixture.call(RequestCode::GET_TOPIC_CONFIG, {{"topic", "none"}});
    CHECK(missing.code == ResponseCode::TOPIC_NOT_EXIST);
    CHECK(missing.remark == "No topic in this broker. topic: none");
    CHECK(fixture.call(RequestCode::DELETE_TOPIC_IN_BROKER, {{"topic", " "}}).remark ==
          "The specified topic is blank.");
    CHECK(fixture.call(RequestCode::DELETE_TOPIC_IN_BROKER, {{"topic", "TBW102"}}).code ==
          ResponseCode::INVALID_PARAMETER);
}

TEST_CASE("TopicAdmin: deleting takes queues, offsets and pop retry topics along",
          "[broker][admin][A-03]") {
    Fixture fixture;
    fixture.add_topic("Orders");
    fixture.add_topic("%RETRY%g");
    fixture.add_topic("%RETRY%g+Orders");
    fixture.add_topic("%RETRY%g_Orders");
    fixture.put("Orders", 0);
    fixture.offsets->commit({"g", "Orders", 0}, 1);
    CHECK(fixture.call(RequestCode::DELETE_TOPIC_IN_BROKER, {{"topic", "Orders"}}).code ==
          ResponseCode::SUCCESS);
    CHECK_FALSE(fixture.topics->contains("Orders"));
    CHECK_FALSE(fixture.topics->contains("%RETRY%g+Orders"));
    CHECK_FALSE(fixture.topics->contains("%RETRY%g_Orders"));
    CHECK(fixture.topics->contains("%RETRY%g"));
    CHECK(fixture.offsets->query({"g", "Orders", 0}) == -1);
    CHECK(fixture.store->max_offset("Orders", 0).value == 0);
}

TEST_CASE("TopicAdmin: the list comes whole to old peers and in parts to new ones",
          "[broker][admin][A-05]") {
    Fixture fixture;
    fixture.config.split_metadata_size = 5;
    const auto whole = fixture.call(RequestCode::GET_ALL_TOPIC_CONFIG);
    const auto total = fixture.topics->table()->size();
    CHECK(body_of(whole)["topicConfigTable"].size() == total);
    CHECK(ext_value(whole, "totalTopicNum") == std::to_string(total));

    const auto version = encode(fixture.topics->data_version());
    nlohmann::json seen = nlohmann::json::object();
    for (std::size_t at = 0; at < total; at += 4) {
        const auto part = body_of(fixture.call(
            RequestCode::GET_ALL_TOPIC_CONFIG,
            {{"topicSeq", std::to_string(at)}, {"maxTopicNum", "4"}, {"dataVersion", version}}));
        CHECK(part["topicConfigTable"].size() == std::min<std::size_t>(4, total - at));
        seen.update(part["topicConfigTable"]);
    }
    CHECK(seen == body_of(whole)["topicConfigTable"]);
    // Another version starts over, and the broker's own limit holds.
    const auto restarted = body_of(fixture.call(RequestCode::GET_ALL_TOPIC_CONFIG,
                                                {{"topicSeq", "4"}, {"dataVersion", "{}"}}));
    CHECK(restarted["topicConfigTable"].size() == 5);
    CHECK(restarted["topicConfigTable"].contains("BenchmarkTest"));
}

TEST_CASE("TopicAdmin: several topics at once, and the system topics", "[broker][admin][A-03]") {
    Fixture fixture;
    const std::string list =
        R"({"topicConfigList":[{"topicName":"A","readQueueNums":1,"writeQueueNums":1,"perm":6},)"
        R"({"topicName":"B","attributes":{"+message.type":"DELAY"}}]})";
    CHECK(fixture.call(RequestCode::UPDATE_AND_CREATE_TOPIC_LIST, {}, list).code ==
          ResponseCode::SUCCESS);
    CHECK(fixture.topics->select("B")->attributes.at("message.type") == "DELAY");
    CHECK(fixture
              .call(RequestCode::UPDATE_AND_CREATE_TOPIC_LIST, {},
                    R"({"topicConfigList":[{"topicName":"C"},{"topicName":"not valid"}]})")
              .code == ResponseCode::INVALID_PARAMETER);
    CHECK_FALSE(fixture.topics->contains("C"));
    CHECK(fixture.call(RequestCode::UPDATE_AND_CREATE_TOPIC_LIST, {}, "{}").code ==
          ResponseCode::SYSTEM_ERROR);
    const auto system = body_of(fixture.call(RequestCode::GET_SYSTEM_TOPIC_LIST_FROM_BROKER));
    CHECK(system["topicList"].size() >= 15);
}

TEST_CASE("SubscriptionGroupAdmin: groups are created, read, listed and deleted",
          "[broker][admin][A-04][C-12]") {
    Fixture fixture;
    CHECK(fixture
              .call(RequestCode::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, {},
                    R"({"groupName":"g","consumeEnable":false,"retryMaxTimes":3})")
              .code == ResponseCode::SUCCESS);
    CHECK(fixture.call(RequestCode::GET_SUBSCRIPTIONGROUP_CONFIG, {{"group", "g"}}).body ==
          R"({"attributes":{},"brokerId":0,"consumeBroadcastEnable":true,"consumeEnable":false,)"
          R"("consumeFromMinEnable":true,"consumeMessageOrderly":false,"consumeTimeoutMinute":15,)"
          R"("groupName":"g","groupRetryPolicy":{"type":"CUSTOMIZED"},"groupSysFlag":0,)"
          R"("notifyConsumerIdsChangedEnable":true,"retryMaxTimes":3,"retryQueueNums":1,)"
          R"("whichBrokerWhenConsumeSlowly":1})");
    const auto bad = fixture.call(RequestCode::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, {},
                                  R"({"groupName":"a b"})");
    CHECK(bad.code == ResponseCode::INVALID_PARAMETER);
    CHECK(fixture
              .call(RequestCode::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST, {},
                    R"({"groupConfigList":[{"groupName":"h"},{"groupName":"i"}]})")
              .code == ResponseCode::SUCCESS);
    const auto all = fixture.call(RequestCode::GET_ALL_SUBSCRIPTIONGROUP_CONFIG);
    CHECK(ext_value(all, "totalGroupNum") == "11");
    CHECK(body_of(all)["subscriptionGroupTable"].size() == 11);
    CHECK(body_of(all)["forbiddenTable"].is_object());
    const auto part =
        body_of(fixture.call(RequestCode::GET_ALL_SUBSCRIPTIONGROUP_CONFIG,
                             {{"groupSeq", "9"},
                              {"maxGroupNum", "5"},
                              {"dataVersion", encode(fixture.groups->data_version())}}));
    CHECK(part["subscriptionGroupTable"].size() == 2);

    fixture.offsets->commit({"g", "T", 0}, 1);
    CHECK(fixture.call(RequestCode::DELETE_SUBSCRIPTIONGROUP, {{"groupName", "g"}}).code ==
          ResponseCode::SUCCESS);
    CHECK(fixture.offsets->query({"g", "T", 0}) == 1);
    fixture.call(RequestCode::DELETE_SUBSCRIPTIONGROUP,
                 {{"groupName", "g"}, {"cleanOffset", "true"}});
    CHECK(fixture.offsets->query({"g", "T", 0}) == -1);
    fixture.config.auto_create_subscription_group = false;
    const auto gone = fixture.call(RequestCode::GET_SUBSCRIPTIONGROUP_CONFIG, {{"group", "g"}});
    CHECK(gone.code == ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST);
    CHECK(gone.remark == "No group in this broker");
}

TEST_CASE("SubscriptionGroupAdmin: a topic can be forbidden to a group", "[broker][admin][C-14]") {
    Fixture fixture;
    const auto call = [&](AdminFixture::Ext ext) {
        return fixture.call(RequestCode::UPDATE_AND_GET_GROUP_FORBIDDEN, std::move(ext)).body;
    };
    CHECK(call({{"group", "g"}, {"topic", "T"}}) == R"({"group":"g","readable":true,"topic":"T"})");
    CHECK(call({{"group", "g"}, {"topic", "T"}, {"readable", "false"}}) ==
          R"({"group":"g","readable":false,"topic":"T"})");
    CHECK(fixture.groups->is_forbidden("g", "T", SubscriptionGroupManager::kReadIndex));
    call({{"group", "g"}, {"topic", "T"}, {"readable", "true"}});
    CHECK_FALSE(fixture.groups->is_forbidden("g", "T", SubscriptionGroupManager::kReadIndex));
}
