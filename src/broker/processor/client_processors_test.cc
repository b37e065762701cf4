// SPDX-License-Identifier: Apache-2.0
// What producers and consumers meet through more than one processor.

#include "broker/processor/client_processors.h"

#include "broker/testing/client_fixture.h"
#include "common/testing/catch.h"

using namespace rmq;
using namespace rmq::broker;
using namespace rmq::testing;

namespace {

struct Fixture : ClientFixture {
    // Readable when this returns.
    Response send(const std::string& topic, const std::string& body, int queue_id = 0) {
        auto response = ask(client, RequestCode::SEND_MESSAGE,
                            {{"producerGroup", "pg"},
                             {"topic", topic},
                             {"defaultTopic", "TBW102"},
                             {"defaultTopicQueueNums", "4"},
                             {"queueId", std::to_string(queue_id)},
                             {"sysFlag", "0"},
                             {"bornTimestamp", "1"},
                             {"flag", "0"},
                             {"properties", "UNIQ_KEY\001u\002"}},
                            body);
        if (response.code == ResponseCode::SUCCESS) {
            const auto queue = std::stoi(ext_value(response, "queueId"));
            const auto offset = std::stoll(ext_value(response, "queueOffset"));
            run_until([&] { return store->max_offset(topic, queue).value > offset; });
        }
        return response;
    }
    void join(const std::string& group, const std::string& topic) {
        const std::string body =
            R"({"clientID":"c","consumerDataSet":[{"consumeType":"CONSUME_PASSIVELY","groupName":")" +
            group + R"(","messageModel":"CLUSTERING","subscriptionDataSet":[{"topic":")" + topic +
            R"(","subString":"*","subVersion":1}]}]})";
        REQUIRE(ask(client, RequestCode::HEART_BEAT, {}, body).code == ResponseCode::SUCCESS);
    }
    Response pull(const std::string& group, const std::string& topic, int queue_id = 0) {
        return ask(client, RequestCode::PULL_MESSAGE,
                   {{"consumerGroup", group},
                    {"topic", topic},
                    {"queueId", std::to_string(queue_id)},
                    {"queueOffset", "0"},
                    {"maxMsgNums", "32"},
                    {"sysFlag", "0"},
                    {"commitOffset", "0"},
                    {"suspendTimeoutMillis", "0"},
                    {"subVersion", "0"}});
    }
    // All timers of the io thread are `late_ms` late for a while.
    void overload(std::int64_t late_ms) {
        for (int i = 0; i < 100; ++i) {
            clock.advance_ms(SendFlowControl::kTickMs + late_ms);
            flow.tick(0, clock.monotonic_ms());
        }
    }

    Client client = std::make_shared<FakeConnection>("10.1.2.3:4567");
};

using Bodies = std::vector<std::string>;

}  // namespace

TEST_CASE("Overload: producers are slowed, then refused with a code that clients retry on",
          "[broker][admission][M-13]") {
    Fixture f;
    f.add_topic("T");
    CHECK(f.send("T", "a").code == ResponseCode::SUCCESS);
    CHECK(f.client->take_pauses().empty());
    f.overload(100);
    CHECK(f.send("T", "b").code == ResponseCode::SUCCESS);
    CHECK(f.client->take_pauses().size() == 1);
    f.overload(300);
    const auto refused = f.send("T", "c");
    CHECK(refused.code == ResponseCode::SYSTEM_BUSY);
    CHECK(refused.remark.starts_with(
        "[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a while, period in queue: 300"));
    // Consumers are served.
    f.join("g", "T");
    CHECK(bodies_of(f.pull("g", "T")) == Bodies{"a", "b"});
    f.overload(0);
    CHECK(f.send("T", "d").code == ResponseCode::SUCCESS);
}

TEST_CASE("Namespaces: topics and groups are plain names to the broker",
          "[broker][send][pull][M-22]") {
    Fixture f;
    const std::string topic = "MQ_INST_1%T";
    const std::string group = "MQ_INST_1%G";
    f.add_topic(topic);
    CHECK(f.send(topic, "a").code == ResponseCode::SUCCESS);
    f.join(group, topic);
    CHECK(f.topics->contains("%RETRY%MQ_INST_1%G"));
    CHECK(bodies_of(f.pull(group, topic)) == Bodies{"a"});
    CHECK(f.send("%RETRY%MQ_INST_1%G", "r").code == ResponseCode::SUCCESS);
    CHECK(f.pull("g", "T").code == ResponseCode::TOPIC_NOT_EXIST);
}

TEST_CASE("Message types: the broker keeps what a topic is for and takes any remoting send",
          "[broker][send][M-19]") {
    Fixture f;
    const auto create = [&f](const std::string& type) {
        TopicConfig topic;
        topic.topic_name = "T";
        topic.read_queue_nums = topic.write_queue_nums = 1;
        topic.perm = 6;
        topic.attributes = {{"+message.type", type}};
        return f.topics->update(topic);
    };
    for (const char* type :
         {"UNSPECIFIED", "NORMAL", "FIFO", "DELAY", "TRANSACTION", "MIXED", "LITE", "PRIORITY"}) {
        INFO(type);
        REQUIRE(create(type));
        CHECK(f.topics->select("T")->attributes.at("message.type") == type);
        CHECK(f.send("T", type).code == ResponseCode::SUCCESS);
    }
    CHECK_FALSE(create("OTHER"));
}

TEST_CASE("Queue numbers: read and write counts differ, written first fewer, then read",
          "[broker][send][pull][C-26]") {
    Fixture f;
    f.add_topic("T", 4);
    f.join("g", "T");
    CHECK(f.send("T", "in the last", 3).code == ResponseCode::SUCCESS);
    auto topic = *f.topics->select("T");
    topic.write_queue_nums = 2;
    REQUIRE(f.topics->update(topic));
    // The broker chooses among what may be written, and what is there can still be drained.
    for (int i = 0; i < 50; ++i) {
        const auto sent = f.send("T", "x", -1);
        CHECK(sent.code == ResponseCode::SUCCESS);
        CHECK(std::stoi(ext_value(sent, "queueId")) < 2);
    }
    CHECK(bodies_of(f.pull("g", "T", 3)) == Bodies{"in the last"});
    topic.read_queue_nums = 2;
    REQUIRE(f.topics->update(topic));
    CHECK(f.pull("g", "T", 3).code == ResponseCode::INVALID_PARAMETER);
    CHECK(f.pull("g", "T", 1).code != ResponseCode::INVALID_PARAMETER);
    // And more again: the queue comes back with what it had.
    topic.read_queue_nums = topic.write_queue_nums = 6;
    REQUIRE(f.topics->update(topic));
    CHECK(f.send("T", "new queue", 5).code == ResponseCode::SUCCESS);
    CHECK(bodies_of(f.pull("g", "T", 3)) == Bodies{"in the last"});
}

TEST_CASE("Slow consumers: a group too far behind is turned off where that is asked for",
          "[broker][pull][C-19]") {
    Fixture f;
    f.add_topic("T");
    CHECK(f.send("T", "first").code == ResponseCode::SUCCESS);
    CHECK(f.send("T", std::string(1000, 'x'), 1).code == ResponseCode::SUCCESS);
    f.join("g", "T");
    f.config.consumer_fallbehind_threshold = 1000;
    const auto look = [&f] {
        const auto code = f.pull("g", "T").code;
        f.slow_consumers.run_once();
        return code;
    };
    CHECK(look() == ResponseCode::SUCCESS);  // off: nobody is turned off
    f.config.disable_consume_if_consumer_read_slowly = true;
    CHECK(look() == ResponseCode::SUCCESS);
    const auto refused = f.pull("g", "T");
    CHECK(refused.code == ResponseCode::NO_PERMISSION);
    CHECK(refused.remark == "subscription group no permission, g");
    // Others go on, and so does who is near the end.
    f.join("h", "T");
    f.config.consumer_fallbehind_threshold = 1'000'000;
    CHECK(f.pull("h", "T").code == ResponseCode::SUCCESS);
    f.slow_consumers.run_once();
    CHECK(f.pull("h", "T").code == ResponseCode::SUCCESS);
}

TEST_CASE("Reading from slaves: pulls are pointed there only when slaveReadEnable says so",
          "[broker][pull][C-20]") {
    Fixture f;
    f.add_topic("T");
    CHECK(f.send("T", "a").code == ResponseCode::SUCCESS);
    f.join("g", "T");
    SubscriptionGroupConfig group = *f.groups->find("g");
    group.broker_id = 0;
    group.which_broker_when_consume_slowly = 7;
    REQUIRE(f.groups->update(group));
    CHECK(ext_value(f.pull("g", "T"), "suggestWhichBrokerId") == "0");
    f.config.slave_read_enable = true;
    CHECK(ext_value(f.pull("g", "T"), "suggestWhichBrokerId") == "0");  // caught up
    f.store_config.access_message_in_memory_max_ratio = 0;              // everything is cold
    CHECK(ext_value(f.pull("g", "T"), "suggestWhichBrokerId") == "7");
    f.store_config.broker_role = store::BrokerRole::SLAVE;
    CHECK(f.pull("g", "T").code == ResponseCode::SUCCESS);
    f.config.slave_read_enable = false;
    CHECK(f.pull("g", "T").code == ResponseCode::SYSTEM_BUSY);
}

TEST_CASE("Class filters: their codes of 4.x are not supported any more", "[broker][F-08]") {
    Fixture f;
    for (const int code : {301, 302}) {
        const auto answer = f.ask(f.client, static_cast<RequestCode>(code), {});
        CHECK(answer.code == ResponseCode::REQUEST_CODE_NOT_SUPPORTED);
        CHECK(answer.remark == " request type " + std::to_string(code) + " not supported");
    }
}
