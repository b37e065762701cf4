// SPDX-License-Identifier: Apache-2.0
#include "broker/pop/consumer_order_info_manager.h"

#include "broker/testing/pop_fixture.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"

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

struct Ordered : PopFixture {
    Ordered() {
        for (int i = 0; i < 6; ++i) {
            put("T", "m" + std::to_string(i));
        }
    }
    std::vector<PoppedMessage> take(const std::string& attempt, int count = 2) {
        return pop(
            {{"order", "true"}, {"attemptId", attempt}, {"maxMsgNums", std::to_string(count)}});
    }
};

}  // namespace

TEST_CASE("ordered pop: a queue gives nothing while an earlier message is open",
          "[broker][pop][O-05]") {
    Ordered f;
    const auto first = f.take("one");
    CHECK(bodies(first) == Bodies{"m0", "m1"});
    CHECK(first[0].handle.find(" 999 0 broker-a ") != std::string::npos);
    CHECK(f.take("two").empty());
    CHECK(f.take("").empty());
    CHECK(f.committed("T", 0) == 0);
    CHECK(f.ack(first[0]).code == ResponseCode::SUCCESS);
    CHECK(f.committed("T", 0) == 1);
    CHECK(f.take("two").empty());
    CHECK(f.ack(first[1]).code == ResponseCode::SUCCESS);
    CHECK(bodies(f.take("two")) == Bodies{"m2", "m3"});
}

TEST_CASE("ordered pop: the same attempt gets the same messages", "[broker][pop][O-05]") {
    Ordered f;
    CHECK(f.take("one").size() == 2);
    const auto again = f.take("one");
    CHECK(bodies(again) == Bodies{"m0", "m1"});
    // The first handles are void.
    f.clock.advance_ms(1);
    const auto third = f.take("one");
    CHECK(f.ack(again[0]).code == ResponseCode::SUCCESS);
    CHECK(f.committed("T", 0) == 0);
    CHECK(f.ack(third[0]).code == ResponseCode::SUCCESS);
    CHECK(f.committed("T", 0) == 1);
}

TEST_CASE("ordered pop: after its time a message comes again, counted, and wakes who waits",
          "[broker][pop][O-05][P-04]") {
    Ordered f;
    const auto first = f.take("one", 1);
    f.send(
        RequestCode::POP_MESSAGE,
        PopFixture::pop_header(
            {{"order", "true"}, {"attemptId", "two"}, {"maxMsgNums", "2"}, {"pollTime", "60000"}}));
    f.pass_ms(9900);
    CHECK(f.replies().empty());
    f.pass_ms(300);
    const auto replies = f.replies();
    REQUIRE(replies.size() == 1);
    CHECK(bodies(f.popped(replies[0])) == Bodies{"m0", "m1"});
    CHECK(ext_value(replies[0], "orderCountInfo") == "0 qo0%0 1;0 0 0");
    CHECK(ext_value(replies[0], "reviveQid") == "999");
    CHECK(f.disk.timers.empty());
}

TEST_CASE("ordered pop: an acknowledgement wakes who waits for the queue", "[broker][pop][O-05]") {
    Ordered f;
    const auto first = f.take("one", 1);
    f.send(
        RequestCode::POP_MESSAGE,
        PopFixture::pop_header(
            {{"order", "true"}, {"attemptId", "two"}, {"maxMsgNums", "1"}, {"pollTime", "60000"}}));
    CHECK(f.replies().empty());
    f.send(RequestCode::ACK_MESSAGE, {{"consumerGroup", "g"},
                                      {"topic", "T"},
                                      {"queueId", "0"},
                                      {"extraInfo", first[0].handle},
                                      {"offset", "0"}});
    const auto replies = f.replies();
    REQUIRE(replies.size() == 2);
    CHECK(bodies(f.popped(replies[1])) == Bodies{"m1"});
}

TEST_CASE("ordered pop: a changed invisible time moves the end of the block",
          "[broker][pop][O-05][P-03]") {
    Ordered f;
    const auto first = f.take("one", 1);
    const auto changed = f.change(first[0], 3000);
    CHECK(ext_value(changed, "invisibleTime") == "3000");
    CHECK(ext_value(changed, "popTime") == first[0].handle.substr(2, 13));
    f.pass_ms(2900);
    CHECK(f.take("two").empty());
    f.pass_ms(200);
    CHECK(bodies(f.take("two")) == Bodies{"m0", "m1"});
}

TEST_CASE("ordered pop: an offset that was not handed out is refused", "[broker][pop][O-05]") {
    Ordered f;
    const auto first = f.take("one", 1);
    CHECK(f.ack(first[0], {{"offset", "4"}}).code == ResponseCode::MESSAGE_ILLEGAL);
}

TEST_CASE("ordered pop: a restart keeps queues blocked", "[broker][pop][O-05]") {
    Ordered f;
    CHECK(f.take("one").size() == 2);
    f.persist();
    const auto text = read_file(f.dir.file("config/consumerOrderInfo.json"));
    REQUIRE(text);
    CHECK(text->find("\"oc\"") == std::string::npos);  // nothing was taken twice
    f.crash();
    CHECK(f.take("two").empty());
    f.pass_ms(10'100);
    CHECK(bodies(f.take("two")) == Bodies{"m0", "m1"});
}

TEST_CASE("ConsumerOrderInfoManager: reads the original's file and writes it alike",
          "[broker][pop][O-05]") {
    TempDir dir;
    ManualClock clock(2000);
    const auto path = dir.file("consumerOrderInfo.json");
    // As fastjson writes it: bare integer keys.
    REQUIRE(write_file(path, R"({"orderInfoCount":1,"orderedConsumptionLevel":"QUEUE","table":{)"
                             R"("T@g":{0:{"a":"x","cm":1,"i":3000,"l":1000,"o":[5,2],)"
                             R"("oc":{7:2},"ot":{7:9000},"popTime":1000}}}})"));
    ConsumerOrderInfoManager manager(path, clock);
    REQUIRE(manager.load());
    const PopQueue queue{"T", "g", 0};
    CHECK(manager.is_blocked(queue, "y", 0));
    CHECK_FALSE(manager.is_blocked(queue, "x", 0));
    CHECK(manager.take_freed().empty());
    clock.set_ms(9000);
    CHECK_FALSE(manager.is_blocked(queue, "y", 0));
    CHECK(manager.take_freed() == std::vector{queue});
    CHECK(manager.commit(queue, 7, 1000).next_offset == 8);
    REQUIRE(manager.run_once());
    CHECK(*read_file(path) ==
          R"({"orderInfoCount":1,"orderedConsumptionLevel":"QUEUE","table":{"T@g":{"0":{)"
          R"("a":"x","cm":3,"i":3000,"l":1000,"o":[5,2],"oc":{"7":2},"ot":{"7":9000},)"
          R"("popTime":1000}}}})");
}
