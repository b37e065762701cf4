// SPDX-License-Identifier: Apache-2.0
#include "broker/lite/lite_services.h"

#include "broker/lite/lite_home.h"
#include "broker/processor/lite/pop_lite_message.h"
#include "broker/testing/lite_fixture.h"
#include "common/lite_topic.h"
#include "common/testing/catch.h"

#include <nlohmann/json.hpp>

using namespace rmq;
using namespace rmq::broker;
using namespace rmq::testing;

using Names = LiteFixture::Names;

TEST_CASE("lite topics: the queue's name holds parent and lite topic", "[broker][lite][L-01]") {
    CHECK(lite_queue_name("P", "a") == "%LMQ%$P$a");
    CHECK_FALSE(lite_queue_name("P", ""));
    CHECK_FALSE(lite_queue_name("", "a"));
    CHECK(parse_lite_queue("%LMQ%$P$a")->parent == "P");
    CHECK(parse_lite_queue("%LMQ%$P$a")->lite == "a");
    for (const auto* name : {"%LMQ%$P", "%LMQ%$P$", "%LMQ%$$a", "%LMQ%$P$a$b", "%LMQ%P$a", "P"}) {
        CHECK_FALSE(parse_lite_queue(name));
    }
}

TEST_CASE("lite topics: the hash that chooses the broker is Guava's", "[broker][lite][L-01]") {
    // Hashing.consistentHash of 0…9 and 100 buckets, and of String.hashCode of lite-0…
    const std::int32_t expected[] = {0, 55, 62, 8, 45, 59, 86, 97, 82, 59};
    for (std::int64_t i = 0; i < 10; ++i) {
        CHECK(consistent_hash(i, 100) == expected[i]);
    }
    CHECK(consistent_hash(10863919174838991LL, 11) == 6);
    CHECK(consistent_hash(-1, 1) == 0);
}

TEST_CASE("lite topics: a client gets its lite topics' messages in order, one turn at a time",
          "[broker][lite][L-01]") {
    LiteFixture f;
    CHECK(f.subscribe("c1", {"a", "b"}).code == ResponseCode::SUCCESS);
    f.put_lite("a", "a0");
    f.put_lite("a", "a1");
    f.put_lite("b", "b0");
    f.put_lite("other", "o0");
    CHECK(f.bodies_of("nobody").empty());
    const auto first = f.pop_lite("c1");
    REQUIRE(first.size() == 3);
    CHECK(f.last_order_counts == "0;0;0");
    CHECK(first[0].body == "a0");
    CHECK(first[1].body == "a1");
    CHECK(first[2].body == "b0");
    f.put_lite("a", "a2");
    CHECK(f.bodies_of("c1").empty());  // a0 and a1 are open
    CHECK(f.ack_lite(first[1]).code == ResponseCode::SUCCESS);
    CHECK(f.committed(LiteFixture::queue("a"), 0, "lg") == 0);
    CHECK(f.bodies_of("c1").empty());
    CHECK(f.ack_lite(first[0]).code == ResponseCode::SUCCESS);
    CHECK(f.committed(LiteFixture::queue("a"), 0, "lg") == 2);
    CHECK(f.bodies_of("c1") == Names{"a2"});
    CHECK(f.ack_lite(first[0]).code == ResponseCode::SUCCESS);  // late, and harmless
}

TEST_CASE("lite topics: what is not acknowledged comes again, counted", "[broker][lite][L-01]") {
    LiteFixture f;
    f.subscribe("c1", {"a"});
    f.put_lite("a", "a0");
    f.put_lite("a", "a1");
    REQUIRE(f.pop_lite("c1").size() == 2);
    f.pass_ms(9'900);
    CHECK(f.bodies_of("c1").empty());
    f.pass_ms(200);
    const auto again = f.pop_lite("c1");
    REQUIRE(again.size() == 2);
    CHECK(f.last_order_counts == "0 qo0%0 1;0 qo0%1 1");
    CHECK(lite_order_counts("0 0 3", 2) == "3;3");
    CHECK(lite_order_counts("", 1) == "0");

    SECTION("the invisible time can be changed") {
        const auto response = f.change_lite(again[0], 1000);
        CHECK(response.code == ResponseCode::SUCCESS);
        CHECK(ext_value(response, "reviveQid") == "999");
        f.ack_lite(again[1]);
        f.pass_ms(1100);
        CHECK(f.bodies_of("c1") == Names{"a0", "a1"});
    }
    SECTION("a suspended lite topic waits as a whole, and no try is counted") {
        CHECK(f.change_lite(again[0], 1000, {{"suspend", "true"}}).code == ResponseCode::SUCCESS);
        f.pass_ms(900);
        CHECK(f.bodies_of("c1").empty());
        f.pass_ms(300);
        CHECK(f.bodies_of("c1") == Names{"a0", "a1"});
        CHECK(f.last_order_counts == "0 qo0%0 1;0 qo0%1 1");
    }
    SECTION("receipts that do not fit are refused") {
        CHECK(f.ack_lite(again[0], {{"consumerGroup", "g"}}).code ==
              ResponseCode::INVALID_PARAMETER);
        CHECK(f.ack_lite(again[0], {{"offset", "3"}}).code == ResponseCode::NO_MESSAGE);
        CHECK(f.ack_lite(again[0], {{"offset", "2"}}).code == ResponseCode::MESSAGE_ILLEGAL);
        CHECK(f.ack_lite(again[0], {{"queueId", "1"}}).code == ResponseCode::INVALID_PARAMETER);
        CHECK(f.ack_lite(again[0], {{"extraInfo", "0 1 2 3 0 b 0 0"}}).code ==
              ResponseCode::INVALID_PARAMETER);
        CHECK(f.ack_lite(again[0], {{"extraInfo", "x"}}).code == ResponseCode::SYSTEM_ERROR);
        auto beyond = again[0];
        beyond.offset = 3;
        CHECK(f.change_lite(beyond, 1000).code == ResponseCode::NO_MESSAGE);
    }
}

TEST_CASE("lite topics: a repeated attempt gets the same messages", "[broker][lite][L-01]") {
    LiteFixture f;
    f.subscribe("c1", {"a"});
    f.put_lite("a", "a0");
    CHECK(f.bodies_of("c1", {{"attemptId", "x"}}) == Names{"a0"});
    f.put_lite("a", "a1");  // an event, by which the repeated attempt finds the queue
    CHECK(f.bodies_of("c1", {{"attemptId", "x"}}) == Names{"a0", "a1"});
}

TEST_CASE("lite topics: a pop waits, and a message wakes it", "[broker][lite][L-01]") {
    LiteFixture f;
    f.subscribe("c1", {"a"});
    const auto header = LiteFixture::lite_header("c1", {{"pollTime", "5000"}});
    f.send(RequestCode::POP_LITE_MESSAGE, header);
    CHECK(f.replies().empty());
    f.put_lite("b", "not mine");
    CHECK(f.replies().empty());
    f.put_lite("a", "a0");
    const auto woken = f.replies();
    REQUIRE(woken.size() == 1);
    CHECK(woken[0].code == ResponseCode::SUCCESS);
    CHECK(f.popped_lite(woken[0]).front().body == "a0");

    f.send(RequestCode::POP_LITE_MESSAGE, header);
    f.pass_ms(4'000);
    CHECK(f.replies().empty());
    f.pass_ms(1'100);
    const auto late = f.replies();
    REQUIRE(late.size() == 1);
    CHECK(late[0].code == ResponseCode::POLLING_TIMEOUT);
    CHECK(late[0].remark == "NO_MESSAGE_IN_QUEUE");
}

TEST_CASE("lite topics: messages that are not in memory are read where that may wait",
          "[broker][lite][L-01]") {
    LiteFixture f;
    f.subscribe("c1", {"a"});
    f.put_lite("a", "a0");
    f.disk.is_cold = true;
    f.config.init_pop_offset_by_check_msg_in_mem = false;
    CHECK(f.bodies_of("c1") == Names{"a0"});
}

TEST_CASE("lite topics: pops that may not be are refused as the original does",
          "[broker][lite][L-01]") {
    LiteFixture f;
    f.subscribe("c1", {"a"});
    const auto code_of = [&](const PopFixture::Ext& changes) {
        return f.ask(RequestCode::POP_LITE_MESSAGE, LiteFixture::lite_header("c1", changes)).code;
    };
    CHECK(code_of({}) == ResponseCode::POLLING_TIMEOUT);
    CHECK(code_of({{"maxMsgNum", "33"}}) == ResponseCode::INVALID_PARAMETER);
    CHECK(code_of({{"maxMsgNum", "none"}}) == ResponseCode::POLLING_TIMEOUT);
    CHECK(code_of({{"bornTime", "1"}}) == ResponseCode::POLLING_TIMEOUT);
    CHECK(code_of({{"topic", "none"}}) == ResponseCode::TOPIC_NOT_EXIST);
    CHECK(code_of({{"topic", "T"}}) == ResponseCode::INVALID_PARAMETER);
    CHECK(code_of({{"consumerGroup", "g"}}) == ResponseCode::INVALID_PARAMETER);
    f.groups->disable_consume("lg");
    CHECK(code_of({}) == ResponseCode::NO_PERMISSION);
    for (const auto* field : {"topic", "consumerGroup", "clientId"}) {
        LiteFixture other;
        auto header = LiteFixture::lite_header("c1");
        header.erase(field);
        CHECK(other.ask(RequestCode::POP_LITE_MESSAGE, header).code == ResponseCode::SYSTEM_ERROR);
    }
}

TEST_CASE("lite topics: one goes when its last message is older than the parent allows",
          "[broker][lite][L-02]") {
    LiteFixture f({}, {{"+lite.topic.expiration", "20"}});
    constexpr std::int64_t kMinuteMs = 60'000;
    f.subscribe("c1", {"a", "b"});
    f.put_lite("a", "a0");
    f.bodies_of("c1");
    f.clock.advance_ms(19 * kMinuteMs);
    f.put_lite("b", "b0");
    f.pass_ms(100);
    CHECK(f.disk.size(LiteFixture::queue("a"), 0) == 1);
    f.clock.advance_ms(3 * kMinuteMs);
    f.pass_ms(100);
    CHECK(f.disk.size(LiteFixture::queue("a"), 0) == 0);
    CHECK(f.committed(LiteFixture::queue("a"), 0, "lg") == -1);
    CHECK(f.disk.size(LiteFixture::queue("b"), 0) == 1);
}

TEST_CASE("lite topics: none goes young, after a start, or from a parent without a limit",
          "[broker][lite][L-02]") {
    constexpr std::int64_t kMinuteMs = 60'000;
    SECTION("younger than minLiteTTl") {
        LiteFixture f({}, {{"+lite.topic.expiration", "1"}});
        f.clock.advance_ms(30 * kMinuteMs);
        f.put_lite("a", "a0");
        f.clock.advance_ms(14 * kMinuteMs);
        f.pass_ms(100);
        CHECK(f.disk.size(LiteFixture::queue("a"), 0) == 1);
        f.clock.advance_ms(3 * kMinuteMs);
        f.pass_ms(100);
        CHECK(f.disk.size(LiteFixture::queue("a"), 0) == 0);
    }
    SECTION("right after a start") {
        LiteFixture f({}, {{"+lite.topic.expiration", "1"}});
        f.put_lite("a", "a0");
        f.clock.advance_ms(60 * kMinuteMs);
        f.crash();
        f.pass_ms(100);
        CHECK(f.disk.size(LiteFixture::queue("a"), 0) == 1);
    }
    SECTION("for ever") {
        LiteFixture f;
        f.put_lite("a", "a0");
        f.clock.advance_ms(60 * 24 * 60 * kMinuteMs);
        f.pass_ms(100);
        CHECK(f.disk.size(LiteFixture::queue("a"), 0) == 1);
    }
}

TEST_CASE("lite topics: all go with their parent", "[broker][lite][L-02]") {
    LiteFixture f;
    f.put_lite("a", "a0");
    f.put_lite("b", "b0");
    f.pops->lite().on_topic_deleting("T");
    CHECK(f.disk.size(LiteFixture::queue("a"), 0) == 1);
    f.pops->lite().on_topic_deleting("P");
    CHECK(f.disk.size(LiteFixture::queue("a"), 0) == 0);
    CHECK(f.disk.size(LiteFixture::queue("b"), 0) == 0);
}

TEST_CASE("lite topics: administrators see topics, clients, groups and what is left",
          "[broker][lite][L-05]") {
    LiteFixture f({}, {{"+lite.topic.expiration", "30"}});
    f.subscribe("c1", {"a", "b"});
    for (const auto* body : {"a0", "a1", "a2"}) {
        f.put_lite("a", body);
    }
    f.put_lite("b", "b0");
    const auto popped = f.pop_lite("c1", {{"maxMsgNum", "1"}});
    REQUIRE(popped.size() == 1);
    f.ack_lite(popped[0]);

    const auto broker = f.ask_json(RequestCode::GET_BROKER_LITE_INFO, {});
    CHECK(broker["storeType"] == "default");
    CHECK(broker["currentLmqNum"] == 2);
    CHECK(broker["liteSubscriptionCount"] == 2);
    CHECK(broker["eventMapSize"] == 1);
    CHECK(broker["topicMeta"]["P"] == 30);
    CHECK(broker["groupMeta"]["P"][0] == "lg");

    const auto parent = f.ask_json(RequestCode::GET_PARENT_TOPIC_INFO, {{"topic", "P"}});
    CHECK(parent["ttl"] == 30);
    CHECK(parent["liteTopicCount"] == 2);
    CHECK(parent["groups"][0] == "lg");

    const auto topic =
        f.ask_json(RequestCode::GET_LITE_TOPIC_INFO, {{"parentTopic", "P"}, {"liteTopic", "a"}});
    CHECK(topic["topicOffset"]["maxOffset"] == 3);
    CHECK(topic["topicOffset"]["lastUpdateTimestamp"] == f.clock.now_ms());
    CHECK(topic["subscriber"][0]["clientId"] == "c1");
    CHECK(topic["shardingToBroker"] == true);

    const auto client =
        f.ask_json(RequestCode::GET_LITE_CLIENT_INFO,
                   {{"parentTopic", "P"}, {"group", "lg"}, {"clientId", "c1"}, {"maxCount", "1"}});
    CHECK(client["liteTopicCount"] == 2);
    CHECK(client["liteTopicSet"] == nlohmann::json{"%LMQ%$P$a"});
    CHECK(client["lastAccessTime"] == f.clock.now_ms());

    const auto of_topic =
        f.ask_json(RequestCode::GET_LITE_GROUP_INFO, {{"group", "lg"}, {"liteTopic", "a"}});
    CHECK(of_topic["totalLagCount"] == 2);
    CHECK(of_topic["liteTopicOffsetWrapper"]["brokerOffset"] == 3);
    CHECK(of_topic["liteTopicOffsetWrapper"]["consumerOffset"] == 1);
    const auto of_group =
        f.ask_json(RequestCode::GET_LITE_GROUP_INFO, {{"group", "lg"}, {"topK", "5"}});
    CHECK(of_group["totalLagCount"] == 2);  // lite topic b has no position yet
    CHECK(of_group["lagCountTopK"][0]["liteTopic"] == "a");
    CHECK(of_group["lagTimestampTopK"].empty());
    CHECK(of_group["earliestUnconsumedTimestamp"] == -1);
}

TEST_CASE("lite topics: what administrators may not ask is refused as the original does",
          "[broker][lite][L-05]") {
    LiteFixture f;
    using Code = RequestCode;
    using Answer = ResponseCode;
    const auto code_of = [&](Code code, const PopFixture::Ext& ext) {
        return f.ask(code, ext).code;
    };
    CHECK(code_of(Code::GET_PARENT_TOPIC_INFO, {{"topic", "none"}}) == Answer::TOPIC_NOT_EXIST);
    CHECK(code_of(Code::GET_PARENT_TOPIC_INFO, {{"topic", "T"}}) == Answer::INVALID_PARAMETER);
    CHECK(code_of(Code::GET_PARENT_TOPIC_INFO, {}) == Answer::SYSTEM_ERROR);
    CHECK(code_of(Code::GET_LITE_TOPIC_INFO, {{"parentTopic", "P"}}) == Answer::SYSTEM_ERROR);
    CHECK(code_of(Code::GET_LITE_CLIENT_INFO,
                  {{"parentTopic", "P"}, {"group", "g"}, {"clientId", "c"}}) ==
          Answer::INVALID_PARAMETER);
    CHECK(code_of(Code::GET_LITE_CLIENT_INFO,
                  {{"parentTopic", "P"}, {"group", "lg"}, {"clientId", "c"}, {"maxCount", "0"}}) ==
          Answer::SYSTEM_ERROR);
    CHECK(code_of(Code::GET_LITE_GROUP_INFO, {{"group", "g"}, {"topK", "5"}}) ==
          Answer::INVALID_PARAMETER);
    CHECK(code_of(Code::GET_LITE_GROUP_INFO, {{"group", "lg"}, {"topK", "0"}}) ==
          Answer::SYSTEM_ERROR);
    CHECK(code_of(Code::TRIGGER_LITE_DISPATCH, {{"group", "g"}}) == Answer::INVALID_PARAMETER);
    f.config.auto_create_subscription_group = false;
    CHECK(code_of(Code::TRIGGER_LITE_DISPATCH, {{"group", "none"}}) ==
          Answer::SUBSCRIPTION_GROUP_NOT_EXIST);
}

TEST_CASE("lite topics: how long messages wait is noted when asked for", "[broker][lite][L-05]") {
    LiteFixture f;
    f.config.lite_lag_latency_collect_enable = true;
    f.subscribe("c1", {"a"});
    f.put_lite("a", "a0");
    const auto second_ms = f.clock.now_ms() + 500;
    f.clock.advance_ms(500);
    f.put_lite("a", "a1");
    const auto first = f.pop_lite("c1", {{"maxMsgNum", "1"}});
    REQUIRE(first.size() == 1);
    const PopFixture::Ext ask{{"group", "lg"}, {"topK", "5"}};
    auto info = f.ask_json(RequestCode::GET_LITE_GROUP_INFO, ask);
    CHECK(info["earliestUnconsumedTimestamp"] == second_ms);
    CHECK(info["lagTimestampTopK"][0]["liteTopic"] == "a");
    f.ack_lite(first[0]);
    CHECK(f.bodies_of("c1") == Names{"a1"});
    info = f.ask_json(RequestCode::GET_LITE_GROUP_INFO, ask);
    CHECK(info["earliestUnconsumedTimestamp"] == -1);
}
