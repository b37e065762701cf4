// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/send_message.h"

#include "broker/testing/client_fixture.h"
#include "common/bytes.h"
#include "common/message/message_id.h"
#include "common/message/message_layout.h"
#include "common/message/message_properties.h"
#include "common/testing/catch.h"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

using namespace rmq;
using namespace rmq::testing;

namespace {

constexpr std::string_view kIllegal =
    "the message is illegal, maybe msg body or properties length not matched. msg body length "
    "limit 4194304B, msg properties length limit 32KB.";

// A V2 send to queue 1 of T, with some fields changed.
ExtMap v2(const ExtMap& changes = {}) {
    ExtMap ext{{"a", "pg"},    {"b", "T"},  {"c", "TBW102"}, {"d", "4"},  {"e", "1"},
               {"f", "0"},     {"g", "5"},  {"h", "9"},      {"i", ""},   {"j", "0"},
               {"k", "false"}, {"l", "16"}, {"m", "false"},  {"n", "b-a"}};
    for (const auto& [key, value] : changes) {
        ext[key] = value;
    }
    return ext;
}

ExtMap v1(const ExtMap& changes = {}) {
    ExtMap ext{{"producerGroup", "pg"},    {"topic", "T"},
               {"defaultTopic", "TBW102"}, {"defaultTopicQueueNums", "4"},
               {"queueId", "0"},           {"sysFlag", "0"},
               {"bornTimestamp", "5"},     {"flag", "0"},
               {"properties", ""},         {"reconsumeTimes", "0"},
               {"unitMode", "false"},      {"maxReconsumeTimes", "0"},
               {"batch", "false"}};
    for (const auto& [key, value] : changes) {
        ext[key] = value;
    }
    return ext;
}

std::string batch_part(std::string_view body, std::string_view properties, std::int32_t flag = 0) {
    std::string part(12, '\0');  // size, magic and crc are not looked at
    const auto add = [&part](auto number) {
        char bytes[sizeof number];
        store_be(bytes, number);
        part.append(bytes, sizeof number);
    };
    add(flag);
    add(static_cast<std::int32_t>(body.size()));
    part += body;
    add(static_cast<std::int16_t>(properties.size()));
    return part.append(properties);
}

struct Fixture : ClientFixture {
    explicit Fixture(const StoreSetup& setup = {}) : ClientFixture(setup) { add_topic("T", 4); }

    Response send(const ExtMap& changes = {}, std::string body = "body") {
        return ask(client, RequestCode::SEND_MESSAGE_V2, v2(changes), std::move(body));
    }

    Client client = std::make_shared<FakeConnection>("10.1.2.3:4567");
};

// A disk whose syncs wait, or fail, as the test wants.
class SlowDisk final : public store::FileOps {
public:
    int sync(const std::string& path, char* base, std::int64_t begin, std::int64_t end) override {
        std::unique_lock lock(mutex_);
        is_syncing_ = true;
        changed_.notify_all();
        changed_.wait(lock, [this] { return !is_stuck_; });
        return failure_ != 0 ? failure_ : FileOps::sync(path, base, begin, end);
    }
    void stick() {
        const std::lock_guard lock(mutex_);
        is_stuck_ = true;
        is_syncing_ = false;
    }
    void go_on(int failure = 0) {
        const std::lock_guard lock(mutex_);
        is_stuck_ = false;
        failure_ = failure;
        changed_.notify_all();
    }
    void wait_for_sync() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return is_syncing_; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_stuck_ = false;    // guarded by mutex_
    bool is_syncing_ = false;  // guarded by mutex_
    int failure_ = 0;          // guarded by mutex_
};

struct SyncFixture {
    ~SyncFixture() { disk.go_on(); }
    void request(const ExtMap& changes = {}) {
        f.request(f.client, RequestCode::SEND_MESSAGE_V2, v2(changes), "body");
    }

    SlowDisk disk;
    Fixture f{{.flush_disk_type = store::FlushDiskType::SYNC_FLUSH, .ops = &disk}};
};

}  // namespace

TEST_CASE("SendMessage: with SYNC_FLUSH the answer comes when the message is on disk",
          "[broker][send][flush][K-02]") {
    SyncFixture s;
    s.disk.stick();
    s.request();
    s.disk.wait_for_sync();
    CHECK(s.f.client->take_replies().empty());
    s.disk.go_on();
    const auto response = s.f.reply_to(s.f.client);
    CHECK(response.code == ResponseCode::SUCCESS);
    CHECK(ext_value(response, "queueOffset") == "0");
}

TEST_CASE("SendMessage: a message with WAIT=false is not waited for",
          "[broker][send][flush][M-27]") {
    SyncFixture s;
    s.disk.stick();
    s.request({{"i", encode_pairs({"WAIT", "false"})}});
    const auto replies = s.f.client->take_replies();
    REQUIRE(replies.size() == 1);
    CHECK(replies[0].response.code == ResponseCode::SUCCESS);
}

TEST_CASE("SendMessage: FLUSH_DISK_TIMEOUT counts as stored and carries the full header",
          "[broker][send][flush][K-02]") {
    SyncFixture s;
    s.f.store_config.sync_flush_timeout = 1;
    s.disk.stick();
    s.request();
    s.disk.wait_for_sync();
    s.f.clock.advance_ms(2);
    const auto late = s.f.reply_to(s.f.client);
    CHECK(late.code == ResponseCode::FLUSH_DISK_TIMEOUT);
    CHECK(ext_value(late, "msgId").size() == 32);
    CHECK(ext_value(late, "queueId") == "1");
    CHECK(ext_value(late, "queueOffset") == "0");
    CHECK(ext_value(late, "MSG_REGION") == "DefaultRegion");
    s.disk.go_on();
    CHECK(s.f.stored("T", 1, 0)->record.body == "body");
}

TEST_CASE("SendMessage: after a failed sync nothing is accepted any more",
          "[broker][send][flush]") {
    SyncFixture s;
    s.disk.stick();
    s.request();
    s.disk.wait_for_sync();
    s.disk.go_on(EIO);
    CHECK(s.f.reply_to(s.f.client).code == ResponseCode::SERVICE_NOT_AVAILABLE);
    s.disk.go_on();
    CHECK(s.f.send().code == ResponseCode::SERVICE_NOT_AVAILABLE);
}

TEST_CASE("SendMessage: codes 10 and 310 store and answer id, queue, offset, region and trace",
          "[broker][send][M-01]") {
    Fixture f;
    const auto first = f.send();
    CHECK(first.code == ResponseCode::SUCCESS);
    CHECK(first.remark.empty());
    CHECK(ext_value(first, "queueId") == "1");
    CHECK(ext_value(first, "queueOffset") == "0");
    CHECK(ext_value(first, "MSG_REGION") == "DefaultRegion");
    CHECK(ext_value(first, "TRACE_ON") == "true");

    const auto second = f.ask(f.client, RequestCode::SEND_MESSAGE, v1({{"queueId", "1"}}), "two");
    CHECK(second.code == ResponseCode::SUCCESS);
    CHECK(ext_value(second, "queueOffset") == "1");

    const auto stored = f.stored("T", 1, 1);
    CHECK(stored->record.body == "two");
    const auto id = ext_value(second, "msgId");
    CHECK(id.size() == 32);
    CHECK(id == make_offset_message_id(stored->record.store_host, stored->record.physical_offset));
    CHECK(ext_value(second, "transactionId") == stored->property("UNIQ_KEY"));
}

TEST_CASE("SendMessage: the header's fields are stored with the peer's and the broker's address",
          "[broker][send]") {
    Fixture f;
    f.send({{"f", "1"}, {"g", "1234567890123"}, {"h", "-7"}, {"j", "3"}});
    const auto stored = f.stored("T", 1, 0);
    CHECK(stored->record.topic == "T");
    CHECK(stored->record.queue_id == 1);
    CHECK(stored->record.sys_flag == sys_flag::kCompressed);
    CHECK(stored->record.born_timestamp == 1'234'567'890'123);
    CHECK(stored->record.flag == -7);
    CHECK(stored->record.reconsume_times == 3);
    CHECK(stored->record.born_host == *parse_socket_address("10.1.2.3:4567"));
    CHECK(stored->record.store_host == *parse_socket_address("127.0.0.1:10911"));
    CHECK(stored->record.store_timestamp == f.clock.now_ms());
}

TEST_CASE("SendMessage: oneway is stored and never answered, not even when refused",
          "[broker][send][M-01]") {
    Fixture f;
    const auto oneway = [&](const ExtMap& ext) {
        FakeRequest(RequestCode::SEND_MESSAGE_V2, {ext.begin(), ext.end()}, "quiet")
            .oneway()
            .send(f.client, [&](const Request& request, Responder responder) {
                f.registry.dispatch(request, std::move(responder));
            });
    };
    oneway(v2());
    oneway(v2({{"b", "bad topic"}}));
    CHECK(f.stored("T", 1, 0)->record.body == "quiet");
    CHECK(f.client->take_replies().empty());
}

TEST_CASE("SendMessage: properties travel, the broker's own are added once and POP_CK goes",
          "[broker][send][M-11][M-26]") {
    Fixture f;
    f.send(
        {{"i", encode_pairs({"KEYS", "k1 k2", "TAGS", "A", "UNIQ_KEY", "U1", "user", "x", "POP_CK",
                             "p", "MSG_REGION", "forged", "TRACE_ON", "no", "CLUSTER", "other"})}});
    const auto stored = f.stored("T", 1, 0);
    CHECK(decode_properties(stored->record.properties) ==
          std::map<std::string, std::string>{{"KEYS", "k1 k2"},
                                             {"TAGS", "A"},
                                             {"UNIQ_KEY", "U1"},
                                             {"user", "x"},
                                             {"MSG_REGION", "DefaultRegion"},
                                             {"TRACE_ON", "true"},
                                             {"CLUSTER", "DefaultCluster"}});
}

TEST_CASE("SendMessage: a missing UNIQ_KEY is made, unlike any other", "[broker][send]") {
    Fixture f;
    std::set<std::string> keys;
    for (int i = 0; i < 20; ++i) {
        const auto key = ext_value(f.send(), "transactionId");
        CHECK(key.size() == 32);
        CHECK(f.stored("T", 1, i)->property("UNIQ_KEY") == key);
        keys.insert(key);
    }
    CHECK(keys.size() == 20);
    CHECK(ext_value(f.send({{"i", encode_pairs({"UNIQ_KEY", "mine"})}}), "transactionId") ==
          "mine");
}

TEST_CASE("SendMessage: traceOn and regionId are answered and stored as configured",
          "[broker][send]") {
    Fixture f;
    f.config.trace_on = false;
    f.config.region_id = "Here";
    const auto response = f.send();
    CHECK(ext_value(response, "TRACE_ON") == "false");
    CHECK(ext_value(response, "MSG_REGION") == "Here");
    CHECK(f.stored("T", 1, 0)->property("TRACE_ON") == "false");
    CHECK(f.stored("T", 1, 0)->property("MSG_REGION") == "Here");
}

TEST_CASE("SendMessage: an unknown topic is made from TBW102 with the fewer queues and perm 6",
          "[broker][send][M-06]") {
    Fixture f;
    CHECK(f.send({{"b", "New"}}).code == ResponseCode::SUCCESS);
    const auto topic = f.topics->select("New");
    REQUIRE(topic);
    CHECK(topic->write_queue_nums == 4);
    CHECK(topic->read_queue_nums == 4);
    CHECK(topic->perm == 6);
    CHECK(f.send({{"b", "Wide"}, {"d", "100"}}).code == ResponseCode::SUCCESS);
    CHECK(f.topics->select("Wide")->write_queue_nums == 8);
}

TEST_CASE("SendMessage: with autoCreateTopicEnable off an unknown topic does not exist",
          "[broker][send][M-06]") {
    Fixture f;
    f.config.auto_create_topic_enable = false;
    const auto response = f.send({{"b", "New"}});
    CHECK(response.code == ResponseCode::TOPIC_NOT_EXIST);
    CHECK(response.remark ==
          "topic[New] not exist, apply first please!\nSee "
          "https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.");
    CHECK(ext_value(response, "MSG_REGION") == "DefaultRegion");
    CHECK(!f.topics->contains("New"));
    // Another default topic counts by its own inherit bit.
    CHECK(f.send({{"b", "New"}, {"c", "T"}}).code == ResponseCode::TOPIC_NOT_EXIST);
    CHECK(f.send({{"b", "New"}, {"c", "DefaultCluster"}}).code == ResponseCode::SUCCESS);
}

TEST_CASE("SendMessage: illegal topic names are refused with the original's words",
          "[broker][send][M-05]") {
    Fixture f;
    const auto refusal = [&f](const std::string& topic) {
        auto response = f.send({{"b", topic}});
        CHECK(response.code == ResponseCode::INVALID_PARAMETER);
        return response.remark;
    };
    CHECK(refusal(" ") == "The specified topic is blank.");
    CHECK(refusal("a.b") ==
          "The specified topic: a.b, contains illegal characters, allowing only "
          "^[%|a-zA-Z0-9_-]+$");
    const std::string most(127, 't');
    CHECK(refusal(most + "t") ==
          "The specified topic: " + most + "t, is longer than topic max length: 127");
    CHECK(f.send({{"b", most}}).code == ResponseCode::SUCCESS);
    CHECK(refusal("%RETRY%" + std::string(249, 'g'))
              .ends_with(", and it's longer than topic max length: 255"));
    CHECK(f.send({{"b", "%a|B-_9"}}).code == ResponseCode::SUCCESS);
}

TEST_CASE("SendMessage: topics of the broker itself cannot be sent to", "[broker][send][M-07]") {
    Fixture f;
    for (const std::string topic :
         {"SCHEDULE_TOPIC_XXXX", "RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRANS_OP_HALF_TOPIC",
          "TRANS_CHECK_MAX_TIME_TOPIC", "SELF_TEST_TOPIC", "OFFSET_MOVED_EVENT"}) {
        const auto response = f.send({{"b", topic}, {"e", "0"}});
        CHECK(response.code == ResponseCode::NO_PERMISSION);
        CHECK(response.remark == "Sending message to topic[" + topic + "] is forbidden.");
        CHECK(f.store->max_offset(topic, 0).value == 0);
    }
}

TEST_CASE("SendMessage: a broker without write permission refuses only ordered topics",
          "[broker][send][M-09]") {
    Fixture f;
    f.config.broker_permission = 4;
    CHECK(f.send().code == ResponseCode::SUCCESS);
    f.topics->mark_ordered({"T"});
    const auto response = f.send();
    CHECK(response.code == ResponseCode::NO_PERMISSION);
    CHECK(response.remark == "the broker[127.0.0.1] sending message is forbidden");
}

TEST_CASE("SendMessage: a topic's own write permission is left to the route", "[broker][send]") {
    Fixture f;
    TopicConfig topic = *f.topics->select("T");
    topic.perm = 4;
    REQUIRE(f.topics->update(topic));
    CHECK(f.send().code == ResponseCode::SUCCESS);
}

TEST_CASE("SendMessage: queueId below 0 is the broker's choice, one too large is refused",
          "[broker][send][M-10]") {
    Fixture f;
    TopicConfig topic = *f.topics->select("T");
    topic.read_queue_nums = 6;
    REQUIRE(f.topics->update(topic));
    CHECK(f.send({{"e", "5"}}).code == ResponseCode::SUCCESS);
    const auto refused = f.send({{"e", "6"}});
    CHECK(refused.code == ResponseCode::INVALID_PARAMETER);
    CHECK(refused.remark ==
          "request queueId[6] is illegal, TopicConfig [topicName=T, readQueueNums=6, "
          "writeQueueNums=4, perm=RW-, topicFilterType=SINGLE_TAG, topicSysFlag=0, order=false, "
          "attributes={}] Producer: 10.1.2.3:4567");
    std::set<std::string> chosen;
    for (int i = 0; i < 200; ++i) {
        chosen.insert(ext_value(f.send({{"e", "-1"}}), "queueId"));
    }
    CHECK(chosen == std::set<std::string>{"0", "1", "2", "3"});
}

TEST_CASE("SendMessage: the priority of a message is its queue", "[broker][send][M-20]") {
    Fixture f;
    using Seen = std::pair<std::string, std::string>;  // queue and stored priority
    const auto send = [&](std::string_view priority, std::string_view other = "user",
                          std::string_view value = "x") {
        const auto response =
            f.send({{"i", encode_pairs({"_SYS_MSG_PRIORITY_", priority, other, value})}});
        REQUIRE(response.code == ResponseCode::SUCCESS);
        const auto queue = ext_value(response, "queueId");
        const auto stored =
            f.stored("T", std::stoi(queue), std::stoll(ext_value(response, "queueOffset")));
        REQUIRE(stored);
        const auto kept = find_property(stored->record.properties, "_SYS_MSG_PRIORITY_");
        return Seen(queue, kept.value_or("none"));
    };
    CHECK(send("0") == Seen("0", "0"));
    CHECK(send("3") == Seen("3", "3"));
    CHECK(send("400") == Seen("3", "400"));
    CHECK(send("-1") == Seen("1", "-1"));
    CHECK(send("high") == Seen("1", "high"));
    // A message of another kind has no priority.
    CHECK(send("2", "__SHARDINGKEY", "s") == Seen("1", "none"));
    CHECK(send("2", "DELAY", "0") == Seen("1", "none"));
    CHECK(send("2", "TIMER_DELIVER_MS", "1") == Seen("1", "none"));
}

TEST_CASE("SendMessage: a message for a lite topic goes to that one's queue, too",
          "[broker][send][L-01]") {
    Fixture f;
    const auto queue_of = [&](std::string_view lite_topic) {
        const auto response = f.send({{"i", encode_pairs({"__LITE_TOPIC", lite_topic,
                                                          "INNER_MULTI_DISPATCH", "%LMQ%own"})}});
        REQUIRE(response.code == ResponseCode::SUCCESS);
        const auto stored = f.stored("T", 1, std::stoll(ext_value(response, "queueOffset")));
        REQUIRE(stored);
        CHECK(find_property(stored->record.properties, "__LITE_TOPIC").has_value() ==
              !lite_topic.empty());
        return std::string(
            find_property(stored->record.properties, "INNER_MULTI_DISPATCH").value_or("none"));
    };
    CHECK(queue_of("a") == "%LMQ%$T$a");
    CHECK(queue_of("") == "%LMQ%own");
}

TEST_CASE("SendMessage: body and properties have their limits", "[broker][send][M-04]") {
    Fixture f;
    const auto most = static_cast<std::size_t>(f.store_config.max_message_size.get());
    const auto refused = f.send({}, std::string(most + 1, 'x'));
    CHECK(refused.code == ResponseCode::MESSAGE_ILLEGAL);
    CHECK(refused.remark == kIllegal);
    f.store_config.max_message_size = 1000;
    CHECK(f.send({{"e", "2"}}, std::string(1000, 'x')).code == ResponseCode::SUCCESS);
    CHECK(f.send({{"e", "2"}}, std::string(1001, 'x')).code == ResponseCode::MESSAGE_ILLEGAL);
    f.store_config.max_message_size = static_cast<std::int32_t>(most);
    // 32 767 bytes are the whole string, with what the broker adds.
    const auto properties = encode_pairs({"UNIQ_KEY", "u", "user", std::string(32'500, 'x')});
    CHECK(f.send({{"i", properties}}).code == ResponseCode::SUCCESS);
    const auto stored = f.stored("T", 1, 0);
    const auto room = 32'767 - stored->record.properties.size();
    const auto full = encode_pairs({"UNIQ_KEY", "u", "user", std::string(32'500 + room, 'x')});
    CHECK(f.send({{"i", full}}).code == ResponseCode::SUCCESS);
    CHECK(f.stored("T", 1, 1)->record.properties.size() == 32'767);
    const auto over =
        f.send({{"i", encode_pairs({"UNIQ_KEY", "u", "user", std::string(32'501 + room, 'x')})}});
    CHECK(over.code == ResponseCode::MESSAGE_ILLEGAL);
    CHECK(over.remark == kIllegal);
    CHECK(f.send({}, "").code == ResponseCode::SYSTEM_ERROR);
}

TEST_CASE("SendMessage: a delay level moves the message to the schedule topic",
          "[broker][send][D-03]") {
    Fixture f;
    const auto response =
        f.send({{"i", encode_pairs({"DELAY", "3", "TIMER_DELAY_SEC", "60", "TIMER_DELAY_MS", "1",
                                    "TIMER_DELIVER_MS", "2"})}});
    CHECK(response.code == ResponseCode::SUCCESS);
    CHECK(ext_value(response, "queueId") == "1");  // the one that was asked for
    const auto stored = f.stored("SCHEDULE_TOPIC_XXXX", 2, 0);
    CHECK(stored->property("DELAY") == "3");
    CHECK(stored->property("REAL_TOPIC") == "T");
    CHECK(stored->property("REAL_QID") == "1");
    CHECK(stored->property("TIMER_DELAY_SEC").empty());
    CHECK(stored->property("TIMER_DELAY_MS").empty());
    CHECK(stored->property("TIMER_DELIVER_MS").empty());
    CHECK(f.store->max_offset("T", 1).value == 0);

    f.send({{"i", encode_pairs({"DELAY", "99"})}});
    CHECK(f.stored("SCHEDULE_TOPIC_XXXX", 17, 0)->property("DELAY") == "18");
    f.send({{"i", encode_pairs({"DELAY", "0"})}});
    CHECK(f.stored("T", 1, 0)->property("REAL_TOPIC").empty());
    CHECK(f.send({{"i", encode_pairs({"DELAY", "soon"})}}).code == ResponseCode::SYSTEM_ERROR);
}

TEST_CASE("SendMessage: a timer message that is due already is an ordinary one",
          "[broker][send][D-07]") {
    Fixture f;
    const auto now = f.clock.now_ms();
    CHECK(f.send({{"i", encode_pairs({"TIMER_DELIVER_MS", std::to_string(now)})}}).code ==
          ResponseCode::SUCCESS);
    CHECK(f.stored("T", 1, 0)->record.topic == "T");
}

TEST_CASE("SendMessage: timers to come are refused with timerWheelEnable=false",
          "[broker][send][D-04]") {
    Fixture f;
    f.store_config.timer_wheel_enable = false;
    const auto later = std::to_string(f.clock.now_ms() + 1);
    for (const auto& properties :
         {encode_pairs({"TIMER_DELIVER_MS", later}), encode_pairs({"TIMER_DELAY_SEC", "1"}),
          encode_pairs({"TIMER_DELAY_MS", "1"}), encode_pairs({"TIMER_DELAY_MS", "x"}),
          encode_pairs({"TIMER_DELAY_SEC", "9223372036854775807"})}) {
        const auto response = f.send({{"i", properties}});
        CHECK(response.code == ResponseCode::SYSTEM_ERROR);
        CHECK(response.remark ==
              "accurate timer message is not enabled, timerWheelEnable is false");
    }
    CHECK(f.store->max_offset("T", 1).value == 0);
}

TEST_CASE("SendMessage: rejectTransactionMessage refuses half messages", "[broker][send][T-06]") {
    Fixture f;
    f.config.reject_transaction_message = true;
    const auto response =
        f.send({{"f", "4"}, {"i", encode_pairs({"TRAN_MSG", "true", "PGROUP", "pg"})}});
    CHECK(response.code == ResponseCode::NO_PERMISSION);
    CHECK(response.remark == "the broker[127.0.0.1] sending transaction message is forbidden");
}

TEST_CASE("SendMessage: a retried half message of an old client is a delayed message",
          "[broker][send]") {
    Fixture f;
    CHECK(f.send({{"j", "1"}, {"i", encode_pairs({"TRAN_MSG", "true", "DELAY", "3"})}}).code ==
          ResponseCode::SUCCESS);
    CHECK(f.stored("SCHEDULE_TOPIC_XXXX", 2, 0)->property("REAL_TOPIC") == "T");
}

TEST_CASE("SendMessage: a retry goes on up to the maximum and to the dead letters beyond",
          "[broker][send][R-05]") {
    Fixture f;
    const auto retry = [&f](const std::string& times, const std::string& most,
                            std::int32_t version = mq_version::kCurrent) {
        return f.ask(f.client, RequestCode::SEND_MESSAGE_V2,
                     v2({{"b", "%RETRY%g"},
                         {"e", "0"},
                         {"j", times},
                         {"l", most},
                         {"i", encode_pairs({"DELAY", "5", "RETRY_TOPIC", "T", "UNIQ_KEY", "U"})}}),
                     "body", version);
    };
    CHECK(retry("3", "3").code == ResponseCode::SUCCESS);
    CHECK(f.stored("SCHEDULE_TOPIC_XXXX", 4, 0)->property("REAL_TOPIC") == "%RETRY%g");
    CHECK(!f.topics->contains("%DLQ%g"));

    CHECK(retry("4", "3").code == ResponseCode::SUCCESS);
    const auto dead = f.stored("%DLQ%g", 0, 0);
    CHECK(dead->record.reconsume_times == 4);
    CHECK(dead->property("RETRY_TOPIC") == "T");
    CHECK(dead->property("DLQ_ORIGIN_TOPIC") == "T");
    CHECK(dead->property("DLQ_ORIGIN_MESSAGE_ID") == "U");
    CHECK(dead->property("REAL_TOPIC").empty());
    CHECK(f.topics->select("%DLQ%g")->perm == 6);
    CHECK(f.topics->select("%DLQ%g")->write_queue_nums == 1);

    // Clients older than 3.4.9 have no say: the group's 16 count.
    CHECK(retry("4", "3", mq_version::kV3_4_9 - 1).code == ResponseCode::SUCCESS);
    CHECK(f.stored("SCHEDULE_TOPIC_XXXX", 4, 1)->record.reconsume_times == 4);
    CHECK(retry("17", "30", mq_version::kV3_4_9 - 1).code == ResponseCode::SUCCESS);
    CHECK(f.stored("%DLQ%g", 0, 1)->record.reconsume_times == 17);
}

TEST_CASE("SendMessage: a group that holds order locks sends its retries to the dead letters",
          "[broker][send][R-05]") {
    Fixture f;
    f.locks.try_lock_batch("g", {{"T", "broker-a", 0}}, "c1");
    const auto retry = [&f] {
        return f.send({{"b", "%RETRY%g"}, {"e", "0"}, {"i", encode_pairs({"RETRY_TOPIC", "T"})}});
    };
    CHECK(retry().code == ResponseCode::SUCCESS);
    CHECK(f.stored("%DLQ%g", 0, 0)->record.reconsume_times == 0);
    f.clock.advance_ms(60'001);
    CHECK(retry().code == ResponseCode::SUCCESS);
    CHECK(f.stored("%RETRY%g", 0, 0)->record.topic == "%RETRY%g");
}

TEST_CASE("SendMessage: a retry of a group that may not be made is refused", "[broker][send]") {
    Fixture f;
    f.config.auto_create_subscription_group = false;
    const auto response = f.send({{"b", "%RETRY%nobody"}, {"e", "0"}});
    CHECK(response.code == ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST);
    CHECK(response.remark.starts_with("subscription group not exist, nobody "));
}

TEST_CASE("SendMessage: a batch becomes messages of its own in one queue", "[broker][send][M-03]") {
    Fixture f;
    const auto body = batch_part("one", encode_pairs({"UNIQ_KEY", "U1", "TAGS", "A"}), 11) +
                      batch_part("", "", 12) + batch_part("three", "", 13);
    for (const auto code : {RequestCode::SEND_BATCH_MESSAGE, RequestCode::SEND_MESSAGE_V2}) {
        const auto at = f.store->max_offset("T", 1).value;
        const auto response = f.ask(f.client, code, v2({{"m", "true"}}), body);
        CHECK(response.code == ResponseCode::SUCCESS);
        CHECK(ext_value(response, "queueOffset") == std::to_string(at));
        std::string ids;
        const std::vector<std::string> bodies{"one", "", "three"};
        for (int i = 0; i < 3; ++i) {
            const auto stored = f.stored("T", 1, at + i);
            CHECK(stored->record.body == bodies[static_cast<std::size_t>(i)]);
            CHECK(stored->record.flag == 11 + i);
            ids += (i == 0 ? "" : ",") + make_offset_message_id(stored->record.store_host,
                                                                stored->record.physical_offset);
        }
        CHECK(ext_value(response, "msgId") == ids);
        CHECK(f.stored("T", 1, at)->property("UNIQ_KEY") == "U1");
        CHECK(f.stored("T", 1, at)->property("TAGS") == "A");
    }
}

TEST_CASE("SendMessage: a topic of batch queues keeps a batch as one record",
          "[broker][send][M-24]") {
    Fixture f;
    TopicConfig topic;
    topic.topic_name = "Batch";
    topic.attributes = {{"+queue.type", "BatchCQ"}};
    REQUIRE(f.topics->update(topic));
    const auto body = batch_part("one", "") + batch_part("two", "") + batch_part("three", "");
    // The count of the parts goes by their sizes in the original; here they are cut.
    const auto send = [&](std::string properties) {
        return f.ask(f.client, RequestCode::SEND_BATCH_MESSAGE,
                     v2({{"b", "Batch"}, {"e", "0"}, {"m", "true"}, {"i", std::move(properties)}}),
                     body);
    };
    const auto response = send(encode_pairs({"UNIQ_KEY", "U1"}));
    CHECK(response.code == ResponseCode::SUCCESS);
    CHECK(ext_value(response, "batchUniqId") == "U1");
    CHECK(ext_value(response, "queueOffset") == "0");
    const auto stored = f.stored("Batch", 0, 2);
    CHECK(stored->record.queue_offset.value == 0);
    CHECK(stored->record.body == body);
    CHECK(stored->record.sys_flag == (sys_flag::kInnerBatch | sys_flag::kNeedUnwrap));
    CHECK(stored->property("INNER_NUM") == "3");
    CHECK(stored->property("INNER_BASE") == "0");
    CHECK(stored->property("CLUSTER") == f.config.broker_cluster_name);
    CHECK(ext_value(response, "msgId") ==
          make_offset_message_id(stored->record.store_host, stored->record.physical_offset));
    CHECK(ext_value(send(encode_pairs({"UNIQ_KEY", "U2"})), "queueOffset") == "3");

    // Without a key of its own the batch becomes single messages, as in any topic.
    const auto old = send("");
    CHECK(ext_value(old, "batchUniqId").empty());
    CHECK(f.stored("Batch", 0, 7)->record.body == "two");
    // An inner batch has no place in other topics.
    CHECK(f.ask(f.client, RequestCode::SEND_MESSAGE_V2,
                v2({{"f", "192"}, {"i", encode_pairs({"INNER_NUM", "3"})}}), body)
              .code == ResponseCode::MESSAGE_ILLEGAL);
}

TEST_CASE("SendMessage: a batch takes no delay, transaction, retry topic or broken body",
          "[broker][send][M-03]") {
    Fixture f;
    const auto part = batch_part("one", "");
    const auto batch = [&f](ExtMap changes, std::string body) {
        changes["m"] = "true";
        return f.ask(f.client, RequestCode::SEND_BATCH_MESSAGE, v2(changes), std::move(body));
    };
    const auto is_illegal = [](const Response& response) {
        return response.code == ResponseCode::MESSAGE_ILLEGAL && response.remark == kIllegal;
    };
    CHECK(is_illegal(batch({{"i", encode_pairs({"DELAY", "1"})}}, part)));
    CHECK(is_illegal(batch({{"i", encode_pairs({"TIMER_DELAY_MS", "1"})}}, part)));
    CHECK(is_illegal(batch({{"f", "4"}}, part)));
    CHECK(is_illegal(batch({}, part + "x")));
    CHECK(is_illegal(batch({}, part.substr(0, part.size() - 1))));
    auto negative = part;
    store_be(negative.data() + 16, std::int32_t{-1});
    CHECK(is_illegal(batch({}, negative)));
    const auto retry = batch({{"b", "%RETRY%g"}, {"e", "0"}}, part);
    CHECK(retry.code == ResponseCode::MESSAGE_ILLEGAL);
    CHECK(retry.remark == "batch request does not support retry group %RETRY%g");
    const auto long_topic = "%RETRY%" + std::string(121, 'g');
    CHECK(batch({{"b", long_topic}, {"e", "0"}}, part).remark ==
          "message topic length too long 128");
    const auto most = static_cast<std::size_t>(f.store_config.max_message_size.get());
    CHECK(is_illegal(batch({}, part + batch_part(std::string(most, 'x'), ""))));
    CHECK(f.store->runtime().put_messages == 0);
}

TEST_CASE("SendMessage: nothing is accepted before startAcceptSendRequestTimeStamp",
          "[broker][send][M-16]") {
    Fixture f;
    const auto start = f.clock.now_ms() + 1;
    f.config.start_accept_send_request_time_stamp = start;
    const auto response = f.send();
    CHECK(response.code == ResponseCode::SYSTEM_ERROR);
    // The local time of 2023-11-14 22:13:20,001 UTC.
    CHECK_THAT(response.remark,
               Catch::Matches("broker unable to service, until 2023-11-1[45] [0-9:]{8},001"));
    f.clock.advance_ms(1);
    CHECK(f.send().code == ResponseCode::SUCCESS);
}

TEST_CASE("SendMessage: a slave and a store that was shut down refuse", "[broker][send]") {
    Fixture f;
    f.store_config.broker_role = store::BrokerRole::SLAVE;
    const auto slave = f.send();
    CHECK(slave.code == ResponseCode::SYSTEM_BUSY);
    CHECK(slave.remark == "[REJECTREQUEST]system busy, start flow control for a while");
    f.store_config.broker_role = store::BrokerRole::ASYNC_MASTER;
    f.store->shutdown();
    const auto closed = f.send();
    CHECK(closed.code == ResponseCode::SERVICE_NOT_AVAILABLE);
    CHECK(
        closed.remark.starts_with("service not available now. It may be caused by one of the "
                                  "following reasons: the broker's disk is full [CL: "));
}

TEST_CASE("SendMessage: headers that cannot be read are an error, not a crash", "[broker][send]") {
    Fixture f;
    auto missing = v2();
    missing.erase("b");
    for (const auto& ext :
         {ExtMap{}, missing, v2({{"e", "x"}}), v2({{"g", "99999999999999999999"}})}) {
        CHECK(f.ask(f.client, RequestCode::SEND_MESSAGE_V2, ext, "body").code ==
              ResponseCode::SYSTEM_ERROR);
    }
}

TEST_CASE("SendMessage: io threads that send to one queue share its offsets without a gap",
          "[broker][send][O-01]") {
    Fixture f;
    constexpr int kThreads = 3;
    constexpr int kSends = 200;
    std::vector<std::vector<std::int64_t>> offsets(kThreads);
    std::vector<std::thread> threads;
    for (auto& mine : offsets) {
        threads.emplace_back([&f, &mine] {
            const auto client = std::make_shared<FakeConnection>();
            const auto ext = v2({{"i", encode_pairs({"user", "x"})}});
            for (int i = 0; i < kSends; ++i) {
                const auto response =
                    FakeRequest(RequestCode::SEND_MESSAGE_V2, {ext.begin(), ext.end()}, "body")
                        .call(client, [&f](const Request& request, Responder responder) {
                            f.registry.dispatch(request, std::move(responder));
                        });
                mine.push_back(response ? std::stoll(ext_value(*response, "queueOffset")) : -1);
            }
        });
    }
    std::set<std::int64_t> all;
    for (int i = 0; i < kThreads; ++i) {
        const auto index = static_cast<std::size_t>(i);
        threads[index].join();
        CHECK(std::is_sorted(offsets[index].begin(), offsets[index].end()));
        all.insert(offsets[index].begin(), offsets[index].end());
    }
    CHECK(all.size() == kThreads * kSends);
    CHECK(*all.begin() == 0);
    CHECK(*all.rbegin() == kThreads * kSends - 1);
}

TEST_CASE("SendMessage: a compacted topic wants keys", "[broker][send]") {
    Fixture f;
    TopicConfig topic;
    topic.topic_name = "Compact";
    topic.attributes["+cleanup.policy"] = "COMPACTION";
    REQUIRE(f.topics->update(topic));
    const auto refused = f.send({{"b", "Compact"}});
    CHECK(refused.code == ResponseCode::MESSAGE_ILLEGAL);
    CHECK(refused.remark == "Required message key is missing");
    CHECK(f.send({{"b", "Compact"}, {"i", encode_pairs({"KEYS", "k"})}}).code ==
          ResponseCode::SUCCESS);
}
