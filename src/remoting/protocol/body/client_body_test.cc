// SPDX-License-Identifier: Apache-2.0
#include "common/limits.h"
#include "common/testing/catch.h"
#include "remoting/protocol/body/group_retry_policy.h"
#include "remoting/protocol/body/heartbeat_data.h"
#include "remoting/protocol/body/json_fields.h"
#include "remoting/protocol/body/lock_batch.h"

#include <nlohmann/json.hpp>

namespace rmq {

TEST_CASE("JSON bodies: nesting is bounded wherever it is, text in strings is none",
          "[protocol][hostile]") {
    const auto nested = [](std::size_t depth) {
        return R"({"a\"[[":")" + std::string(100, '[') + R"(","b":)" + std::string(depth - 1, '[') +
               std::string(depth - 1, ']') + "}";
    };
    CHECK(parse_body_json(nested(limits::kBodyJsonDepthMax)));
    CHECK_FALSE(parse_body_json(nested(limits::kBodyJsonDepthMax + 1)));
    CHECK_FALSE(parse_body_json(nested(100'000)));
    CHECK_FALSE(parse_body_json("{0:" + nested(100'000) + "}"));
}

TEST_CASE("GroupRetryPolicy: the original's steps, or those of the group", "[protocol][R-06]") {
    const GroupRetryPolicy usual;
    CHECK(usual.next_delay_ms(0) == 10'000);
    CHECK(usual.next_delay_ms(1) == 30'000);
    CHECK(usual.next_delay_ms(15) == 7'200'000);
    CHECK(usual.next_delay_ms(1000) == 7'200'000);
    CHECK(usual.next_delay_ms(-1) == 10'000);
    const auto own = GroupRetryPolicy::parse(
        R"({"type":"CUSTOMIZED","customizedRetryPolicy":{"next":[1,2,3,4]}})");
    CHECK(own.next_delay_ms(0) == 3);
    CHECK(own.next_delay_ms(9) == 4);
    CHECK(GroupRetryPolicy::parse(R"({"type":"CUSTOMIZED"})").next_delay_ms(0) == 10'000);
    CHECK(GroupRetryPolicy::parse("no JSON").next_delay_ms(0) == 10'000);
    CHECK(GroupRetryPolicy::parse(R"({"type":"EXPONENTIAL"})").next_delay_ms(0) == 10'000);
}

TEST_CASE("GroupRetryPolicy: exponential delays double up to the maximum", "[protocol][R-06]") {
    const auto policy = GroupRetryPolicy::parse(
        R"({"type":"EXPONENTIAL","exponentialRetryPolicy":{"initial":5000,"max":7200000,"multiplier":2}})");
    CHECK(policy.type() == GroupRetryPolicy::Type::EXPONENTIAL);
    CHECK(policy.next_delay_ms(-5) == 5'000);
    CHECK(policy.next_delay_ms(0) == 5'000);
    CHECK(policy.next_delay_ms(3) == 40'000);
    CHECK(policy.next_delay_ms(10) == 5'120'000);
    CHECK(policy.next_delay_ms(11) == 7'200'000);
    CHECK(policy.next_delay_ms(INT32_MAX) == 7'200'000);
}

TEST_CASE("HeartbeatData: the form of a Java push consumer is read whole", "[protocol][C-06]") {
    const auto data = parse_heartbeat_data(
        R"({"clientID":"10.0.0.1@1#2","consumerDataSet":[{"consumeFromWhere":"CONSUME_FROM_TIMESTAMP",)"
        R"("consumeType":"CONSUME_PASSIVELY","groupName":"g","messageModel":"CLUSTERING",)"
        R"("subscriptionDataSet":[{"classFilterMode":false,"codeSet":[65,66],"expressionType":"TAG",)"
        R"("subString":"A||B","subVersion":1700000000000,"tagsSet":["A","B"],"topic":"T"}],)"
        R"("unitMode":false}],"heartbeatFingerprint":-7,"producerDataSet":[{"groupName":"pg"}],)"
        R"("withoutSub":true})");
    REQUIRE(data);
    CHECK(data->client_id == "10.0.0.1@1#2");
    CHECK(data->heartbeat_fingerprint == -7);
    CHECK(data->is_without_sub);
    CHECK(data->producer_groups == std::vector<std::string>{"pg"});
    REQUIRE(data->consumers.size() == 1);
    const auto& consumer = data->consumers[0];
    CHECK(consumer.consume_type == ConsumeType::CONSUME_PASSIVELY);
    CHECK(consumer.message_model == MessageModel::CLUSTERING);
    CHECK(consumer.consume_from_where == ConsumeFromWhere::CONSUME_FROM_TIMESTAMP);
    REQUIRE(consumer.subscriptions.size() == 1);
    CHECK(consumer.subscriptions[0].codes == std::vector<std::int32_t>{65, 66});
    CHECK(consumer.subscriptions[0].sub_version == 1'700'000'000'000);
    CHECK(*parse_subscription_data(to_json(consumer.subscriptions[0])) ==
          consumer.subscriptions[0]);
}

TEST_CASE("HeartbeatData: C++ clients send ordinals, text numbers and leave sets out",
          "[protocol][C-06]") {
    const auto data = parse_heartbeat_data(
        R"({"clientID":"c","consumerDataSet":[{"consumeFromWhere":4,"consumeType":1,"groupName":"g",)"
        R"("messageModel":0,"subscriptionDataSet":[{"codeSet":[],"subString":"*",)"
        R"("subVersion":"1700000000000","tagsSet":[],"topic":"T"}]},{"groupName":"h",)"
        R"("subscriptionDataSet":null}]})"
        "\n");
    REQUIRE(data);
    CHECK(data->producer_groups.empty());
    REQUIRE(data->consumers.size() == 2);
    const auto& consumer = data->consumers[0];
    CHECK(consumer.consume_from_where == ConsumeFromWhere::CONSUME_FROM_FIRST_OFFSET);
    CHECK(consumer.message_model == MessageModel::BROADCASTING);
    CHECK(consumer.subscriptions[0].sub_version == 1'700'000'000'000);
    CHECK(consumer.subscriptions[0].expression_type == "TAG");
    CHECK(data->consumers[1].subscriptions.empty());
}

TEST_CASE("HeartbeatData: what is no heartbeat is refused", "[protocol][C-06]") {
    CHECK(!parse_heartbeat_data(""));
    CHECK(!parse_heartbeat_data("[1]"));
    CHECK(!parse_heartbeat_data(R"({"consumerDataSet":["x"]})"));
    CHECK(!parse_heartbeat_data(R"({"consumerDataSet":[{"subscriptionDataSet":[3]}]})"));
}

TEST_CASE("SubscriptionData: tag expressions split as in the original", "[protocol][F-01]") {
    const auto two = build_subscription_data("T", " TagA ||TagB||");
    REQUIRE(two);
    CHECK(two->tags == std::vector<std::string>{"TagA", "TagB"});
    CHECK(two->codes == std::vector<std::int32_t>{2598919, 2598920});
    CHECK(build_subscription_data("T", "")->sub_string == "*");
    CHECK(build_subscription_data("T", "*")->codes.empty());
    CHECK(!build_subscription_data("T", "||"));
    // A blank part counts as a part, but not as a tag: nothing matches.
    CHECK(build_subscription_data("T", " ")->codes.empty());
}

TEST_CASE("LockBatch: request and answer bodies", "[protocol][O-02]") {
    const auto request = parse_lock_batch_request(
        R"({"clientId":"c","consumerGroup":"g","mqSet":[{"brokerName":"b","queueId":3,"topic":"T"}],)"
        R"("onlyThisBroker":false})");
    REQUIRE(request);
    CHECK(request->client_id == "c");
    CHECK(request->queues == std::vector<MessageQueue>{{"T", "b", 3}});
    CHECK(encode_lock_batch_response(request->queues) ==
          R"({"lockOKMQSet":[{"brokerName":"b","queueId":3,"topic":"T"}]})");
    CHECK(encode_lock_batch_response({}) == R"({"lockOKMQSet":[]})");
    CHECK(parse_lock_batch_request(R"({"clientId":"c","consumerGroup":"g"})")->queues.empty());
    CHECK(!parse_lock_batch_request("7"));
}

}  // namespace rmq
