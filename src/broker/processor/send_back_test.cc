// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/send_back.h"

#include "broker/delay/delay_level_table.h"
#include "broker/testing/client_fixture.h"
#include "common/message/message_id.h"
#include "common/message/message_layout.h"
#include "common/testing/catch.h"

#include <set>

using namespace rmq;
using namespace rmq::broker;
using namespace rmq::testing;

namespace {

const SocketAddress kOldHost = *parse_socket_address("10.9.9.9:10911");

struct Fixture : ClientFixture {
    Fixture() { add_topic("T"); }

    // A message as it lies in the log after `times` deliveries; its CommitLog offset.
    std::int64_t put_again(std::int32_t times, std::string_view topic = "T",
                           std::string_view properties = {}) {
        store::MessageToPut message;
        message.topic = topic;
        message.queue_id = 0;
        message.flag = 3;
        message.sys_flag = sys_flag::kCompressed;
        message.born_timestamp = 77;
        message.born_host = *parse_socket_address("10.1.1.1:1");
        message.store_host = kOldHost;
        message.reconsume_times = times;
        message.body = "body";
        message.properties = properties;
        const auto result = store->put_message(message);
        REQUIRE(result.status == store::PutMessageStatus::PUT_OK);
        return result.physical_offset.value;
    }
    Response back(std::int64_t offset, const ExtMap& changes = {},
                  std::int32_t version = mq_version::kCurrent) {
        ExtMap ext{{"offset", std::to_string(offset)},
                   {"group", "g"},
                   {"delayLevel", "0"},
                   {"originMsgId", "ignored"},
                   {"originTopic", "ignored"},
                   {"unitMode", "false"},
                   {"maxReconsumeTimes", "16"}};
        for (const auto& [key, value] : changes) {
            ext[key] = value;
        }
        return ask(client, RequestCode::CONSUMER_SEND_MSG_BACK, ext, {}, version);
    }
    std::int64_t scheduled(int level) {
        return store->max_offset("SCHEDULE_TOPIC_XXXX", level - 1).value;
    }

    Client client = std::make_shared<FakeConnection>("10.1.2.3:4567");
};

}  // namespace

TEST_CASE("SendBack: sixteen steps from 10 s to 2 h, one for each delivery",
          "[broker][send_back][R-01][X-06]") {
    Fixture f;
    const DelayLevelTable levels = *DelayLevelTable::parse(f.store_config.message_delay_level);
    const std::vector<std::int64_t> seconds{10,  30,  60,  120, 180,  240,  300,  360,
                                            420, 480, 540, 600, 1200, 1800, 3600, 7200};
    for (std::int32_t times = 0; times < 16; ++times) {
        REQUIRE(f.back(f.put_again(times)).code == ResponseCode::SUCCESS);
        const auto level = times + 3;
        const auto copy = f.stored("SCHEDULE_TOPIC_XXXX", level - 1, 0);
        CHECK(copy->property("DELAY") == std::to_string(level));
        CHECK(copy->record.reconsume_times == times + 1);
        CHECK(levels.delay_ms(level) == seconds[static_cast<std::size_t>(times)] * 1'000);
    }
    CHECK(!f.topics->contains("%DLQ%g"));
    REQUIRE(f.back(f.put_again(16)).code == ResponseCode::SUCCESS);
    CHECK(f.stored("%DLQ%g", 0, 0)->record.reconsume_times == 17);
}

TEST_CASE("SendBack: the copy remembers where its message came from", "[broker][send_back][R-03]") {
    Fixture f;
    const auto offset = f.put_again(0, "T", encode_pairs({"TAGS", "A", "UNIQ_KEY", "U"}));
    REQUIRE(f.back(offset).code == ResponseCode::SUCCESS);
    const auto first = f.stored("SCHEDULE_TOPIC_XXXX", 2, 0);
    CHECK(first->property("REAL_TOPIC") == "%RETRY%g");
    CHECK(first->property("REAL_QID") == "0");
    CHECK(first->property("RETRY_TOPIC") == "T");
    const auto origin = make_offset_message_id(kOldHost, PhysicalOffset{offset});
    CHECK(first->property("ORIGIN_MESSAGE_ID") == origin);
    CHECK(first->property("WAIT") == "false");
    CHECK(first->property("TAGS") == "A");
    CHECK(first->property("UNIQ_KEY") == "U");
    CHECK(first->record.body == "body");
    CHECK(first->record.flag == 3);
    CHECK(first->record.sys_flag == sys_flag::kCompressed);
    CHECK(first->record.born_timestamp == 77);
    CHECK(first->record.born_host == *parse_socket_address("10.1.1.1:1"));
    CHECK(first->record.store_host == *parse_socket_address("127.0.0.1:10911"));
    const auto topic = f.topics->select("%RETRY%g");
    REQUIRE(topic);
    CHECK(topic->read_queue_nums == 1);
    CHECK(topic->perm == 6);

    // What the second delivery sends back still names the first message.
    REQUIRE(f.back(f.put_again(1, "%RETRY%g", first->record.properties)).code ==
            ResponseCode::SUCCESS);
    const auto second = f.stored("SCHEDULE_TOPIC_XXXX", 3, 0);
    CHECK(second->property("RETRY_TOPIC") == "T");
    CHECK(second->property("ORIGIN_MESSAGE_ID") == origin);
    CHECK(second->property("DELAY") == "4");
    CHECK(second->record.reconsume_times == 2);
}

TEST_CASE("SendBack: retryQueueNums spreads the retries, and below 1 drops them",
          "[broker][send_back][R-03]") {
    Fixture f;
    auto group = make_subscription_group("g");
    group.retry_queue_nums = 3;
    REQUIRE(f.groups->update(group));
    const auto offset = f.put_again(0);
    std::set<std::string> queues;
    for (int i = 0; i < 100; ++i) {
        REQUIRE(f.back(offset).code == ResponseCode::SUCCESS);
        queues.insert(f.stored("SCHEDULE_TOPIC_XXXX", 2, i)->property("REAL_QID"));
    }
    CHECK(queues == std::set<std::string>{"0", "1", "2"});
    group.retry_queue_nums = 0;
    REQUIRE(f.groups->update(group));
    const auto before = f.store->runtime().put_messages;
    CHECK(f.back(offset).code == ResponseCode::SUCCESS);
    CHECK(f.store->runtime().put_messages == before);
}

TEST_CASE("SendBack: a client may choose the level", "[broker][send_back]") {
    Fixture f;
    const auto offset = f.put_again(7);
    CHECK(f.back(offset, {{"delayLevel", "2"}}).code == ResponseCode::SUCCESS);
    CHECK(f.stored("SCHEDULE_TOPIC_XXXX", 1, 0)->property("DELAY") == "2");
    CHECK(f.back(offset, {{"delayLevel", "100"}}).code == ResponseCode::SUCCESS);
    CHECK(f.stored("SCHEDULE_TOPIC_XXXX", 17, 0)->property("DELAY") == "18");
}

TEST_CASE("SendBack: the limit is the client's from 3.4.9 on, else the group's",
          "[broker][send_back][R-02]") {
    Fixture f;
    auto group = make_subscription_group("g");
    group.retry_max_times = 5;
    REQUIRE(f.groups->update(group));
    const auto dead = [&f] { return f.store->max_offset("%DLQ%g", 0).value; };
    const auto twice = f.put_again(2);
    // Whether it went to be delivered again, on the fifth level, and not to the dead letters.
    const auto back = [&](const ExtMap& changes, std::int32_t version = mq_version::kCurrent) {
        const auto retries = f.scheduled(5);
        const auto deaths = dead();
        REQUIRE(f.back(twice, changes, version).code == ResponseCode::SUCCESS);
        f.run_until([&] { return f.scheduled(5) > retries || dead() > deaths; });
        return f.scheduled(5) > retries;
    };
    CHECK(back({{"maxReconsumeTimes", "3"}}));
    CHECK(back({{"maxReconsumeTimes", "2"}}, mq_version::kV3_4_9 - 1));
    CHECK(!back({{"maxReconsumeTimes", "2"}}));
    CHECK(dead() == 1);
    CHECK(f.back(f.put_again(0), {{"delayLevel", "-1"}}).code == ResponseCode::SUCCESS);
    f.run_until([&] { return dead() == 2; });
    CHECK(f.back(f.put_again(5), {}, mq_version::kV3_4_9 - 1).code == ResponseCode::SUCCESS);
    f.run_until([&] { return dead() == 3; });
}

TEST_CASE("SendBack: dead letters lie in one queue of their group and can be pulled",
          "[broker][send_back][R-04]") {
    Fixture f;
    const auto offset = f.put_again(0, "%RETRY%g",
                                    encode_pairs({"RETRY_TOPIC", "T", "ORIGIN_MESSAGE_ID", "O",
                                                  "UNIQ_KEY", "U", "REAL_TOPIC", "%RETRY%g"}));
    REQUIRE(f.back(offset, {{"delayLevel", "-1"}}).code == ResponseCode::SUCCESS);
    const auto topic = f.topics->select("%DLQ%g");
    REQUIRE(topic);
    CHECK(topic->write_queue_nums == 1);
    CHECK(topic->read_queue_nums == 1);
    CHECK(topic->perm == 6);
    const auto dead = f.stored("%DLQ%g", 0, 0);
    CHECK(dead->property("RETRY_TOPIC") == "T");
    CHECK(dead->property("ORIGIN_MESSAGE_ID") == "O");
    CHECK(dead->property("DLQ_ORIGIN_TOPIC") == "T");
    CHECK(dead->property("DLQ_ORIGIN_MESSAGE_ID") == "U");
    CHECK(dead->property("DELAY") == "0");
    const auto pulled = f.ask(f.client, RequestCode::PULL_MESSAGE,
                              {{"consumerGroup", "reader"},
                               {"topic", "%DLQ%g"},
                               {"queueId", "0"},
                               {"queueOffset", "0"},
                               {"maxMsgNums", "32"},
                               {"sysFlag", "4"},
                               {"commitOffset", "0"},
                               {"suspendTimeoutMillis", "0"},
                               {"subscription", "*"},
                               {"subVersion", "0"}});
    CHECK(bodies_of(pulled) == std::vector<std::string>{"body"});
}

TEST_CASE("SendBack: refusals", "[broker][send_back]") {
    Fixture f;
    const auto offset = f.put_again(0);
    const auto missing = f.back(offset + 1'000'000);
    CHECK(missing.code == ResponseCode::SYSTEM_ERROR);
    CHECK(missing.remark == "look message by offset failed, " + std::to_string(offset + 1'000'000));
    CHECK(f.back(offset + 1).code == ResponseCode::SYSTEM_ERROR);
    CHECK(f.back(-1).code == ResponseCode::SYSTEM_ERROR);
    CHECK(f.back(offset, {{"delayLevel", "x"}}).code == ResponseCode::SYSTEM_ERROR);

    TopicConfig retry = *f.topics->select("%RETRY%g");
    retry.perm = 4;
    REQUIRE(f.topics->update(retry));
    const auto read_only = f.back(offset);
    CHECK(read_only.code == ResponseCode::NO_PERMISSION);
    CHECK(read_only.remark == "the topic[%RETRY%g] sending message is forbidden");

    f.config.broker_permission = 4;
    const auto forbidden = f.back(offset);
    CHECK(forbidden.code == ResponseCode::NO_PERMISSION);
    CHECK(forbidden.remark == "the broker[127.0.0.1] sending message is forbidden");
    f.config.auto_create_subscription_group = false;
    const auto unknown = f.back(offset, {{"group", "nobody"}});
    CHECK(unknown.code == ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST);
    CHECK(unknown.remark.starts_with("subscription group not exist, nobody "));
    CHECK(f.store->runtime().put_messages == 1);
}

TEST_CASE("SendBack: a message that is no longer in memory is read on a blocking thread",
          "[broker][send_back]") {
    Fixture f;
    const auto offset = f.put_again(0);
    f.put_again(0);
    f.store_config.access_message_in_memory_max_ratio = 0;
    CHECK(f.back(offset).code == ResponseCode::SUCCESS);
    CHECK(f.stored("SCHEDULE_TOPIC_XXXX", 2, 0)->property("RETRY_TOPIC") == "T");
}

TEST_CASE("SendBack: a reconsume count near the largest number does not overflow",
          "[broker][send_back]") {
    Fixture f;
    CHECK(f.back(f.put_again(INT32_MAX)).code == ResponseCode::SUCCESS);
    CHECK(f.stored("%DLQ%g", 0, 0)->record.reconsume_times == INT32_MAX);
    CHECK(f.back(f.put_again(INT32_MAX - 1), {{"maxReconsumeTimes", "2147483647"}}).code ==
          ResponseCode::SUCCESS);
    CHECK(f.stored("SCHEDULE_TOPIC_XXXX", 17, 0)->record.reconsume_times == INT32_MAX);
}
