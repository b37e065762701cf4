// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/pull_message.h"

#include "broker/testing/client_fixture.h"
#include "common/testing/catch.h"

#include <thread>

using namespace rmq;
using namespace rmq::broker;
using namespace rmq::testing;

namespace {

constexpr int kCommit = 1;
constexpr int kSuspend = 2;
constexpr int kSubscription = 4;

struct Fixture : ClientFixture {
    Fixture() {
        add_topic("T");
        subscribe("*");
    }

    void subscribe(const std::string& expression, const std::string& group = "g",
                   std::int64_t sub_version = 100) {
        groups->find(group);
        ConsumerData data;
        data.group_name = group;
        data.consume_type = ConsumeType::CONSUME_PASSIVELY;
        data.message_model = MessageModel::CLUSTERING;
        data.subscriptions.push_back(*build_subscription_data("T", expression));
        data.subscriptions.back().sub_version = sub_version;
        consumers->register_consumer(data, {.connection = client, .client_id = "c"}, false);
    }
    static ExtMap header(std::int64_t offset, int flags = 0, const ExtMap& changes = {}) {
        ExtMap ext{{"consumerGroup", "g"}, {"topic", "T"},
                   {"queueId", "0"},       {"queueOffset", std::to_string(offset)},
                   {"maxMsgNums", "32"},   {"sysFlag", std::to_string(flags)},
                   {"commitOffset", "0"},  {"suspendTimeoutMillis", "15000"},
                   {"subVersion", "100"},  {"expressionType", "TAG"}};
        for (const auto& [key, value] : changes) {
            ext[key] = value;
        }
        return ext;
    }
    Response pull(std::int64_t offset, int flags = 0, const ExtMap& changes = {}) {
        return ask(client, RequestCode::PULL_MESSAGE, header(offset, flags, changes));
    }
    // A pull that must be held.
    void hold(const Client& by, std::int64_t offset, const ExtMap& changes = {}) {
        request(by, RequestCode::PULL_MESSAGE, header(offset, kSuspend, changes));
        CHECK(by->take_replies().empty());
    }
    void put_tagged(const std::string& body, const std::string& tag) {
        put("T", 0, body, encode_pairs({"TAGS", tag}));
    }

    Client client = std::make_shared<FakeConnection>("10.1.2.3:4567");
};

using Bodies = std::vector<std::string>;

struct Bounds {
    std::string next, min, max;
    friend bool operator==(const Bounds&, const Bounds&) = default;
};
Bounds bounds_of(const Response& response) {
    CHECK(ext_value(response, "suggestWhichBrokerId") == "0");
    return {ext_value(response, "nextBeginOffset"), ext_value(response, "minOffset"),
            ext_value(response, "maxOffset")};
}

}  // namespace

TEST_CASE("PullMessage: messages come in order, with the queue's bounds", "[broker][pull][C-01]") {
    Fixture f;
    f.put("T", 0, "a");
    f.put("T", 0, "b");
    f.put("T", 1, "elsewhere");
    f.put("T", 0, "c");
    const auto all = f.pull(0);
    CHECK(all.code == ResponseCode::SUCCESS);
    CHECK(all.remark == "FOUND");
    CHECK(bodies_of(all) == Bodies{"a", "b", "c"});
    CHECK(bounds_of(all) == Bounds{"3", "0", "3"});
    CHECK(ext_value(all, "topicSysFlag") == "0");
    CHECK(ext_value(all, "groupSysFlag") == "0");
    const auto one = f.pull(1, 0, {{"maxMsgNums", "1"}});
    CHECK(bodies_of(one) == Bodies{"b"});
    CHECK(bounds_of(one) == Bounds{"2", "0", "3"});
    CHECK(bodies_of(f.ask(f.client, RequestCode::LITE_PULL_MESSAGE, Fixture::header(2))) ==
          Bodies{"c"});
}

TEST_CASE("PullMessage: at most 32 messages and 256 KiB at once, but at least one",
          "[broker][pull][C-01]") {
    Fixture f;
    for (int i = 0; i < 40; ++i) {
        f.put("T", 0, "small");
    }
    CHECK(bodies_of(f.pull(0, 0, {{"maxMsgNums", "1000"}})).size() == 32);
    const std::string large(100 * 1024, 'x');
    for (int i = 0; i < 4; ++i) {
        f.put("T", 1, large);
    }
    CHECK(bodies_of(f.pull(0, 0, {{"queueId", "1"}})).size() == 2);
    f.store_config.max_transfer_bytes_on_message_in_memory = 10;
    CHECK(bodies_of(f.pull(0, 0, {{"queueId", "1"}})).size() == 1);
}

TEST_CASE("PullMessage: offsets outside the queue are answered with the right one",
          "[broker][pull][C-03]") {
    Fixture f;
    const auto check = [&f](std::int64_t offset, ResponseCode code, const char* remark,
                            const Bounds& bounds) {
        const auto response = f.pull(offset);
        CHECK(response.code == code);
        CHECK(response.remark == remark);
        CHECK(bounds_of(response) == bounds);
    };
    // Nobody sent there yet.
    check(0, ResponseCode::PULL_NOT_FOUND, "NO_MATCHED_LOGIC_QUEUE", {"0", "0", "0"});
    check(5, ResponseCode::PULL_OFFSET_MOVED, "NO_MATCHED_LOGIC_QUEUE", {"0", "0", "0"});
    f.put("T", 0);
    f.put("T", 0);
    check(2, ResponseCode::PULL_NOT_FOUND, "OFFSET_OVERFLOW_ONE", {"2", "0", "2"});
    check(3, ResponseCode::PULL_OFFSET_MOVED, "OFFSET_OVERFLOW_BADLY", {"2", "0", "2"});
    check(-1, ResponseCode::PULL_OFFSET_MOVED, "OFFSET_TOO_SMALL", {"0", "0", "2"});
}

TEST_CASE("PullMessage: tags are filtered by their code, collisions are the client's matter",
          "[broker][pull][F-01]") {
    Fixture f;
    f.subscribe("Aa || C", "g", 200);
    f.put_tagged("1", "Aa");
    f.put_tagged("2", "B");
    f.put_tagged("3", "BB");  // the hash of Aa
    f.put("T", 0, "4");
    f.put_tagged("5", "C");
    const auto found = f.pull(0);
    CHECK(bodies_of(found) == Bodies{"1", "3", "5"});
    CHECK(bounds_of(found) == Bounds{"5", "0", "5"});
    const auto tail = f.pull(3);
    CHECK(bodies_of(tail) == Bodies{"5"});
    f.put_tagged("6", "B");
    const auto none = f.pull(5);
    CHECK(none.code == ResponseCode::PULL_RETRY_IMMEDIATELY);
    CHECK(none.remark == "NO_MATCHED_MESSAGE");
    CHECK(bounds_of(none) == Bounds{"6", "0", "6"});
    CHECK(none.slices.empty());
}

TEST_CASE("PullMessage: a subscription in the request needs no heartbeat", "[broker][pull][F-01]") {
    Fixture f;
    f.put_tagged("1", "A");
    f.put_tagged("2", "B");
    const auto with = [&f](const ExtMap& changes) {
        auto all = changes;
        all["consumerGroup"] = "lite";
        return f.pull(0, kSubscription, all);
    };
    CHECK(bodies_of(with({{"subscription", "B"}})) == Bodies{"2"});
    CHECK(bodies_of(with({{"subscription", "*"}})) == Bodies{"1", "2"});
    CHECK(bodies_of(with({})) == Bodies{"1", "2"});
    CHECK(f.consumers->subscription("lite", "T")->sub_string == "*");
    const auto broken = with({{"subscription", "||"}});
    CHECK(broken.code == ResponseCode::SUBSCRIPTION_PARSE_FAILED);
    CHECK(broken.remark == "parse the consumer's subscription failed");
}

TEST_CASE("PullMessage: the checks are made in the original's order with its words",
          "[broker][pull][C-14]") {
    Fixture f;
    const auto refused = [&f](ResponseCode code, std::string_view remark,
                              const char* forbidden_type = "", const ExtMap& changes = {}) {
        const auto response = f.pull(0, 0, changes);
        CHECK(response.code == code);
        CHECK(response.remark.substr(0, remark.size()) == remark);
        CHECK(ext_value(response, "forbiddenType") == forbidden_type);
    };
    refused(ResponseCode::SUBSCRIPTION_NOT_LATEST, "the consumer's subscription not latest", "",
            {{"subVersion", "101"}});
    f.add_topic("Other");
    refused(ResponseCode::SUBSCRIPTION_NOT_EXIST, "the consumer's subscription not exist\nSee ", "",
            {{"topic", "Other"}});
    f.groups->set_forbidden("g", "T", SubscriptionGroupManager::kReadIndex, true);
    refused(ResponseCode::NO_PERMISSION, "the consumer group[g] is forbidden for topic[T]", "5");
    refused(ResponseCode::SUBSCRIPTION_NOT_EXIST, "the consumer's group info not exist\nSee ", "",
            {{"consumerGroup", "offline"}});
    refused(ResponseCode::INVALID_PARAMETER,
            "queueId[2] is illegal, topic:[T] topicConfig.readQueueNums:[2] "
            "consumer:[/10.1.2.3:4567]",
            "", {{"queueId", "2"}});
    refused(ResponseCode::INVALID_PARAMETER, "queueId[-1] is illegal", "", {{"queueId", "-1"}});
    TopicConfig topic = *f.topics->select("T");
    topic.perm = 2;
    REQUIRE(f.topics->update(topic));
    refused(ResponseCode::NO_PERMISSION, "the topic[T] pulling message is forbidden", "3");
    refused(ResponseCode::TOPIC_NOT_EXIST, "topic[Gone] not exist, apply first please! ", "",
            {{"topic", "Gone"}});
    f.groups->disable_consume("g");
    refused(ResponseCode::NO_PERMISSION, "subscription group no permission, g", "2");
    f.config.auto_create_subscription_group = false;
    refused(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST, "subscription group [new] does not exist, ",
            "", {{"consumerGroup", "new"}});
    f.config.broker_permission = 2;
    refused(ResponseCode::NO_PERMISSION, "the broker[127.0.0.1] pulling message is forbidden", "1");
}

TEST_CASE("PullMessage: lite pulls and broadcasts can be turned off", "[broker][pull]") {
    Fixture f;
    f.config.lite_pull_message_enable = false;
    const auto lite = f.ask(f.client, RequestCode::LITE_PULL_MESSAGE, Fixture::header(0));
    CHECK(lite.code == ResponseCode::NO_PERMISSION);
    CHECK(lite.remark == "the broker[127.0.0.1] for lite pull consumer is forbidden");
    CHECK(ext_value(lite, "forbiddenType") == "1");
    ConsumerData data;
    data.group_name = "g";
    data.message_model = MessageModel::BROADCASTING;
    data.subscriptions.push_back(*build_subscription_data("T", "*"));
    f.consumers->register_consumer(data, {.connection = f.client, .client_id = "c"}, false);
    CHECK(f.pull(0).code == ResponseCode::PULL_NOT_FOUND);
    auto group = *f.groups->select("g");
    group.consume_broadcast_enable = false;
    REQUIRE(f.groups->update(group));
    const auto broadcast = f.pull(0);
    CHECK(broadcast.code == ResponseCode::NO_PERMISSION);
    CHECK(broadcast.remark == "the consumer group[g] can not consume by broadcast way");
    CHECK(ext_value(broadcast, "forbiddenType") == "4");
}

TEST_CASE("PullMessage: every member of a broadcasting group gets every message",
          "[broker][pull][C-11]") {
    Fixture f;
    ConsumerData data;
    data.group_name = "everyone";
    data.message_model = MessageModel::BROADCASTING;
    data.subscriptions.push_back(*build_subscription_data("T", "*"));
    f.put("T", 0, "news");
    for (const char* peer : {"10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"}) {
        const auto member = std::make_shared<FakeConnection>(peer);
        f.groups->find("everyone");
        f.consumers->register_consumer(data, {.connection = member, .client_id = peer}, true);
        const auto got =
            f.ask(member, RequestCode::PULL_MESSAGE,
                  Fixture::header(0, 0, {{"consumerGroup", "everyone"}, {"subVersion", "0"}}));
        CHECK(bodies_of(got) == Bodies{"news"});
        CHECK(member->take_oneways().empty());
    }
    // Where a member is, only the member knows.
    CHECK(f.offsets->query({.group = "everyone", .topic = "T", .queue_id = 0}) == -1);
}

TEST_CASE("PullMessage: a group is made by its first pull", "[broker][pull][C-13]") {
    Fixture f;
    f.pull(0, kSubscription, {{"consumerGroup", "fresh"}});
    CHECK(f.groups->contains("fresh"));
}

TEST_CASE("PullMessage: with rejectPullConsumerEnable only members of push groups pull",
          "[broker][pull][C-23]") {
    Fixture f;
    f.config.reject_pull_consumer_enable = true;
    CHECK(f.pull(0).code == ResponseCode::PULL_NOT_FOUND);
    const auto refused = f.pull(0, kSubscription, {{"consumerGroup", "stranger"}});
    CHECK(refused.code == ResponseCode::SUBSCRIPTION_NOT_EXIST);
    CHECK(refused.remark.starts_with(
        "the consumer's group info not exist, or the pull consumer is rejected by server."));
    CHECK(f.pull(0, kSubscription, {{"consumerGroup", "TOOLS_CONSUMER"}}).code ==
          ResponseCode::PULL_NOT_FOUND);
}

TEST_CASE("PullMessage: the commit flag stores an offset once, before any waiting",
          "[broker][pull][C-04]") {
    Fixture f;
    const GroupQueue queue{.group = "g", .topic = "T", .queue_id = 0};
    f.put("T", 0);
    f.pull(0, 0, {{"commitOffset", "1"}});
    CHECK(f.offsets->query(queue) == -1);
    f.pull(0, kCommit, {{"commitOffset", "1"}});
    CHECK(f.offsets->query(queue) == 1);
    CHECK(f.offsets->query_pull(queue) == 1);
    f.pull(0, kCommit, {{"commitOffset", "0"}});  // backwards is allowed
    CHECK(f.offsets->query(queue) == 0);

    f.request(f.client, RequestCode::PULL_MESSAGE,
              Fixture::header(1, kCommit | kSuspend, {{"commitOffset", "1"}}));
    CHECK(f.holds->size() == 1);
    CHECK(f.offsets->query(queue) == 1);
    f.offsets->commit(queue, 7);
    f.put("T", 0);
    CHECK(f.reply_to(f.client).code == ResponseCode::SUCCESS);
    CHECK(f.offsets->query(queue) == 7);  // the second pass does not commit
    CHECK(f.offsets->query_pull(queue) == 2);
}

TEST_CASE("PullMessage: a server-side reset is handed to the next pull", "[broker][pull][C-15]") {
    Fixture f;
    const GroupQueue queue{.group = "g", .topic = "T", .queue_id = 0};
    for (int i = 0; i < 3; ++i) {
        f.put("T", 0);
    }
    f.offsets->commit(queue, 3);
    f.offsets->assign_reset(queue, 1);
    const auto moved = f.pull(3, kSuspend);
    CHECK(moved.code == ResponseCode::PULL_OFFSET_MOVED);
    CHECK(moved.remark == "OFFSET_RESET");
    CHECK(bounds_of(moved) == Bounds{"1", "0", "3"});
    CHECK(bodies_of(f.pull(1)).size() == 2);
    CHECK(f.offsets->query(queue) == 1);
}

TEST_CASE("PullMessage: an empty pull waits only when it may", "[broker][pull][C-02]") {
    Fixture f;
    CHECK(f.pull(0).code == ResponseCode::PULL_NOT_FOUND);
    f.put("T", 0);
    CHECK(f.pull(5, kSuspend).code == ResponseCode::PULL_OFFSET_MOVED);
    CHECK(f.pull(0, kSuspend).code == ResponseCode::SUCCESS);
    f.hold(f.client, 1);
    CHECK(f.holds->size() == 1);
}

TEST_CASE("PullMessage: a held pull is answered by the message that it wants",
          "[broker][pull][C-02]") {
    Fixture f;
    f.subscribe("A", "g", 200);
    const auto other = std::make_shared<FakeConnection>("10.1.2.4:1");
    f.hold(f.client, 0);
    f.hold(other, 0, {{"queueId", "1"}});
    f.put_tagged("no", "B");
    f.run_io_tasks();
    CHECK(f.client->take_replies().empty());
    f.put_tagged("yes", "A");
    const auto woken = f.reply_to(f.client);
    CHECK(woken.code == ResponseCode::SUCCESS);
    CHECK(bodies_of(woken) == Bodies{"yes"});
    CHECK(bounds_of(woken) == Bounds{"2", "0", "2"});
    CHECK(other->take_replies().empty());
    CHECK(f.holds->size() == 1);
    f.put("T", 1, "other", encode_pairs({"TAGS", "A"}));
    CHECK(bodies_of(f.reply_to(other)) == Bodies{"other"});
}

TEST_CASE("PullMessage: the first message of a new queue wakes who waits for it",
          "[broker][pull][C-02]") {
    Fixture f;
    f.hold(f.client, 0);
    f.put("T", 0, "first");
    CHECK(bodies_of(f.reply_to(f.client)) == Bodies{"first"});
}

TEST_CASE("PullMessage: a held pull ends at its deadline with what the store says",
          "[broker][pull][C-02]") {
    Fixture f;
    f.hold(f.client, 0);
    f.clock.advance_ms(14'999);
    f.holds->run_once(0, 5'000);
    CHECK(f.client->take_replies().empty());
    f.clock.advance_ms(1);
    f.holds->run_once(0, 5'000);
    const auto expired = f.reply_to(f.client);
    CHECK(expired.code == ResponseCode::PULL_NOT_FOUND);
    CHECK(bounds_of(expired) == Bounds{"0", "0", "0"});
    CHECK(f.holds->size() == 0);
}

TEST_CASE("PullMessage: without longPollingEnable a pull waits shortPollingTimeMills",
          "[broker][pull][C-02]") {
    Fixture f;
    f.config.long_polling_enable = false;
    f.hold(f.client, 0);
    f.clock.advance_ms(999);
    f.holds->run_once(0, 5'000);
    CHECK(f.holds->size() == 1);
    f.clock.advance_ms(1);
    f.holds->run_once(0, 5'000);
    CHECK(f.reply_to(f.client).code == ResponseCode::PULL_NOT_FOUND);
}

TEST_CASE("PullMessage: wild suspend times neither wait for ever nor overflow", "[broker][pull]") {
    Fixture f;
    const auto other = std::make_shared<FakeConnection>("10.1.2.4:1");
    f.hold(f.client, 0, {{"suspendTimeoutMillis", "9223372036854775807"}});
    f.hold(other, 0, {{"suspendTimeoutMillis", "-9223372036854775808"}});
    f.holds->run_once(0, 5'000);
    CHECK(f.reply_to(other).code == ResponseCode::PULL_NOT_FOUND);
    CHECK(f.holds->size() == 1);
    f.clock.advance_ms(24 * 3'600'000LL);
    f.holds->run_once(0, 5'000);
    CHECK(f.reply_to(f.client).code == ResponseCode::PULL_NOT_FOUND);
}

TEST_CASE("PullMessage: what changed while a pull waited counts", "[broker][pull]") {
    Fixture f;
    f.hold(f.client, 0);
    f.groups->disable_consume("g");
    f.put("T", 0);
    CHECK(f.reply_to(f.client).code == ResponseCode::NO_PERMISSION);
}

TEST_CASE("PullMessage: the pulls of a closed connection are forgotten", "[broker][pull]") {
    Fixture f;
    const auto other = std::make_shared<FakeConnection>("10.1.2.4:1");
    f.hold(f.client, 0);
    f.hold(f.client, 0, {{"queueId", "1"}});
    f.hold(other, 0);
    f.holds->on_connection_closed(*f.client);
    CHECK(f.holds->size() == 1);
    f.put("T", 0);
    CHECK(f.reply_to(other).code == ResponseCode::SUCCESS);
    CHECK(f.client->take_replies().empty());
}

TEST_CASE("PullMessage: oneway pulls are not answered", "[broker][pull]") {
    Fixture f;
    f.put("T", 0);
    const auto ext = Fixture::header(0);
    FakeRequest(RequestCode::PULL_MESSAGE, {ext.begin(), ext.end()})
        .oneway()
        .send(f.client, [&f](const Request& request, Responder responder) {
            f.registry.dispatch(request, std::move(responder));
        });
    CHECK(f.client->take_replies().empty());
}

TEST_CASE("PullMessage: cold messages are read on a blocking thread", "[broker][pull][C-01]") {
    Fixture f;
    for (int i = 0; i < 20; ++i) {
        f.put("T", 0, std::to_string(i));
    }
    f.store_config.access_message_in_memory_max_ratio = 0;
    const auto cold = f.pull(0);
    CHECK(cold.code == ResponseCode::SUCCESS);
    CHECK(bodies_of(cold) == Bodies{"0", "1", "2", "3", "4", "5", "6", "7"});
    // Nothing cold matches, and then nothing at all: such a pull is held like any other.
    f.subscribe("A", "g", 200);
    CHECK(f.pull(0, kSuspend).code == ResponseCode::PULL_RETRY_IMMEDIATELY);
    f.hold(f.client, 20);
    f.put_tagged("warm", "A");
    CHECK(bodies_of(f.reply_to(f.client)) == Bodies{"warm"});
}

TEST_CASE("PullMessage: a slave refuses unless slaveReadEnable", "[broker][pull]") {
    Fixture f;
    f.store_config.broker_role = store::BrokerRole::SLAVE;
    const auto refused = f.pull(0);
    CHECK(refused.code == ResponseCode::SYSTEM_BUSY);
    CHECK(refused.remark == "[REJECTREQUEST]system busy, start flow control for a while");
}

TEST_CASE("PullMessage: no message is missed by who pulls again and again while they arrive",
          "[broker][pull][C-02][O-01]") {
    Fixture f;
    constexpr int kMessages = 1'000;
    std::thread sender([&f] {
        store::MessageToPut message;
        message.topic = "T";
        message.born_host = message.store_host = *parse_socket_address("127.0.0.1:5");
        for (int i = 0; i < kMessages; ++i) {
            const auto body = std::to_string(i);
            message.body = body;
            f.store->put_message(message);
        }
    });
    Bodies seen;
    std::int64_t offset = 0;
    while (seen.size() < kMessages) {
        const auto response = f.pull(offset, kSuspend, {{"maxMsgNums", "3"}});
        const auto bodies = bodies_of(response);
        if (response.code != ResponseCode::SUCCESS || bodies.empty()) {
            FAIL_CHECK("a held pull was woken for nothing: " << response.remark);
            break;
        }
        seen.insert(seen.end(), bodies.begin(), bodies.end());
        offset = std::stoll(ext_value(response, "nextBeginOffset"));
    }
    sender.join();
    REQUIRE(seen.size() == kMessages);
    for (int i = 0; i < kMessages; ++i) {
        CHECK(seen[static_cast<std::size_t>(i)] == std::to_string(i));
    }
}

namespace {

struct SqlFixture : Fixture {
    // A heartbeat of `member`, which subscribes to T by `expression`.
    Response heartbeat(const std::string& expression, std::int64_t version = 100) {
        const auto body =
            R"({"clientID":"c","consumerDataSet":[{"consumeType":"CONSUME_PASSIVELY","groupName":"s",)"
            R"("messageModel":"CLUSTERING","subscriptionDataSet":[{"topic":"T","subString":")" +
            expression + R"(","expressionType":"SQL92","subVersion":)" + std::to_string(version) +
            "}]}]}";
        groups->find("s");
        return ask(client, RequestCode::HEART_BEAT, {}, body);
    }
    void put_with(const std::string& body, const std::string& a) {
        put("T", 0, body, encode_pairs({"a", a}));
    }
    static ExtMap of_group(const ExtMap& changes = {}) {
        ExtMap ext{{"consumerGroup", "s"}};
        ext.insert(changes.begin(), changes.end());
        return ext;
    }
};

}  // namespace

TEST_CASE("PullMessage: a registered expression filters by properties",
          "[broker][pull][F-02][F-03]") {
    SqlFixture f;
    f.put_with("five", "5");
    f.put_with("ten", "10");
    f.put("T", 0, "none");
    f.put_with("seven", "7");
    REQUIRE(f.heartbeat("a BETWEEN 6 AND 10").code == ResponseCode::SUCCESS);
    const auto found = f.pull(0, 0, SqlFixture::of_group());
    CHECK(found.code == ResponseCode::SUCCESS);
    CHECK(bodies_of(found) == Bodies{"ten", "seven"});
    CHECK(bounds_of(found) == Bounds{"4", "0", "4"});
    // Everything examined was filtered away.
    REQUIRE(f.heartbeat("a = 99", 101).code == ResponseCode::SUCCESS);
    const auto none = f.pull(0, 0, SqlFixture::of_group());
    CHECK(none.code == ResponseCode::PULL_RETRY_IMMEDIATELY);
    CHECK(ext_value(none, "nextBeginOffset") == "4");
}

TEST_CASE("PullMessage: what heartbeats did not bring, or not yet, is told by code",
          "[broker][pull][F-06]") {
    SqlFixture f;
    REQUIRE(f.heartbeat("a >").code == ResponseCode::SUCCESS);
    const auto wrong = f.pull(0, 0, SqlFixture::of_group());
    CHECK(wrong.code == ResponseCode::FILTER_DATA_NOT_EXIST);
    CHECK(wrong.remark ==
          "The broker's consumer filter data is not exist!Your expression may be wrong!");
    REQUIRE(f.heartbeat("a > 1", 101).code == ResponseCode::SUCCESS);
    CHECK(f.pull(0, 0, SqlFixture::of_group()).code == ResponseCode::PULL_NOT_FOUND);
    const auto older = f.pull(0, 0, SqlFixture::of_group({{"subVersion", "102"}}));
    CHECK(older.code == ResponseCode::SUBSCRIPTION_NOT_LATEST);
    // The subscription is newer than the filter, which heartbeats of other members do not touch.
    ConsumerData data;
    data.group_name = "s";
    SubscriptionData newer;
    newer.topic = "T";
    newer.sub_string = "a > 1";
    newer.expression_type = kExpressionTypeSql92;
    newer.sub_version = 103;
    data.subscriptions.push_back(newer);
    f.consumers->register_consumer(data, {.connection = f.client, .client_id = "c"}, false);
    const auto stale = f.pull(0, 0, SqlFixture::of_group({{"subVersion", "103"}}));
    CHECK(stale.code == ResponseCode::FILTER_DATA_NOT_LATEST);
    CHECK(stale.remark == "the consumer's consumer filter data not latest");
}

TEST_CASE("PullMessage: expressions can be switched off", "[broker][pull][F-02]") {
    SqlFixture f;
    REQUIRE(f.heartbeat("a > 1").code == ResponseCode::SUCCESS);
    f.config.enable_property_filter = false;
    const auto registered = f.pull(0, 0, SqlFixture::of_group());
    CHECK(registered.code == ResponseCode::SYSTEM_ERROR);
    CHECK(registered.remark == "The broker does not support consumer to filter message by SQL92");
    const auto brought =
        f.pull(0, kSubscription, {{"subscription", "a > 1"}, {"expressionType", "SQL92"}});
    CHECK(brought.code == ResponseCode::SYSTEM_ERROR);
}

TEST_CASE("PullMessage: a request brings its own expression", "[broker][pull][F-02][F-06]") {
    SqlFixture f;
    f.put_with("five", "5");
    f.put_with("ten", "10");
    const auto pull = [&f](const std::string& expression, const std::string& type = "SQL92") {
        return f.pull(0, kSubscription, {{"subscription", expression}, {"expressionType", type}});
    };
    CHECK(bodies_of(pull("a > 5")) == Bodies{"ten"});
    for (const char* wrong : {"a >", "", "a ! 5"}) {
        const auto refused = pull(wrong);
        CHECK(refused.code == ResponseCode::SUBSCRIPTION_PARSE_FAILED);
        CHECK(refused.remark == "parse the consumer's subscription failed");
    }
    CHECK(pull("a > 5", "XPATH").code == ResponseCode::SUBSCRIPTION_PARSE_FAILED);
}

TEST_CASE("PullMessage: a held pull is woken by what its expression wants",
          "[broker][pull][F-02][C-02]") {
    SqlFixture f;
    REQUIRE(f.heartbeat("a > 5").code == ResponseCode::SUCCESS);
    f.hold(f.client, 0, SqlFixture::of_group());
    f.put_with("five", "5");
    f.run_until([&f] { return f.store->max_offset("T", 0).value == 1; });
    f.put_with("ten", "10");
    CHECK(bodies_of(f.reply_to(f.client)) == Bodies{"ten"});
}

TEST_CASE("PullMessage: tags and expressions of one group, topic by topic",
          "[broker][pull][F-01][F-02]") {
    SqlFixture f;
    f.add_topic("U");
    f.put_with("five", "5");
    f.put("U", 0, "red", encode_pairs({"TAGS", "red"}));
    f.put("U", 0, "blue", encode_pairs({"TAGS", "blue"}));
    f.groups->find("s");
    const std::string body =
        R"({"clientID":"c","consumerDataSet":[{"groupName":"s","subscriptionDataSet":[)"
        R"({"topic":"T","subString":"a > 5","expressionType":"SQL92","subVersion":100},)"
        R"({"topic":"U","subString":"blue","codeSet":[3027034],"subVersion":100}]}]})";
    REQUIRE(f.ask(f.client, RequestCode::HEART_BEAT, {}, body).code == ResponseCode::SUCCESS);
    CHECK(bodies_of(f.pull(0, 0, SqlFixture::of_group())).empty());
    CHECK(bodies_of(f.pull(0, 0, SqlFixture::of_group({{"topic", "U"}}))) == Bodies{"blue"});
}

TEST_CASE("PullMessage: a retry topic passes everything, unless filterSupportRetry says else",
          "[broker][pull][F-04]") {
    SqlFixture f;
    REQUIRE(f.heartbeat("a > 5").code == ResponseCode::SUCCESS);
    for (const char* a : {"5", "10"}) {
        f.put("%RETRY%s", 0, a, encode_pairs({"a", a, "RETRY_TOPIC", "T"}));
    }
    const auto pull = [&f](const char* expression, const char* type) {
        return bodies_of(f.pull(
            0, kSubscription,
            SqlFixture::of_group(
                {{"topic", "%RETRY%s"}, {"subscription", expression}, {"expressionType", type}})));
    };
    CHECK(pull("*", "TAG") == Bodies{"5", "10"});
    CHECK(pull("b IS NULL", "SQL92") == Bodies{"5", "10"});
    f.config.filter_support_retry = true;
    CHECK(pull("*", "TAG") == Bodies{"5", "10"});
    CHECK(pull("b IS NULL", "SQL92") == Bodies{"10"});
}
