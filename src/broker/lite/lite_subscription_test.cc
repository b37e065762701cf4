// SPDX-License-Identifier: Apache-2.0
// Who gets which lite topics.
#include "broker/testing/lite_fixture.h"
#include "common/testing/catch.h"

#include <nlohmann/json.hpp>

#include <set>

using namespace rmq;
using namespace rmq::broker;
using namespace rmq::testing;
using nlohmann::json;

using Names = LiteFixture::Names;

namespace {

// The names of lite topics that clients were told they lost, in order.
Names lost(LiteFixture& f) {
    Names names;
    for (const auto& command : f.client->take_oneways()) {
        if (command.code == RequestCode::NOTIFY_UNSUBSCRIBE_LITE) {
            Response fields;
            fields.ext = command.ext;
            names.push_back(ext_value(fields, "clientId") + " " +
                            ext_value(fields, "consumerGroup") + " " +
                            ext_value(fields, "liteTopic"));
        }
    }
    return names;
}

std::int64_t subscription_count(LiteFixture& f) {
    return f.ask_json(RequestCode::GET_BROKER_LITE_INFO, {})["liteSubscriptionCount"];
}

}  // namespace

TEST_CASE("lite subscriptions: parts are added and removed, the whole is replaced",
          "[broker][lite][L-03]") {
    LiteFixture f;
    f.subscribe("c1", {"a", "b"});
    f.subscribe("c1", {"b", "c"});
    CHECK(subscription_count(f) == 3);
    f.subscribe("c1", {"a"}, "PARTIAL_REMOVE");
    CHECK(subscription_count(f) == 2);
    f.subscribe("c1", {"x", "b"}, "COMPLETE_ADD");
    CHECK(subscription_count(f) == 2);
    for (const auto* lite_topic : {"a", "b", "c", "x"}) {
        f.put_lite(lite_topic, lite_topic);
    }
    CHECK(f.bodies_of("c1") == Names{"b", "x"});
    f.subscribe("c1", {}, "COMPLETE_REMOVE");
    CHECK(subscription_count(f) == 0);
}

TEST_CASE("lite subscriptions: a client that comes late gets what is there",
          "[broker][lite][L-03]") {
    LiteFixture f;
    f.put_lite("a", "a0");
    CHECK(f.bodies_of("c1").empty());
    f.subscribe("c1", {"a"}, "COMPLETE_ADD");
    CHECK(f.bodies_of("c1") == Names{"a0"});
}

TEST_CASE("lite subscriptions: shared, a message goes to one client of each group",
          "[broker][lite][L-03]") {
    LiteFixture f;
    f.add_group("lg2", {});
    f.subscribe("c1", {"a"});
    f.subscribe("c2", {"a"});
    f.subscribe("c3", {"a"}, "PARTIAL_ADD", {{"group", "lg2"}});
    CHECK(lost(f).empty());
    f.put_lite("a", "a0");
    const auto c1 = f.bodies_of("c1");
    const auto c2 = f.bodies_of("c2");
    CHECK(c1.size() + c2.size() == 1);
    CHECK(f.bodies_of("c3", {{"consumerGroup", "lg2"}}) == Names{"a0"});
}

TEST_CASE("lite subscriptions: exclusive, the last client takes a lite topic from the others",
          "[broker][lite][L-03]") {
    LiteFixture f(LiteFixture::Ext{{"+lite.sub.model", "Exclusive"}});
    f.subscribe("c1", {"a"});
    f.subscribe("c2", {"a"});
    CHECK(lost(f) == Names{"c1 lg a"});
    f.put_lite("a", "a0");
    CHECK(f.bodies_of("c1").empty());
    CHECK(f.bodies_of("c2") == Names{"a0"});
    f.subscribe("c2", {"a"});  // again
    CHECK(lost(f).empty());
    CHECK(subscription_count(f) == 1);
}

TEST_CASE("lite subscriptions: a stolen lite topic begins anew when the group says so",
          "[broker][lite][L-04]") {
    LiteFixture f(LiteFixture::Ext{{"+lite.sub.model", "Exclusive"},
                                   {"+lite.sub.reset.offset.exclusive", "true"}});
    f.subscribe("c1", {"a"});
    f.put_lite("a", "a0");
    const auto first = f.pop_lite("c1");
    REQUIRE(first.size() == 1);
    f.ack_lite(first[0]);
    CHECK(f.bodies_of("c1").empty());
    f.subscribe("c2", {"a"});
    CHECK(f.bodies_of("c2") == Names{"a0"});
}

TEST_CASE("lite subscriptions: an unsubscribed lite topic begins anew when the group says so",
          "[broker][lite][L-04]") {
    for (const bool resets : {false, true}) {
        LiteFixture f(
            LiteFixture::Ext{{"+lite.sub.reset.offset.unsubscribe", resets ? "true" : "false"}});
        f.subscribe("c1", {"a"});
        f.put_lite("a", "a0");
        const auto first = f.pop_lite("c1");
        REQUIRE(first.size() == 1);
        f.ack_lite(first[0]);
        f.subscribe("c1", {"a"}, "PARTIAL_REMOVE");
        f.subscribe("c1", {"a"});
        CHECK(f.bodies_of("c1") == (resets ? Names{"a0"} : Names{}));
    }
}

TEST_CASE("lite subscriptions: a client says where it wants to begin", "[broker][lite][L-04]") {
    const auto bodies_from = [](const std::string& type, int value) {
        LiteFixture f;
        f.subscribe("c0", {"a"});
        for (int i = 0; i < 4; ++i) {
            f.put_lite("a", "a" + std::to_string(i));
        }
        for (const auto& message : f.pop_lite("c0")) {
            f.ack_lite(message);
        }
        f.subscribe("c0", {}, "COMPLETE_REMOVE");
        f.subscribe("c1", {"a"}, "PARTIAL_ADD",
                    {{"offsetOption", {{"type", type}, {"value", value}}}});
        return f.bodies_of("c1").size();
    };
    CHECK(bodies_from("POLICY", 0) == 0);
    CHECK(bodies_from("POLICY", 1) == 4);
    CHECK(bodies_from("POLICY", 2) == 0);
    CHECK(bodies_from("OFFSET", 3) == 1);
    CHECK(bodies_from("TAIL_N", 2) == 2);
    CHECK(bodies_from("TAIL_N", 9) == 4);
    CHECK(bodies_from("TIMESTAMP", 1) == 0);
}

TEST_CASE("lite subscriptions: a wildcard group gets every lite topic of the parent",
          "[broker][lite][L-04]") {
    LiteFixture f(LiteFixture::Ext{{"+lite.sub.wildcard", "true"}});
    f.put_lite("old", "o0");
    CHECK(f.subscribe("c1", {"x"}).code == ResponseCode::ILLEGAL_OPERATION);
    CHECK(f.subscribe("c1", {}, "COMPLETE_ADD").code == ResponseCode::SUCCESS);
    f.put_lite("a", "a0");
    f.put_lite("b", "b0");
    CHECK(f.bodies_of("c1") == Names{"a0", "b0"});
    // What was there before it joined comes with the next scan, to a client that is not silent.
    f.pass_ms(5'000);
    CHECK(f.bodies_of("c1").empty());
    f.pass_ms(6'000);
    const auto all = f.bodies_of("c1");
    CHECK(std::set<std::string>(all.begin(), all.end()) == std::set<std::string>{"a0", "b0", "o0"});
    const auto topic =
        f.ask_json(RequestCode::GET_LITE_TOPIC_INFO, {{"parentTopic", "P"}, {"liteTopic", "a"}});
    CHECK(topic["subscriber"] == json{{{"clientId", "*"}, {"group", "lg"}}});
}

TEST_CASE("lite subscriptions: the broker's quota is told by its code", "[broker][lite][L-03]") {
    LiteFixture f;
    f.config.max_lite_subscription_count = 2;
    CHECK(f.subscribe("c1", {"a", "b", "c"}).code == ResponseCode::SUCCESS);
    const auto refused = f.subscribe("c2", {"a"});
    CHECK(refused.code == ResponseCode::LITE_SUBSCRIPTION_QUOTA_EXCEEDED);
    CHECK(refused.remark ==
          "org.apache.rocketmq.broker.lite.LiteQuotaException: lite subscription quota exceeded 2");
    f.subscribe("c1", {"a", "b"}, "PARTIAL_REMOVE");
    CHECK(f.subscribe("c2", {"a"}).code == ResponseCode::SUCCESS);
}

TEST_CASE("lite subscriptions: a client whose events are too many gets the rest later",
          "[broker][lite][L-03]") {
    LiteFixture f(LiteFixture::Ext{{"+lite.sub.client.max.event.cnt", "10"}});
    Names lite_topics;
    for (int i = 10; i < 35; ++i) {
        lite_topics.push_back("l" + std::to_string(i));
    }
    f.subscribe("c1", lite_topics);
    for (const auto& name : lite_topics) {
        f.put_lite(name, name);
    }
    std::set<std::string> got;
    const auto consume = [&] {
        for (const auto& message : f.pop_lite("c1")) {
            got.insert(message.body);
            f.ack_lite(message);
        }
    };
    consume();
    CHECK(got.size() == 10);
    for (int turn = 0; turn < 12; ++turn) {
        f.pass_ms(5'000);
        consume();
    }
    CHECK(got.size() == lite_topics.size());
}

TEST_CASE("lite subscriptions: the events of a client that asks no more go to others",
          "[broker][lite][L-03]") {
    LiteFixture f;
    f.subscribe("c1", {"a"});
    f.put_lite("a", "a0");
    f.subscribe("c2", {"a"});
    Names got;
    for (int turn = 0; turn < 30 && got.empty(); ++turn) {
        got = f.bodies_of("c2");
        f.pass_ms(1'000);
    }
    CHECK(got == Names{"a0"});
}

TEST_CASE("lite subscriptions: a client is forgotten when it was not heard of",
          "[broker][lite][L-03]") {
    LiteFixture f;
    f.subscribe("c1", {"a"});
    f.clock.advance_ms(100'000);
    f.subscribe("c2", {"a"});
    f.clock.advance_ms(100'000);
    f.pass_ms(100);
    CHECK(subscription_count(f) == 1);
    f.put_lite("a", "a0");
    CHECK(f.bodies_of("c2") == Names{"a0"});
}

TEST_CASE("lite subscriptions: an administrator has all looked at again", "[broker][lite][L-05]") {
    LiteFixture f;
    f.subscribe("c1", {"a"});
    f.put_lite("a", "a0");
    REQUIRE(f.bodies_of("c1", {{"invisibleTime", "1"}}) == Names{"a0"});
    f.clock.advance_ms(10);
    CHECK(f.bodies_of("c1").empty());  // no event, as no timer ran
    const PopFixture::Ext group{{"group", "lg"}};
    CHECK(f.ask(RequestCode::TRIGGER_LITE_DISPATCH, group).code == ResponseCode::SUCCESS);
    CHECK(f.bodies_of("c1", {{"invisibleTime", "1"}}) == Names{"a0"});
    f.clock.advance_ms(10);
    const PopFixture::Ext client{{"group", "lg"}, {"clientId", "c1"}};
    CHECK(f.ask(RequestCode::TRIGGER_LITE_DISPATCH, client).code == ResponseCode::SUCCESS);
    CHECK(f.bodies_of("c1") == Names{"a0"});
}

TEST_CASE("lite subscriptions: without events, pops look at each lite topic in turn",
          "[broker][lite][L-03]") {
    LiteFixture f;
    f.config.enable_lite_event_mode = false;
    f.subscribe("c1", {"a", "b"});
    f.put_lite("a", "a0");
    f.put_lite("b", "b0");
    CHECK(f.bodies_of("c1", {{"maxMsgNum", "1"}}) == Names{"a0"});
    CHECK(f.bodies_of("c1") == Names{"b0"});
}

TEST_CASE("lite subscriptions: requests that are none are refused as the original does",
          "[broker][lite][L-03]") {
    LiteFixture f;
    const auto answer_of = [&](const std::string& body) {
        return f.ask(RequestCode::LITE_SUBSCRIPTION_CTL, {}, body).code;
    };
    CHECK(answer_of("") == ResponseCode::ILLEGAL_OPERATION);
    CHECK(answer_of("{}") == ResponseCode::ILLEGAL_OPERATION);
    CHECK(answer_of(R"({"subscriptionSet":[]})") == ResponseCode::ILLEGAL_OPERATION);
    CHECK(answer_of("not json") == ResponseCode::SYSTEM_ERROR);
    CHECK(f.subscribe("c1", {"a"}, "NO_ACTION").code == ResponseCode::SYSTEM_ERROR);
    CHECK(f.subscribe(" ", {"a"}).code == ResponseCode::SUCCESS);  // passed over
    CHECK(subscription_count(f) == 0);
    f.groups->disable_consume("lg");
    CHECK(f.subscribe("c1", {"a"}).code == ResponseCode::ILLEGAL_OPERATION);
}
