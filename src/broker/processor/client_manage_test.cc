// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/client_manage.h"

#include "broker/testing/client_fixture.h"
#include "common/testing/catch.h"

#include <algorithm>

using namespace rmq;
using namespace rmq::broker;
using namespace rmq::testing;

namespace {

struct Beat {
    std::string client_id = "c1";
    std::string group = "g";
    std::string topics = "T";  // one letter each
    std::int32_t fingerprint = 0;
    bool without_sub = false;
    std::string model = "CLUSTERING";
};

std::string body_of(const Beat& beat) {
    std::string subscriptions;
    for (const char topic : beat.without_sub ? std::string() : beat.topics) {
        subscriptions += subscriptions.empty() ? "" : ",";
        subscriptions +=
            R"({"classFilterMode":false,"codeSet":[],"expressionType":"TAG","subString":"*",)"
            R"("subVersion":1,"tagsSet":[],"topic":")";
        subscriptions += topic;
        subscriptions += R"("})";
    }
    return R"({"clientID":")" + beat.client_id +
           R"(","consumerDataSet":[{"consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","consumeType":)"
           R"("CONSUME_PASSIVELY","groupName":")" +
           beat.group + R"(","messageModel":")" + beat.model + R"(","subscriptionDataSet":[)" +
           subscriptions + R"(],"unitMode":false}],"heartbeatFingerprint":)" +
           std::to_string(beat.fingerprint) +
           R"(,"producerDataSet":[{"groupName":"CLIENT_INNER_PRODUCER"}],"withoutSub":)" +
           (beat.without_sub ? "true" : "false") + "}";
}

struct Fixture : ClientFixture {
    static Client connect() { return std::make_shared<FakeConnection>("10.1.2.3:4567"); }
    // Whether the answer wants the full form.
    bool beat(const Client& client, const Beat& beat = {}) {
        const auto response = ask(client, RequestCode::HEART_BEAT, {}, body_of(beat));
        CHECK(response.code == ResponseCode::SUCCESS);
        CHECK(ext_value(response, "IS_SUPPORT_HEART_BEAT_V2") == "true");
        return ext_value(response, "IS_SUB_CHANGE") == "true";
    }
    Response list(const std::string& group = "g") {
        return ask(admin, RequestCode::GET_CONSUMER_LIST_BY_GROUP, {{"consumerGroup", group}});
    }
    // How many notices that the group changed came since the last call.
    static int notices(const Client& client, const std::string& group = "g") {
        const auto oneways = client->take_oneways();
        for (const auto& notice : oneways) {
            CHECK(notice.code == RequestCode::NOTIFY_CONSUMER_IDS_CHANGED);
            CHECK(notice.ext.text() == "\"consumerGroup\":\"" + group + "\"");
        }
        return static_cast<int>(oneways.size());
    }
    Response offset_of(const ExtMap& changes = {}) {
        ExtMap ext{{"consumerGroup", "g"}, {"topic", "T"}, {"queueId", "0"}};
        for (const auto& [key, value] : changes) {
            ext[key] = value;
        }
        return ask(admin, RequestCode::QUERY_CONSUMER_OFFSET, ext);
    }
    Response commit(const std::string& offset, const ExtMap& changes = {}) {
        ExtMap ext{
            {"consumerGroup", "g"}, {"topic", "T"}, {"queueId", "0"}, {"commitOffset", offset}};
        for (const auto& [key, value] : changes) {
            ext[key] = value;
        }
        return ask(admin, RequestCode::UPDATE_CONSUMER_OFFSET, ext);
    }
};

}  // namespace

TEST_CASE("ClientManage: a heartbeat registers before it is answered and makes the retry topic",
          "[broker][client][C-06][C-13]") {
    Fixture f;
    const auto client = Fixture::connect();
    CHECK(f.beat(client));
    CHECK(f.list().body == R"({"consumerIdList":["c1"]})");
    CHECK(f.producers->is_online("CLIENT_INNER_PRODUCER"));
    CHECK(f.groups->contains("g"));
    const auto retry = f.topics->select("%RETRY%g");
    REQUIRE(retry);
    CHECK(retry->read_queue_nums == 1);
    CHECK(retry->write_queue_nums == 1);
    CHECK(retry->perm == 6);
    const auto member = f.consumers->find_channel("g", "c1");
    REQUIRE(member);
    CHECK(member->language == LanguageCode::kJava);
    CHECK(member->version == mq_version::kCurrent);
}

TEST_CASE("ClientManage: a silent client is dropped and closed after 120 s",
          "[broker][client][C-06]") {
    Fixture f;
    const auto silent = Fixture::connect();
    const auto loyal = Fixture::connect();
    f.beat(silent, {.client_id = "silent"});
    f.beat(loyal, {.client_id = "loyal"});
    f.clock.advance_ms(120'000);
    f.beat(loyal, {.client_id = "loyal"});
    f.consumers->scan_not_active_channels();
    f.producers->scan_not_active_channels();
    CHECK(silent->is_open());
    f.clock.advance_ms(1);
    f.consumers->scan_not_active_channels();
    f.producers->scan_not_active_channels();
    CHECK(!silent->is_open());
    CHECK(loyal->is_open());
    CHECK(f.list().body == R"({"consumerIdList":["loyal"]})");
    CHECK(f.producers->channels("CLIENT_INNER_PRODUCER").size() == 1);
}

TEST_CASE("ClientManage: unregistering or a closed connection takes a member away at once",
          "[broker][client][C-06][C-08]") {
    Fixture f;
    const auto one = Fixture::connect();
    const auto two = Fixture::connect();
    const auto three = Fixture::connect();
    f.beat(one, {.client_id = "1"});
    f.beat(two, {.client_id = "2"});
    f.beat(three, {.client_id = "3"});
    Fixture::notices(three);
    CHECK(f.ask(one, RequestCode::UNREGISTER_CLIENT,
                {{"clientID", "1"},
                 {"consumerGroup", "g"},
                 {"producerGroup", "CLIENT_INNER_PRODUCER"}})
              .code == ResponseCode::SUCCESS);
    CHECK(Fixture::notices(three) == 1);
    CHECK(f.producers->channels("CLIENT_INNER_PRODUCER").size() == 2);
    two->close("test");
    f.consumers->on_connection_closed(*two);
    f.producers->on_connection_closed(*two);
    CHECK(Fixture::notices(three) == 1);
    CHECK(f.list().body == R"({"consumerIdList":["3"]})");
    CHECK(f.producers->channels("CLIENT_INNER_PRODUCER").size() == 1);
    f.ask(three, RequestCode::UNREGISTER_CLIENT, {{"clientID", "3"}, {"consumerGroup", "g"}});
    const auto none = f.list();
    CHECK(none.code == ResponseCode::SYSTEM_ERROR);
    CHECK(none.remark == "no consumer for this group, g");
    CHECK(!f.consumers->is_online("g"));
}

TEST_CASE("ClientManage: members are told of every change of the group and of nothing else",
          "[broker][client][C-08]") {
    Fixture f;
    const auto one = Fixture::connect();
    const auto two = Fixture::connect();
    f.beat(one, {.client_id = "1"});
    CHECK(Fixture::notices(one) == 1);
    f.beat(one, {.client_id = "1"});
    CHECK(Fixture::notices(one) == 0);
    f.beat(two, {.client_id = "2"});
    CHECK(Fixture::notices(one) == 1);
    CHECK(Fixture::notices(two) == 1);
    auto ids = f.consumers->client_ids("g");
    std::sort(ids.begin(), ids.end());
    CHECK(ids == std::vector<std::string>{"1", "2"});
    f.beat(two, {.client_id = "2", .topics = "TU"});
    CHECK(Fixture::notices(one) == 1);
    f.beat(one, {.client_id = "1", .topics = "TU"});
    CHECK(Fixture::notices(one) == 0);
    f.beat(one, {.client_id = "1", .topics = "U"});
    CHECK(Fixture::notices(one) == 1);
}

TEST_CASE("ClientManage: notices can be turned off, for the broker and for a group",
          "[broker][client][C-08]") {
    Fixture f;
    const auto client = Fixture::connect();
    auto group = make_subscription_group("quiet");
    group.notify_consumer_ids_changed_enable = false;
    REQUIRE(f.groups->update(group));
    f.beat(client, {.group = "quiet"});
    f.beat(client, {.group = "everyone", .model = "BROADCASTING"});
    CHECK(client->take_oneways().empty());
    f.config.notify_consumer_ids_changed_enable = false;
    f.beat(client);
    CHECK(client->take_oneways().empty());
}

TEST_CASE("ClientManage: without realTimeNotifyConsumerChange notices are gathered",
          "[broker][client]") {
    Fixture f;
    f.config.real_time_notify_consumer_change = false;
    const auto one = Fixture::connect();
    const auto two = Fixture::connect();
    f.notifier->run_once();
    f.beat(one, {.client_id = "1"});
    f.beat(two, {.client_id = "2"});
    f.notifier->run_once();
    CHECK(Fixture::notices(one) == 0);
    f.clock.advance_ms(15'000);
    f.notifier->run_once();
    CHECK(Fixture::notices(one) == 1);
    CHECK(Fixture::notices(two) == 1);
    f.clock.advance_ms(15'000);
    f.notifier->run_once();
    CHECK(Fixture::notices(one) == 0);
}

TEST_CASE(
    "ClientManage: a heartbeat V2 without subscriptions keeps them; another print asks for "
    "the full form",
    "[broker][client][C-07]") {
    Fixture f;
    const auto one = Fixture::connect();
    const auto two = Fixture::connect();
    CHECK(!f.beat(one, {.fingerprint = 5}));
    CHECK(!f.beat(one, {.fingerprint = 5, .without_sub = true}));
    CHECK(f.consumers->find_subscription("g", "T").topic_known);
    CHECK(f.beat(two, {.client_id = "c2", .topics = "TU", .fingerprint = 6}));
    CHECK(f.consumers->find_subscription("g", "U").topic_known);
    CHECK(f.beat(one, {.fingerprint = 5, .without_sub = true}));
    CHECK(!f.beat(one, {.fingerprint = 5, .without_sub = true}));
    // A V1 heartbeat always wants to be the full form and counts as another print.
    CHECK(f.beat(two, {.client_id = "c2"}));
    CHECK(f.beat(one, {.fingerprint = 5, .without_sub = true}));
    // A member is refreshed and new members join without subscriptions, too.
    f.clock.advance_ms(120'000);
    f.beat(one, {.fingerprint = 5, .without_sub = true});
    f.clock.advance_ms(1);
    f.consumers->scan_not_active_channels();
    CHECK(f.list().body == R"({"consumerIdList":["c1"]})");
}

TEST_CASE("ClientManage: the short form of a group that has no members is not enough",
          "[broker][client][C-07]") {
    Fixture f;
    const auto client = Fixture::connect();
    const Beat full{.fingerprint = 5};
    const Beat brief{.fingerprint = 5, .without_sub = true};
    CHECK(f.beat(client, brief));  // as after a restart of the broker
    CHECK(!f.beat(client, full));
    CHECK(!f.beat(client, brief));
    f.clock.advance_ms(120'001);
    f.consumers->scan_not_active_channels();
    const auto again = Fixture::connect();
    CHECK(f.beat(again, brief));
    CHECK(!f.consumers->find_subscription("g", "T").topic_known);
    CHECK(!f.beat(again, full));
    CHECK(f.consumers->find_subscription("g", "T").topic_known);
}

TEST_CASE("ClientManage: heartbeats of C++ clients", "[broker][client][C-06]") {
    Fixture f;
    const auto client = Fixture::connect();
    const auto response =
        f.ask(client, RequestCode::HEART_BEAT, {},
              R"({"clientID":"cpp","consumerDataSet":[{"consumeFromWhere":4,"consumeType":1,)"
              R"("groupName":"g","messageModel":1,"subscriptionDataSet":[{"codeSet":["65"],)"
              R"("subString":"A","subVersion":"1700000000000","tagsSet":["A"],"topic":"T"}]}]})"
              "\n");
    CHECK(response.code == ResponseCode::SUCCESS);
    const auto group = f.consumers->group("g");
    REQUIRE(group);
    CHECK(group->consume_type == ConsumeType::CONSUME_PASSIVELY);
    CHECK(group->message_model == MessageModel::CLUSTERING);
    CHECK(group->consume_from_where == ConsumeFromWhere::CONSUME_FROM_FIRST_OFFSET);
    const auto subscription = f.consumers->find_subscription("g", "T");
    CHECK(subscription.sub_version == 1'700'000'000'000);
    CHECK(subscription.is_tag_type);
    CHECK(subscription.filter.matches(65));
    CHECK(!subscription.filter.matches(66));
    CHECK(!f.producers->is_online("CLIENT_INNER_PRODUCER"));
}

TEST_CASE("ClientManage: groups that may not be made are passed over", "[broker][client][M-05]") {
    Fixture f;
    const auto client = Fixture::connect();
    f.beat(client, {.group = "a.b"});
    f.beat(client, {.group = std::string(121, 'g')});
    CHECK(f.consumers->groups().empty());
    f.beat(client, {.group = std::string(120, 'g')});
    CHECK(f.consumers->groups().size() == 1);
    f.config.auto_create_subscription_group = false;
    f.beat(client);
    CHECK(!f.consumers->is_online("g"));
    CHECK(!f.topics->contains("%RETRY%g"));
}

TEST_CASE("ClientManage: bodies that are no heartbeat are an error", "[broker][client]") {
    Fixture f;
    const auto client = Fixture::connect();
    for (const char* body : {"", "x", "[]", R"({"consumerDataSet":[1]})"}) {
        CHECK(f.ask(client, RequestCode::HEART_BEAT, {}, body).code == ResponseCode::SYSTEM_ERROR);
        CHECK(f.ask(client, RequestCode::LOCK_BATCH_MQ, {}, body).code ==
              (std::string(body).starts_with("{") ? ResponseCode::SUCCESS
                                                  : ResponseCode::SYSTEM_ERROR));
        CHECK(f.ask(client, RequestCode::CHECK_CLIENT_CONFIG, {}, body).code ==
              ResponseCode::SYSTEM_ERROR);
    }
    CHECK(f.ask(client, RequestCode::UNREGISTER_CLIENT, {}).code == ResponseCode::SYSTEM_ERROR);
    CHECK(f.ask(client, RequestCode::UNREGISTER_CLIENT, {{"clientID", "c"}}).code ==
          ResponseCode::SUCCESS);
}

TEST_CASE("ClientManage: a client's expression is checked before it starts",
          "[broker][client][A-10][F-06]") {
    Fixture f;
    const auto check = [&f](const std::string& type, const std::string& text) {
        return f.ask(f.admin, RequestCode::CHECK_CLIENT_CONFIG, {},
                     R"({"clientId":"c","group":"g","subscriptionData":{"expressionType":")" +
                         type + R"(","subString":")" + text + R"(","topic":"T"}})");
    };
    CHECK(check("TAG", "A").code == ResponseCode::SUCCESS);
    CHECK(check("SQL92", "a > 1 AND b IN ('x')").code == ResponseCode::SUCCESS);
    const auto wrong = check("SQL92", "a > 'x'");
    CHECK(wrong.code == ResponseCode::SUBSCRIPTION_PARSE_FAILED);
    CHECK(wrong.remark.starts_with("Invalid MessageSelector. "));
    CHECK(check("CLASS", "A").code == ResponseCode::SUBSCRIPTION_PARSE_FAILED);
    f.config.enable_property_filter = false;
    const auto off = check("SQL92", "a > 1");
    CHECK(off.code == ResponseCode::SYSTEM_ERROR);
    CHECK(off.remark == "The broker does not support consumer to filter message by SQL92");
}

TEST_CASE("ConsumerManage: offsets are committed, moved back and asked for",
          "[broker][client][C-04]") {
    Fixture f;
    f.add_topic("T");
    f.groups->find("g");
    CHECK(f.commit("7").code == ResponseCode::SUCCESS);
    CHECK(ext_value(f.offset_of(), "offset") == "7");
    CHECK(f.commit("3").code == ResponseCode::SUCCESS);
    CHECK(ext_value(f.offset_of(), "offset") == "3");
    const auto other = f.offset_of({{"queueId", "1"}, {"setZeroIfNotFound", "false"}});
    CHECK(other.code == ResponseCode::QUERY_NOT_FOUND);
    const auto no_group = f.commit("1", {{"consumerGroup", "nobody"}});
    CHECK(no_group.code == ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST);
    CHECK(no_group.remark == "Group nobody not exist!");
    const auto no_topic = f.commit("1", {{"topic", "nothing"}});
    CHECK(no_topic.code == ResponseCode::TOPIC_NOT_EXIST);
    CHECK(no_topic.remark == "Topic nothing not exist!");
}

TEST_CASE("ConsumerManage: a new group starts at 0 while a queue's start is at hand",
          "[broker][client][C-05]") {
    Fixture f;
    f.add_topic("T");
    CHECK(ext_value(f.offset_of(), "offset") == "0");  // nothing was sent
    CHECK(f.offset_of({{"setZeroIfNotFound", "false"}}).code == ResponseCode::QUERY_NOT_FOUND);
    CHECK(f.offset_of({{"queueId", "99"}}).code == ResponseCode::QUERY_NOT_FOUND);
    CHECK(f.offset_of({{"queueId", "-1"}}).code == ResponseCode::QUERY_NOT_FOUND);
    CHECK(f.offset_of({{"topic", "none"}}).code == ResponseCode::QUERY_NOT_FOUND);
    f.put("T", 0);
    const auto start = f.offset_of();
    CHECK(start.code == ResponseCode::SUCCESS);
    CHECK(ext_value(start, "offset") == "0");
    const auto strict = f.offset_of({{"setZeroIfNotFound", "false"}});
    CHECK(strict.code == ResponseCode::QUERY_NOT_FOUND);
    CHECK(strict.remark == "Not found, do not set to zero, maybe this group boot first");
    CHECK(f.offset_of({{"setZeroIfNotFound", "true"}}).code == ResponseCode::SUCCESS);
    f.put("T", 0);
    f.store_config.access_message_in_memory_max_ratio = 0;
    const auto cold = f.offset_of();
    CHECK(cold.code == ResponseCode::QUERY_NOT_FOUND);
    CHECK(cold.remark == "Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first");
}

TEST_CASE("ConsumerManage: while a reset waits it is what counts, and commits have no effect",
          "[broker][client][C-15]") {
    Fixture f;
    f.add_topic("T");
    f.groups->find("g");
    f.commit("9");
    f.offsets->assign_reset({.group = "g", .topic = "T", .queue_id = 0}, 4);
    CHECK(ext_value(f.offset_of(), "offset") == "4");
    const auto ignored = f.commit("10");
    CHECK(ignored.code == ResponseCode::SUCCESS);
    CHECK(ignored.remark == "Offset has been previously reset");
    CHECK(ext_value(f.offset_of(), "offset") == "4");
    f.offsets->take_reset({.group = "g", .topic = "T", .queue_id = 0});
    CHECK(f.commit("5").remark.empty());
    CHECK(ext_value(f.offset_of(), "offset") == "5");
}

TEST_CASE("LockBatchMq: answers the queues that were won, for 60 s", "[broker][client][O-02]") {
    Fixture f;
    const auto body = [](const std::string& client, const std::string& queues) {
        return R"({"clientId":")" + client + R"(","consumerGroup":"g","mqSet":[)" + queues +
               R"(],"onlyThisBroker":false})";
    };
    const std::string queue0 = R"({"brokerName":"broker-a","queueId":0,"topic":"T"})";
    const std::string queue1 = R"({"brokerName":"broker-a","queueId":1,"topic":"T"})";
    // Without extFields, as Java 4.9 and Go send it.
    const auto lock = [&](const std::string& client, const std::string& queues) {
        const auto response = f.ask(f.admin, RequestCode::LOCK_BATCH_MQ, {}, body(client, queues));
        CHECK(response.code == ResponseCode::SUCCESS);
        return response.body;
    };
    CHECK(lock("c1", queue0) == R"({"lockOKMQSet":[)" + queue0 + "]}");
    CHECK(lock("c2", queue0 + "," + queue1) == R"({"lockOKMQSet":[)" + queue1 + "]}");
    CHECK(lock("c2", queue0) == R"({"lockOKMQSet":[]})");
    const auto unlocked = f.ask(f.admin, RequestCode::UNLOCK_BATCH_MQ, {}, body("c1", queue0));
    CHECK(unlocked.code == ResponseCode::SUCCESS);
    CHECK(unlocked.body.empty());
    CHECK(lock("c2", queue0) == R"({"lockOKMQSet":[)" + queue0 + "]}");
    f.clock.advance_ms(60'000);
    CHECK(lock("c1", queue0) == R"({"lockOKMQSet":[]})");
    f.clock.advance_ms(1);
    CHECK(lock("c1", queue0) == R"({"lockOKMQSet":[)" + queue0 + "]}");
}

TEST_CASE("LockBatchMq: in strict mode a majority of the replicas must give a lock",
          "[broker][client][O-03]") {
    Fixture f;
    f.store_config.total_replicas = 3;
    const std::string queue0 = R"({"brokerName":"broker-a","queueId":0,"topic":"T"})";
    const std::string queue1 = R"({"brokerName":"broker-a","queueId":1,"topic":"T"})";
    const auto ask = [&](RequestCode code, const std::string& client, bool only_this = false) {
        return f
            .ask(f.admin, code, {},
                 R"({"clientId":")" + client + R"(","consumerGroup":"g","mqSet":[)" + queue0 + "," +
                     queue1 + R"(],"onlyThisBroker":)" + (only_this ? "true}" : "false}"))
            .body;
    };
    const auto lock = [&](const std::string& client, bool only_this = false) {
        return ask(RequestCode::LOCK_BATCH_MQ, client, only_this);
    };
    const MessageQueue zero{.topic = "T", .broker_name = "broker-a", .queue_id = 0};
    f.replicas = {{"b:1", {zero}}, {"c:1", {}}};
    const std::string both = R"({"lockOKMQSet":[)" + queue0 + "," + queue1 + "]}";
    SECTION("off, this broker alone decides") {
        CHECK(lock("c1") == both);
        ask(RequestCode::UNLOCK_BATCH_MQ, "c1");
        CHECK(f.replicas_unlocked.empty());
    }
    f.config.lock_in_strict_mode = true;
    SECTION("two of three") {
        CHECK(lock("c1") == R"({"lockOKMQSet":[)" + queue0 + "]}");
        CHECK(lock("c2") == R"({"lockOKMQSet":[]})");
        ask(RequestCode::UNLOCK_BATCH_MQ, "c1");
        CHECK(f.replicas_unlocked == std::vector<std::string>{"b:1", "c:1"});
        CHECK(lock("c2") == R"({"lockOKMQSet":[)" + queue0 + "]}");
    }
    SECTION("a replica that asks is answered for this broker alone") {
        CHECK(lock("c1", true) == both);
        ask(RequestCode::UNLOCK_BATCH_MQ, "c1", true);
        CHECK(f.replicas_unlocked.empty());
    }
    SECTION("others that nobody knows give nothing") {
        f.replicas.clear();
        CHECK(lock("c1") == R"({"lockOKMQSet":[]})");
    }
    SECTION("one replica is its own majority") {
        f.store_config.total_replicas = 1;
        CHECK(lock("c1") == both);
    }
}
