// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/pop/pop_message.h"

#include "broker/pop/pop_queue_locks.h"
#include "broker/testing/pop_fixture.h"
#include "common/testing/catch.h"
#include "remoting/protocol/extra_info.h"

#include <algorithm>
#include <set>

using namespace rmq;
using namespace rmq::broker;
using namespace rmq::testing;

namespace {

std::vector<std::string> bodies(const std::vector<PoppedMessage>& messages) {
    std::vector<std::string> list;
    for (const auto& message : messages) {
        list.push_back(message.body);
    }
    return list;
}

using Bodies = std::vector<std::string>;

void put_numbered(PopFixture& f, int count, const std::string& topic = "T") {
    for (int i = 0; i < count; ++i) {
        f.put(topic, "m" + std::to_string(i));
    }
}

}  // namespace

TEST_CASE("pop: messages come once, with all that a handle is made of", "[broker][pop][P-01]") {
    PopFixture f;
    put_numbered(f, 5);
    const auto response =
        f.ask(RequestCode::POP_MESSAGE, PopFixture::pop_header({{"maxMsgNums", "3"}}));
    CHECK(response.code == ResponseCode::SUCCESS);
    CHECK(response.remark == "FOUND");
    const auto now = std::to_string(f.clock.now_ms());
    CHECK(ext_value(response, "popTime") == now);
    CHECK(ext_value(response, "invisibleTime") == "10000");
    CHECK(ext_value(response, "reviveQid") == "0");
    CHECK(ext_value(response, "restNum") == "2");
    CHECK(ext_value(response, "startOffsetInfo") == "0 0 0");
    CHECK(ext_value(response, "msgOffsetInfo") == "0 0 0,1,2");
    CHECK(bodies(f.popped(response)) == Bodies{"m0", "m1", "m2"});
    CHECK(bodies(f.pop()) == Bodies{"m3", "m4"});
    CHECK(f.pop().empty());
    CHECK(f.committed("T", 0) == 5);
}

TEST_CASE("pop: one pop reads all queues of a topic", "[broker][pop][P-01]") {
    PopFixture f;
    f.add_topic("T", 4);
    for (int i = 0; i < 8; ++i) {
        f.put("T", "m" + std::to_string(i), {}, i % 4);
    }
    auto all = bodies(f.pop());
    std::sort(all.begin(), all.end());
    CHECK(all == Bodies{"m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"});
    f.put("T", "wanted", {}, 2);
    f.put("T", "other", {}, 1);
    CHECK(bodies(f.pop({{"queueId", "2"}})) == Bodies{"wanted"});
}

TEST_CASE("pop: requests that cannot be served get the original's codes", "[broker][pop][P-01]") {
    PopFixture f;
    const auto code = [&](const PopFixture::Ext& changes) {
        return f.ask(RequestCode::POP_MESSAGE, PopFixture::pop_header(changes)).code;
    };
    CHECK(code({{"topic", "none"}}) == ResponseCode::TOPIC_NOT_EXIST);
    CHECK(code({{"maxMsgNums", "33"}}) == ResponseCode::INVALID_PARAMETER);
    CHECK(code({{"queueId", "1"}}) == ResponseCode::INVALID_PARAMETER);
    CHECK(code({{"exp", "a > "}, {"expType", "SQL92"}}) == ResponseCode::SUBSCRIPTION_PARSE_FAILED);
    CHECK(code({{"maxMsgNums", "many"}}) == ResponseCode::SYSTEM_ERROR);
    CHECK(code({{"bornTime", std::to_string(f.clock.now_ms() - 501)}}) ==
          ResponseCode::POLLING_TIMEOUT);
    CHECK(code({{"bornTime", "-9223372036854775808"}}) == ResponseCode::POLLING_TIMEOUT);
    f.store_config.timer_wheel_enable = false;
    CHECK(code({}) == ResponseCode::SYSTEM_ERROR);
    f.store_config.timer_wheel_enable = true;
    f.config.broker_permission = 2;
    CHECK(code({}) == ResponseCode::NO_PERMISSION);
    f.config.broker_permission = 6;
    f.config.auto_create_subscription_group = false;
    CHECK(code({{"consumerGroup", "x"}}) == ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST);
}

TEST_CASE("pop: a new group starts where the request says", "[broker][pop][P-09]") {
    PopFixture f;
    put_numbered(f, 3);
    SECTION("at the start") {
        CHECK(f.pop().size() == 3);
    }
    SECTION("a young queue in memory is read from its start in either mode") {
        CHECK(f.pop({{"initMode", "1"}}).size() == 3);
    }
    SECTION("at the end: the last one") {
        f.config.init_pop_offset_by_check_msg_in_mem = false;
        CHECK(bodies(f.pop({{"initMode", "1"}})) == Bodies{"m2"});
    }
}

TEST_CASE("pop: filters by tag and goes on over what does not match", "[broker][pop][F-07]") {
    PopFixture f;
    f.put("T", "a", "A");
    f.put("T", "b", "B");
    f.put("T", "c", "A");
    const auto response =
        f.ask(RequestCode::POP_MESSAGE, PopFixture::pop_header({{"exp", "A"}, {"expType", "TAG"}}));
    CHECK(bodies(f.popped(response)) == Bodies{"a", "c"});
    CHECK(ext_value(response, "msgOffsetInfo") == "0 0 0,2");
    f.put("T", "d", "B");
    CHECK(f.pop({{"exp", "A"}}).empty());
    CHECK(f.committed("T", 0) == 4);
}

TEST_CASE("pop: waits for a message, its own tag and its own time", "[broker][pop][P-04][F-07]") {
    PopFixture f;
    const auto wait = [&](const PopFixture::Ext& changes) {
        auto ext = PopFixture::pop_header(changes);
        ext["pollTime"] = "15000";
        f.send(RequestCode::POP_MESSAGE, ext);
    };
    SECTION("an arrival wakes it") {
        wait({});
        CHECK(f.replies().empty());
        f.put("T", "late");
        const auto replies = f.replies();
        REQUIRE(replies.size() == 1);
        CHECK(bodies(f.popped(replies[0])) == Bodies{"late"});
    }
    SECTION("another tag does not, but for each 800th message") {
        f.put("T", "first", "B");  // offset 0
        wait({{"exp", "A"}});
        f.put("T", "b", "B");
        CHECK(f.replies().empty());
        f.put("T", "a", "A");
        CHECK(f.replies().size() == 1);
    }
    SECTION("the end of its time") {
        wait({});
        f.pass_ms(14'900);
        CHECK(f.replies().empty());
        f.pass_ms(200);
        const auto replies = f.replies();
        REQUIRE(replies.size() == 1);
        CHECK(replies[0].code == ResponseCode::POLLING_TIMEOUT);
        CHECK(replies[0].remark == "NO_MESSAGE_IN_QUEUE");
    }
    SECTION("a closed connection drops it") {
        wait({});
        f.pops->on_connection_closed(*f.client);
        f.put("T", "late");
        CHECK(f.replies().empty());
        CHECK(bodies(f.pop()) == Bodies{"late"});
    }
    SECTION("one arrival wakes one of the group") {
        wait({});
        wait({});
        f.put("T", "one");
        CHECK(f.replies().size() == 1);
        f.put("T", "two");
        CHECK(f.replies().size() == 1);
    }
}

TEST_CASE("pop: waits are counted and bounded", "[broker][pop][P-04][P-08]") {
    PopFixture f;
    f.config.pop_polling_size = 1;
    const auto wait = [&](const char* queue_id) {
        f.send(RequestCode::POP_MESSAGE,
               PopFixture::pop_header({{"pollTime", "15000"}, {"queueId", queue_id}}));
        return f.replies();
    };
    const auto waiting = [&](const char* queue_id) {
        return ext_value(f.ask(RequestCode::POLLING_INFO,
                               {{"consumerGroup", "g"}, {"topic", "T"}, {"queueId", queue_id}}),
                         "pollingNum");
    };
    CHECK(waiting("-1") == "0");
    // One more than the setting, as in the original.
    CHECK(wait("-1").empty());
    CHECK(wait("-1").empty());
    CHECK(waiting("-1") == "2");
    const auto refused = wait("-1");
    REQUIRE(refused.size() == 1);
    CHECK(refused[0].code == ResponseCode::POLLING_FULL);
    CHECK(wait("0").empty());
    CHECK(waiting("0") == "1");
    f.config.max_pop_polling_size = 3;
    CHECK(wait("0").at(0).code == ResponseCode::POLLING_FULL);
}

TEST_CASE("pop: what is not in memory is read on a blocking thread", "[broker][pop][P-01]") {
    PopFixture f;
    put_numbered(f, 3);
    f.disk.is_cold = true;
    CHECK(bodies(f.pop()) == Bodies{"m0", "m1", "m2"});
}

TEST_CASE("pop: nothing is handed out that cannot be written down", "[broker][pop][P-01][P-06]") {
    PopFixture f;
    put_numbered(f, 3);
    f.disk.refuses_puts = true;
    CHECK(f.pop().empty());
    f.disk.refuses_puts = false;
    CHECK(f.pop().size() == 3);
}

TEST_CASE("pop: a queue with too many open messages gives no more", "[broker][pop][P-11]") {
    PopFixture f;
    f.config.enable_pop_message_threshold = true;
    f.config.pop_inflight_message_threshold = 1;
    put_numbered(f, 4);
    const auto first = f.pop({{"maxMsgNums", "2"}});
    CHECK(f.pop().empty());
    f.send(RequestCode::POP_MESSAGE, PopFixture::pop_header({{"pollTime", "15000"}}));
    CHECK(f.replies().empty());
    f.send(RequestCode::ACK_MESSAGE, {{"consumerGroup", "g"},
                                      {"topic", "T"},
                                      {"queueId", "0"},
                                      {"extraInfo", first[0].handle},
                                      {"offset", "0"}});
    const auto replies = f.replies();
    REQUIRE(replies.size() == 2);
    CHECK(bodies(f.popped(replies[1])) == Bodies{"m2", "m3"});
}

TEST_CASE("pop: queues of a priority topic are read in their order", "[broker][pop][M-20]") {
    PopFixture f;
    REQUIRE(f.topics->update({.topic_name = "T",
                              .read_queue_nums = 8,
                              .write_queue_nums = 8,
                              .attributes = {{"+message.type", "PRIORITY"}}}));
    Bodies all;
    for (int queue = 0; queue < 8; ++queue) {
        all.push_back("m" + std::to_string(queue));
        f.put("T", all.back(), {}, queue);
    }
    SECTION("the last one first") {
        std::reverse(all.begin(), all.end());
        CHECK(bodies(f.pop({{"maxMsgNums", "5"}})) == Bodies(all.begin(), all.begin() + 5));
        CHECK(bodies(f.pop()) == Bodies(all.begin() + 5, all.end()));
    }
    SECTION("the first one first") {
        f.config.priority_order_asc = false;
        CHECK(bodies(f.pop()) == all);
    }
    SECTION("and so are the queues of its retry topic") {
        f.config.use_separate_retry_queue = true;
        CHECK(f.pop().size() == 8);
        f.pass_ms(15'000);
        std::reverse(all.begin(), all.end());
        CHECK(bodies(f.pop()) == all);
    }
    SECTION("unless the group does not want it so") {
        SubscriptionGroupConfig group;
        group.group_name = "g";
        group.attributes = {{"+priority.factor", "0"}};
        REQUIRE(f.groups->update(group));
        for (int i = 0; i < 30; ++i) {
            f.put("T", "more", {}, 7);
        }
        std::set<std::int32_t> queues;
        for (int i = 0; i < 10; ++i) {
            queues.insert(f.pop({{"maxMsgNums", "1"}}).front().queue_id);
        }
        CHECK(queues.size() > 1);  // by chance, with one failure in a thousand million
    }
}

TEST_CASE("pop: a reset moves the next pop and frees the queue", "[broker][pop][C-15]") {
    PopFixture f;
    put_numbered(f, 4);
    const bool is_order = GENERATE(false, true);
    const PopFixture::Ext ext{{"order", is_order ? "true" : "false"}, {"maxMsgNums", "2"}};
    CHECK(f.pop(ext).size() == 2);
    f.offsets->assign_reset({"g", "T", 0}, 3);
    CHECK(bodies(f.pop(ext)) == Bodies{"m3"});
}

TEST_CASE("peek: shows messages without taking them", "[broker][pop][P-08]") {
    PopFixture f;
    put_numbered(f, 3);
    const auto peek = [&] {
        return f.ask(
            RequestCode::PEEK_MESSAGE,
            {{"topic", "T"}, {"queueId", "-1"}, {"maxMsgNums", "2"}, {"consumerGroup", "g"}});
    };
    CHECK(bodies(f.popped(peek())) == Bodies{"m0", "m1"});
    CHECK(ext_value(peek(), "restNum") == "3");
    f.pop();
    CHECK(peek().code == ResponseCode::PULL_NOT_FOUND);
}

TEST_CASE("notification: tells of messages at once or when they come",
          "[broker][pop][P-08][F-07]") {
    PopFixture f;
    const auto ask = [&](PopFixture::Ext changes) {
        PopFixture::Ext ext{{"consumerGroup", "g"},
                            {"topic", "T"},
                            {"queueId", "-1"},
                            {"bornTime", "0"},
                            {"pollTime", "0"}};
        ext.merge(changes);
        for (const auto& [key, value] : changes) {
            ext[key] = value;
        }
        f.send(RequestCode::NOTIFICATION, ext);
        return f.replies();
    };
    const auto has_msg = [](const std::vector<Response>& replies) {
        REQUIRE(replies.size() == 1);
        return ext_value(replies[0], "hasMsg") + ext_value(replies[0], "pollingFull");
    };
    CHECK(has_msg(ask({})) == "falsefalse");
    CHECK(ask({{"pollTime", "15000"}}).empty());
    f.put("T", "b", "B");
    CHECK(has_msg(f.replies()) == "truefalse");
    CHECK(has_msg(ask({{"exp", "A"}, {"expType", "TAG"}})) == "falsefalse");
    CHECK(has_msg(ask({{"exp", "B"}, {"expType", "TAG"}})) == "truefalse");
    f.pop();
    CHECK(has_msg(ask({})) == "falsefalse");
    CHECK(ask({{"pollTime", "5000"}}).empty());
    f.pass_ms(5000);
    CHECK(has_msg(f.replies()) == "falsefalse");
}

TEST_CASE("queue locks: who awaits the end of one is told, once", "[broker][pop][P-04]") {
    PopQueueLocks locks;
    std::vector<PopQueue> told;
    locks.set_contention_listener([&](const PopQueue& queue) { told.push_back(queue); });
    const PopQueue queue{"T", "g", 0};
    auto guard = locks.try_lock(queue);
    CHECK(guard);
    CHECK_FALSE(locks.try_lock(queue));
    CHECK(locks.try_lock({"T", "g", 1}));
    CHECK(locks.await(queue));
    guard.release();
    CHECK(told == std::vector{queue});
    CHECK_FALSE(locks.await(queue));
    CHECK(locks.try_lock(queue));
    CHECK(told.size() == 1);
}
