// SPDX-License-Identifier: Apache-2.0
#include "broker/filter/consumer_filter_manager.h"

#include "broker/broker_config.h"
#include "common/message/message_properties.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "remoting/protocol/body/heartbeat_data.h"

#include "filter/sql_expression.h"
#include <nlohmann/json.hpp>

using namespace rmq;
using namespace rmq::broker;
using rmq::testing::TempDir;

namespace {

SubscriptionData sql(const std::string& topic, const std::string& expression,
                     std::int64_t version = 1) {
    SubscriptionData data;
    data.topic = topic;
    data.sub_string = expression;
    data.expression_type = kExpressionTypeSql92;
    data.sub_version = version;
    return data;
}

struct Fixture {
    Fixture() { clock.set_ms(1'000'000); }
    std::unique_ptr<ConsumerFilterManager> open() {
        auto manager = std::make_unique<ConsumerFilterManager>(config, path, clock);
        REQUIRE(manager->load());
        return manager;
    }
    nlohmann::json stored() const { return nlohmann::json::parse(*read_file(path)); }

    TempDir dir;
    std::string path = dir.path() + "/consumerFilter.json";
    BrokerConfig config;
    ManualClock clock;
};

std::string properties(std::string_view name, std::string_view value) {
    std::string encoded;
    append_property(encoded, name, value);
    return encoded;
}

}  // namespace

TEST_CASE("ConsumerFilterManager: keeps the newest expression of a group and topic",
          "[broker][filter][F-06]") {
    Fixture f;
    auto manager = f.open();
    manager->register_group("g", {sql("T", "a > 1", 5)});
    manager->register_group("g", {sql("T", "a > 2", 4)});  // older: ignored
    auto found = manager->find("T", "g");
    REQUIRE(found);
    CHECK(found->client_version == 5);
    CHECK(found->expression->matches(properties("a", "2")));
    manager->register_group("g", {sql("T", "a > 2", 6)});
    found = manager->find("T", "g");
    REQUIRE(found);
    CHECK(found->client_version == 6);
    CHECK(!found->expression->matches(properties("a", "2")));
    CHECK(!manager->find("T", "other"));
    CHECK(!manager->find("U", "g"));
}

TEST_CASE("ConsumerFilterManager: an expression that does not compile is not kept",
          "[broker][filter][F-06]") {
    Fixture f;
    auto manager = f.open();
    manager->register_group("g", {sql("T", "a >")});
    CHECK(!manager->find("T", "g"));
    manager->register_group("g", {sql("T", "a > 1", 2)});
    CHECK(manager->find("T", "g"));
    manager->register_group("g", {sql("T", "a >", 3)});
    CHECK(!manager->find("T", "g"));
    SubscriptionData odd = sql("T", "a > 1", 4);
    odd.expression_type = "XPATH";
    manager->register_group("g", {odd});
    CHECK(!manager->find("T", "g"));
}

TEST_CASE("ConsumerFilterManager: the file is the original's", "[broker][filter][F-05]") {
    Fixture f;
    auto manager = f.open();
    REQUIRE(manager->run_once());
    CHECK(f.stored() == nlohmann::json::parse(R"({"filterDataByTopic":{}})"));
    manager->register_group("g", {sql("t", "a > 1", 7)});
    REQUIRE(manager->run_once());
    CHECK(f.stored() == nlohmann::json::parse(R"({"filterDataByTopic":{"t":{"topic":"t",
        "groupFilterData":{"g":{"bloomFilterData":{"bitNum":112,"bitPos":[22,87,58]},
        "bornTime":1000000,"clientVersion":7,"consumerGroup":"g","dead":false,"deadTime":0,
        "expression":"a > 1","expressionType":"SQL92","topic":"t"}}}}})"));
}

TEST_CASE("ConsumerFilterManager: expressions survive a restart, dead until a heartbeat",
          "[broker][filter][F-05]") {
    Fixture f;
    {
        auto manager = f.open();
        manager->register_group("g", {sql("t", "a > 1", 7)});
        REQUIRE(manager->run_once());
    }
    f.clock.advance_ms(60'000);
    auto manager = f.open();
    const auto found = manager->find("t", "g");
    REQUIRE(found);
    CHECK(found->client_version == 7);
    manager->register_group("g", {sql("t", "a > 1", 7)});
    REQUIRE(manager->run_once());
    CHECK(f.stored()["filterDataByTopic"]["t"]["groupFilterData"]["g"]["deadTime"] == 0);
}

TEST_CASE("ConsumerFilterManager: a file of another Bloom filter is left out",
          "[broker][filter][F-05]") {
    Fixture f;
    {
        auto manager = f.open();
        manager->register_group("g", {sql("t", "a > 1")});
        REQUIRE(manager->run_once());
    }
    f.config.expect_consumer_num_use_filter = 64;
    CHECK(!f.open()->find("t", "g"));
}

TEST_CASE("ConsumerFilterManager: what nobody uses goes after a day", "[broker][filter][F-05]") {
    Fixture f;
    auto manager = f.open();
    manager->register_group("left", {sql("t", "a > 1")});
    manager->register_group("changed", {sql("t", "a > 1")});
    manager->register_group("stays", {sql("t", "a > 1")});
    manager->unregister_group("left");
    manager->register_group("changed", {});
    f.clock.advance_ms(f.config.filter_data_clean_time_span.get() - 1);
    REQUIRE(manager->run_once());
    CHECK(manager->find("t", "left"));
    f.clock.advance_ms(1);
    REQUIRE(manager->run_once());
    CHECK(!manager->find("t", "left"));
    CHECK(!manager->find("t", "changed"));
    CHECK(manager->find("t", "stays"));
}

TEST_CASE("MessageFilter: retried messages are judged by the expression for their first topic",
          "[broker][filter][F-04]") {
    Fixture f;
    auto manager = f.open();
    manager->register_group("g", {sql("T", "a > 1")});
    const MessageFilter filter(*manager, "g");
    CHECK(filter.needs_properties());
    CHECK(filter.matches_tags_code(5));
    CHECK(filter.matches_properties(properties("RETRY_TOPIC", "T") + properties("a", "2")));
    CHECK(!filter.matches_properties(properties("RETRY_TOPIC", "T") + properties("a", "1")));
    CHECK(filter.matches_properties(properties("RETRY_TOPIC", "U") + properties("a", "1")));
    CHECK(filter.matches_properties(""));
}

TEST_CASE("MessageFilter: requests bring tags or an expression", "[broker][filter][F-06]") {
    const auto tags = make_message_filter("T", "TAG", "A || B");
    REQUIRE(tags);
    CHECK(tags->matches_tags_code(65));
    CHECK(!tags->matches_tags_code(67));
    CHECK(!tags->needs_properties());
    CHECK(make_message_filter("T", "", "*")->matches_all_tags());
    const auto expression = make_message_filter("T", "SQL92", "a IS NULL");
    REQUIRE(expression);
    CHECK(expression->matches_properties(""));
    CHECK(!expression->matches_properties(properties("a", "1")));
    CHECK(expression->matches_record("no record"));
    CHECK(!make_message_filter("T", "SQL92", ""));
    CHECK(!make_message_filter("T", "SQL92", "a ="));
    CHECK(!make_message_filter("T", "XPATH", "a = 1"));
    CHECK(!make_message_filter("T", "TAG", "||"));
}
