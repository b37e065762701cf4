// SPDX-License-Identifier: Apache-2.0
#include "broker/topic/topic_config_manager.h"

#include "broker/broker_config.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/topic/attributes.h"
#include "broker/topic/topic_validator.h"
#include "common/lenient_json.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"

#include <nlohmann/json.hpp>

using namespace rmq;
using namespace rmq::broker;

namespace {

struct Fixture {
    Fixture() {
        config.broker_name = "broker-a";
        config.trace_topic_enable = false;
        REQUIRE(create_directories(dir.file("config")));
    }
    TopicConfigManager topics() {
        return TopicConfigManager(config, true, dir.file("config/topics.json"), clock);
    }
    SubscriptionGroupManager groups() {
        return SubscriptionGroupManager(config, dir.file("config/subscriptionGroup.json"), clock);
    }
    nlohmann::json json(const std::string& name) {
        return *parse_lenient_json(*read_file(dir.file("config/" + name)));
    }

    testing::TempDir dir;
    BrokerConfig config;
    ManualClock clock;
};

TopicConfig topic_with(std::string name, Attributes attributes = {}) {
    TopicConfig topic;
    topic.topic_name = std::move(name);
    topic.attributes = std::move(attributes);
    return topic;
}

}  // namespace

TEST_CASE("TopicConfigManager: makes the original's topics at the first start",
          "[broker][topic][M-08][K-01]") {
    Fixture fixture;
    auto topics = fixture.topics();
    REQUIRE(topics.load());
    REQUIRE(topics.run_once());
    struct Expected {
        const char* name;
        std::int32_t queues;
        std::int32_t perm;
    };
    const Expected expected[] = {{"SELF_TEST_TOPIC", 1, 6},
                                 {"TBW102", 8, 7},
                                 {"BenchmarkTest", 1024, 6},
                                 {"DefaultCluster", 16, 7},
                                 {"broker-a", 1, 7},
                                 {"OFFSET_MOVED_EVENT", 1, 6},
                                 {"SCHEDULE_TOPIC_XXXX", 18, 6},
                                 {"DefaultCluster_REPLY_TOPIC", 1, 6},
                                 {"rmq_sys_REVIVE_LOG_DefaultCluster", 8, 6},
                                 {"rmq_sys_SYNC_BROKER_MEMBER_broker-a", 1, 1},
                                 {"RMQ_SYS_TRANS_HALF_TOPIC", 1, 6},
                                 {"RMQ_SYS_TRANS_OP_HALF_TOPIC", 1, 6},
                                 {"RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC", 1, 6},
                                 {"RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC", 1, 6},
                                 {"rmq_sys_wheel_timer", 1, 6}};
    const auto stored = fixture.json("topics.json");
    CHECK(stored["topicConfigTable"].size() == std::size(expected));
    for (const auto& [name, queues, perm] : expected) {
        INFO(name);
        const auto topic = topics.select(name);
        REQUIRE(topic);
        CHECK(topic->read_queue_nums == queues);
        CHECK(topic->write_queue_nums == queues);
        CHECK(topic->perm == perm);
        CHECK(topics.is_system_topic(name));
        CHECK(stored["topicConfigTable"][name]["topicName"] == name);
    }
    CHECK_FALSE(topics.is_system_topic("Orders"));
}

TEST_CASE("TopicConfigManager: a send creates a topic from TBW102", "[broker][topic][M-06]") {
    Fixture fixture;
    auto topics = fixture.topics();
    REQUIRE(topics.load());
    std::vector<TopicConfig> announced;
    topics.set_change_listener(
        [&](const auto& changed, const DataVersion&) { announced = changed; });
    const auto version = topics.data_version();

    const auto created = topics.create_in_send({.topic = "Orders", .default_topic = "TBW102"});
    REQUIRE(created);
    CHECK(created->write_queue_nums == 4);
    CHECK(created->perm == 6);
    REQUIRE(announced.size() == 1);
    CHECK(announced[0].topic_name == "Orders");
    CHECK(topics.data_version().counter == version.counter + 1);
    // Before any sync the file already has it: it survives a crash of the process.
    CHECK(fixture.json("topics.json")["topicConfigTable"].contains("Orders"));

    announced.clear();
    CHECK(topics.create_in_send({.topic = "Orders", .default_topic = "TBW102"}) == created);
    CHECK(announced.empty());
    CHECK(topics
              .create_in_send(
                  {.topic = "Many", .default_topic = "TBW102", .default_topic_queue_nums = 100})
              ->write_queue_nums == 8);
    CHECK_FALSE(topics.create_in_send({.topic = "X", .default_topic = "Orders"}));
    CHECK_FALSE(topics.create_in_send({.topic = "X", .default_topic = "none"}));
    fixture.config.auto_create_topic_enable = false;
    CHECK_FALSE(topics.create_in_send({.topic = "X", .default_topic = "TBW102"}));
    CHECK(topics.create_in_send_back("%RETRY%g", 1, 6, 0)->read_queue_nums == 1);
}

TEST_CASE("TopicConfigManager: what is stored is read back, unknown members too",
          "[broker][topic][A-03][A-09]") {
    Fixture fixture;
    REQUIRE(write_file(fixture.dir.file("config/topics.json"),
                       R"({"dataVersion":{"counter":7,"stateVersion":0,"timestamp":5},
        "topicConfigTable":{"Orders":{"attributes":{"message.type":"FIFO"},"order":true,"perm":6,
        "readQueueNums":3,"topicFilterType":"SINGLE_TAG","topicName":"Orders","topicSysFlag":1,
        "writeQueueNums":2,"newMember":{"a":1}}}})"));
    {
        auto topics = fixture.topics();
        REQUIRE(topics.load());
        CHECK(topics.data_version().counter == 7);
        CHECK(topics.select("Orders")->attributes.at("message.type") == "FIFO");
        topics.create_in_send_back("Other", 1, 6, 0);
        REQUIRE(topics.run_once());
    }
    const auto stored = fixture.json("topics.json");
    CHECK(stored["dataVersion"]["counter"] == 8);
    CHECK(stored["topicConfigTable"]["Orders"]["newMember"]["a"] == 1);
    // A torn file falls back to the one before it.
    REQUIRE(write_file(fixture.dir.file("config/topics.json"), "{\"topicConf"));
    auto again = fixture.topics();
    REQUIRE(again.load());
    CHECK(again.select("Orders")->read_queue_nums == 3);
    REQUIRE(write_file(fixture.dir.file("config/topics.json.bak"), "["));
    auto refused = fixture.topics();
    CHECK(refused.load().error().code == Errc::kMalformed);
}

TEST_CASE("TopicConfigManager: attributes are changed by +k=v and -k", "[broker][topic][A-03]") {
    Fixture fixture;
    auto topics = fixture.topics();
    REQUIRE(topics.load());
    REQUIRE(topics.update(topic_with("T", {{"+message.type", "FIFO"}})));
    CHECK(topics.select("T")->attributes == Attributes{{"message.type", "FIFO"}});
    REQUIRE(topics.update(topic_with("T", {{"-message.type", ""}})));
    CHECK(topics.select("T")->attributes.empty());

    const auto remark = [&](Attributes attributes) {
        const auto status = topics.update(topic_with("T", std::move(attributes)));
        return status ? std::string() : status.error().remark;
    };
    CHECK(remark({{"+queue.type", "SimpleCQ"}}) ==
          "attempt to update an unchangeable attribute. key: queue.type");
    CHECK(remark({{"+nope", "1"}}) == "unsupported key: nope");
    CHECK(remark({{"-message.type", ""}}) == "attempt to delete a nonexistent key: message.type");
    CHECK(remark({{"+message.type", "ODD"}}) ==
          "value is not in set: [UNSPECIFIED, MIXED, TRANSACTION, PRIORITY, FIFO, DELAY, LITE, "
          "NORMAL]");
    CHECK(parse_attributes("+a=1,-b")->size() == 2);
    CHECK(parse_attributes("a=1").error().remark == "add/alter attribute format is wrong: a");
    CHECK(parse_attributes("b").error().remark == "delete attribute format is wrong: b");
    // All or none.
    std::vector<TopicConfig> two{topic_with("New"), topic_with("T", {{"+nope", "1"}})};
    CHECK_FALSE(topics.update_all(two));
    CHECK_FALSE(topics.contains("New"));
}

TEST_CASE("TopicConfigManager: delete, order marks and version steps", "[broker][topic][A-03]") {
    Fixture fixture;
    auto topics = fixture.topics();
    REQUIRE(topics.load());
    REQUIRE(topics.update(topic_with("T")));
    topics.mark_ordered({"T", "unknown"});
    CHECK(topics.select("T")->order);
    const auto version = topics.data_version();
    topics.mark_ordered({"T"});
    CHECK(topics.data_version() == version);
    topics.bump_data_version();
    CHECK(topics.data_version().counter == version.counter + 1);
    CHECK(topics.remove("T"));
    CHECK_FALSE(topics.remove("T"));
    CHECK_FALSE(topics.contains("T"));
}

TEST_CASE("validate_topic, validate_group: the original's limits and words", "[broker][M-05]") {
    CHECK(validate_topic("%RETRY%a|b-c_D9"));
    CHECK(validate_topic(" ").error().remark == "The specified topic is blank.");
    CHECK(validate_topic("a b").error().remark ==
          "The specified topic: a b, contains illegal characters, allowing only "
          "^[%|a-zA-Z0-9_-]+$");
    CHECK(validate_topic(std::string(127, 'a')));
    CHECK_FALSE(validate_topic(std::string(128, 'a')));
    CHECK(validate_topic("%DLQ%" + std::string(250, 'a')));
    CHECK_FALSE(validate_topic("%DLQ%" + std::string(251, 'a')));
    CHECK(validate_group(std::string(120, 'a')));
    CHECK(validate_group(std::string(121, 'a')).error().code == Errc::kInvalidArgument);
    CHECK(is_not_allowed_send_topic("SELF_TEST_TOPIC"));
    CHECK(is_not_allowed_send_topic("RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC"));
    CHECK_FALSE(is_not_allowed_send_topic("TBW102"));
}

TEST_CASE("SubscriptionGroupManager: groups are created on demand", "[broker][group][C-13]") {
    Fixture fixture;
    auto groups = fixture.groups();
    REQUIRE(groups.load());
    CHECK(groups.contains("TOOLS_CONSUMER"));
    CHECK(groups.table()->size() == 8);
    CHECK_FALSE(groups.contains("g"));
    const auto group = groups.find("g");
    REQUIRE(group);
    CHECK(*group == make_subscription_group("g"));
    CHECK(groups.find("g") == group);
    CHECK_FALSE(groups.find("not valid"));
    fixture.config.auto_create_subscription_group = false;
    CHECK_FALSE(groups.find("h"));
    CHECK(groups.find("CID_RMQ_SYS_NEW"));
}

TEST_CASE("SubscriptionGroupManager: settings, forbidden topics and unknown members are kept",
          "[broker][group][C-12][A-04]") {
    Fixture fixture;
    REQUIRE(write_file(fixture.dir.file("config/subscriptionGroup.json"),
                       R"({"dataVersion":{"counter":2,"stateVersion":0,"timestamp":5},
        "forbiddenTable":{"g":{"T":4}},"subscriptionGroupTable":{"g":{"groupName":"g",
        "consumeEnable":false,"retryMaxTimes":3,"groupRetryPolicy":{"type":"EXPONENTIAL"},
        "subscriptionDataSet":[{"topic":"T"}]}}})"));
    {
        auto groups = fixture.groups();
        REQUIRE(groups.load());
        CHECK(groups.is_forbidden("g", "T", SubscriptionGroupManager::kReadIndex));
        CHECK_FALSE(groups.is_forbidden("g", "U", SubscriptionGroupManager::kReadIndex));
        CHECK(groups.select("g")->retry_max_times == 3);
        CHECK_FALSE(groups.select("g")->consume_enable);
        groups.set_forbidden("h", "T", SubscriptionGroupManager::kReadIndex, true);
        REQUIRE(groups.run_once());
    }
    const auto stored = fixture.json("subscriptionGroup.json");
    CHECK(stored["subscriptionGroupTable"]["g"]["subscriptionDataSet"][0]["topic"] == "T");
    CHECK(stored["subscriptionGroupTable"]["g"]["groupRetryPolicy"]["type"] == "EXPONENTIAL");
    CHECK(stored["forbiddenTable"]["h"]["T"] == 4);
    CHECK(stored["dataVersion"]["counter"] == 3);

    auto groups = fixture.groups();
    REQUIRE(groups.load());
    CHECK(groups.is_forbidden("h", "T", SubscriptionGroupManager::kReadIndex));
    CHECK(groups.remove("g"));
    CHECK_FALSE(groups.is_forbidden("g", "T", SubscriptionGroupManager::kReadIndex));
    auto bad = make_subscription_group("x");
    bad.attributes = {{"+nope", "1"}};
    CHECK(groups.update(bad).error().remark == "unsupported key: nope");
    groups.disable_consume("h");
    REQUIRE(groups.update(make_subscription_group("h")));
    groups.disable_consume("h");
    CHECK_FALSE(groups.select("h")->consume_enable);
}

TEST_CASE("TopicConfigManager: light queues and their groups exist without configuration",
          "[broker][topic][M-25]") {
    Fixture fixture;
    auto topics = fixture.topics();
    auto groups = fixture.groups();
    REQUIRE(topics.load());
    REQUIRE(groups.load());
    CHECK(topics.select("%LMQ%a") == nullptr);
    CHECK_FALSE(groups.contains("%LMQ%g"));
    topics.enable_light_queues();
    groups.enable_light_queues();
    const auto light = topics.select("%LMQ%a");
    REQUIRE(light != nullptr);
    CHECK(light->read_queue_nums == 1);
    CHECK(light->perm == 6);
    CHECK(groups.find("%LMQ%g")->group_name == "%LMQ%g");
    const auto before = topics.data_version();
    REQUIRE(topics.update(topic_with("%LMQ%a")));
    SubscriptionGroupConfig group;
    group.group_name = "%LMQ%g";
    group.consume_enable = false;
    REQUIRE(groups.update(group));
    CHECK(groups.find("%LMQ%g")->consume_enable);
    CHECK(topics.table()->find("%LMQ%a") == topics.table()->end());
    CHECK(topics.data_version().counter == before.counter);
}
