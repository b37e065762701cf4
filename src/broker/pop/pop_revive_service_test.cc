// SPDX-License-Identifier: Apache-2.0
#include "broker/pop/pop_revive_service.h"

#include "broker/testing/pop_fixture.h"
#include "common/message/message_properties.h"
#include "common/testing/catch.h"

#include <random>
#include <set>

using namespace rmq;
using namespace rmq::broker;
using namespace rmq::testing;

namespace {

constexpr const char* kRetry = "%RETRY%g_T";
constexpr const char* kRevive = "rmq_sys_REVIVE_LOG_DefaultCluster";

std::set<std::string> bodies(const std::vector<PoppedMessage>& messages) {
    std::set<std::string> set;
    for (const auto& message : messages) {
        set.insert(message.body);
    }
    return set;
}

using Bodies = std::set<std::string>;

}  // namespace

TEST_CASE("PopCheckPoint: reads and writes what 5.5.0 writes", "[broker][pop][P-06]") {
    // Captured from the revive topic of the original, 5.5.0.
    const std::string point =
        R"({"bm":0,"bn":"broker-a","c":"g","d":[0,1,2],"it":3000,"n":3,"pt":1795286012930,"q":1,)"
        R"("reviveTime":1795286015930,"ro":0,"so":0,"sp":false,"t":"T"})";
    const auto parsed = parse_pop_check_point(point);
    REQUIRE(parsed);
    CHECK(encode(*parsed) == point);
    CHECK(unique_id(*parsed) == "T@1@0@g@1795286012930@broker-a@ck");
    const std::string ack =
        R"({"ao":0,"bn":"broker-a","c":"g","pt":1795286012930,"q":0,"so":0,"t":"T"})";
    CHECK(encode(*parse_ack_msg(ack, false)) == ack);
    CHECK(unique_id(*parse_ack_msg(ack, false)) == "T@0@0@g@1795286012930@broker-a@ack");
    const std::string batch = R"({"ao":-1,"aol":[1,2],"bn":"broker-a","c":"g",)"
                              R"("pt":1795286012930,"q":1,"so":0,"t":"T"})";
    CHECK(encode(*parse_ack_msg(batch, true)) == batch);
    // Old brokers: no differences, long names.
    const auto old = parse_pop_check_point(R"({"c":"g","t":"T","so":7,"n":3})");
    REQUIRE(old);
    CHECK(old->index_of(9) == 2);
    CHECK(old->index_of(10) == -1);
    CHECK(old->offset_at(1) == 8);
    CHECK(parse_ack_msg(R"({"ackOffset":4,"consumerGroup":"g"})", false)->ack_offset == 4);
    for (const auto* bad : {"", "[]", "{", R"({"n":33})", R"({"n":2,"d":[0]})", R"({"n":-1})",
                            R"({"so":9223372036854775807})", R"({"d":["x"]})"}) {
        CHECK_FALSE(parse_pop_check_point(bad));
    }
}

TEST_CASE("revive: what was not acknowledged comes back once more", "[broker][pop][P-05][P-06]") {
    PopFixture f;
    for (const auto* body : {"a", "b", "c", "d"}) {
        f.put("T", body, "tag");
    }
    const auto first = f.pop();
    CHECK(f.ack(first[0]).code == ResponseCode::SUCCESS);
    CHECK(f.ack(first[2]).code == ResponseCode::SUCCESS);
    f.pass_ms(9000);
    CHECK(f.disk.size(kRetry, 0) == 0);
    f.pass_ms(6000);
    REQUIRE(f.disk.size(kRetry, 0) == 2);
    const auto record = f.disk.record(kRetry, 0, 0);
    CHECK(record.body == "b");
    CHECK(record.reconsume_times == 1);
    CHECK(record.born_host.to_string() == "127.0.0.1:10911");
    CHECK(find_property(record.properties, "UNIQ_KEY") == "id-b");
    CHECK(find_property(record.properties, "TAGS") == "tag");
    CHECK(find_property(record.properties, "ORIGIN_GROUP") == "g");
    const auto first_pop = first[1].handle.substr(2, 13);
    CHECK(find_property(record.properties, "1ST_POP_TIME") == first_pop);
    CHECK(f.topics->select(kRetry)->read_queue_nums == 1);
    CHECK(f.committed(kRetry, 0) == 0);

    const auto second = f.pop();
    REQUIRE(bodies(second) == Bodies{"b", "d"});
    CHECK(second[0].topic == kRetry);
    CHECK(second[0].reconsume_times == 1);
    CHECK(f.ack(second[0]).code == ResponseCode::SUCCESS);
    f.pass_ms(15'000);
    const auto third = f.pop();
    REQUIRE(bodies(third) == Bodies{"d"});
    CHECK(third[0].reconsume_times == 2);
    CHECK(third[0].properties.at("1ST_POP_TIME") == first_pop);
    CHECK(f.ack(third[0]).code == ResponseCode::SUCCESS);
    f.pass_ms(60'000);
    CHECK(f.disk.size(kRetry, 0) == 3);
}

TEST_CASE("revive: a retried message wakes who waits for its topic", "[broker][pop][P-05][P-04]") {
    PopFixture f;
    f.put("T", "a");
    CHECK(f.pop().size() == 1);
    f.send(RequestCode::POP_MESSAGE, PopFixture::pop_header({{"pollTime", "60000"}}));
    f.pass_ms(20'000);
    const auto replies = f.replies();
    REQUIRE(replies.size() == 1);
    CHECK(bodies(f.popped(replies[0])) == Bodies{"a"});
}

TEST_CASE("revive: with useSeparateRetryQueue a message keeps its queue", "[broker][pop][M-20]") {
    PopFixture f;
    const auto pop_one = [&](std::int32_t queue) {
        f.put("T", "m" + std::to_string(queue), {}, queue);
        CHECK_FALSE(f.pop().empty());
        f.pass_ms(15'000);
    };
    pop_one(0);
    CHECK(f.topics->select(kRetry)->read_queue_nums == 1);
    f.config.use_separate_retry_queue = true;
    f.add_topic("T", 3);
    pop_one(2);
    CHECK(f.disk.record(kRetry, 2, 0).body == "m2");
    CHECK(f.topics->select(kRetry)->read_queue_nums == 3);
    CHECK(f.topics->select(kRetry)->write_queue_nums == 3);
    CHECK(f.committed(kRetry, 1) == 0);
    // Fewer queues now: what waits in the others stays readable.
    f.add_topic("T", 1);
    CHECK(bodies(f.pop()).contains("m2"));
    f.pass_ms(15'000);
    CHECK(f.disk.size(kRetry, 2) == 2);
    CHECK(f.topics->select(kRetry)->read_queue_nums == 3);
}

TEST_CASE("revive: names of retry topics follow enableRetryTopicV2", "[broker][pop][P-05]") {
    PopFixture f;
    f.config.enable_retry_topic_v2 = true;
    f.put("T", "a");
    CHECK(f.pop().size() == 1);
    f.pass_ms(15'000);
    CHECK(f.disk.size("%RETRY%g+T", 0) == 1);
    // One request in two looks into the old name.
    std::vector<PoppedMessage> again;
    for (int i = 0; i < 100 && again.empty(); ++i) {
        again = f.pop();
    }
    REQUIRE(again.size() == 1);
    CHECK(again[0].handle.find(" 2 broker-a ") != std::string::npos);
}

TEST_CASE("ack: wrong queues and offsets are refused, late ones are not", "[broker][pop][P-02]") {
    PopFixture f;
    f.put("T", "a");
    const auto popped = f.pop();
    CHECK(f.ack(popped[0], {{"queueId", "1"}}).code == ResponseCode::MESSAGE_ILLEGAL);
    CHECK(f.ack(popped[0], {{"topic", "none"}}).code == ResponseCode::TOPIC_NOT_EXIST);
    CHECK(f.ack(popped[0], {{"offset", "2"}}).code == ResponseCode::NO_MESSAGE);
    CHECK(f.ack(popped[0], {{"offset", "-1"}}).code == ResponseCode::NO_MESSAGE);
    CHECK(f.ack(popped[0], {{"extraInfo", "1 2 3"}}).code == ResponseCode::SYSTEM_ERROR);
    f.pass_ms(15'000);
    CHECK(f.ack(popped[0]).code == ResponseCode::SUCCESS);
    CHECK(f.ask(RequestCode::BATCH_ACK_MESSAGE, {}).code == ResponseCode::NO_MESSAGE);
    CHECK(f.ask(RequestCode::BATCH_ACK_MESSAGE, {}, R"({"acks":[]})").code ==
          ResponseCode::NO_MESSAGE);
    CHECK(f.ask(RequestCode::BATCH_ACK_MESSAGE, {}, "x").code == ResponseCode::SYSTEM_ERROR);
}

TEST_CASE("batch ack: the messages of its bits stay away", "[broker][pop][P-02]") {
    PopFixture f;
    for (const auto* body : {"a", "b", "c"}) {
        f.put("T", body);
    }
    const auto popped = f.pop();
    // Bits 0 and 2.
    const auto body = R"({"brokerName":"broker-a","acks":[{"c":"g","t":"T","r":"0","so":0,"q":0,)"
                      R"("rq":0,"pt":)" +
                      std::to_string(f.clock.now_ms()) + R"(,"it":10000,"b":"BQ=="}]})";
    CHECK(f.ask(RequestCode::BATCH_ACK_MESSAGE, {}, body).code == ResponseCode::SUCCESS);
    f.pass_ms(15'000);
    REQUIRE(f.disk.size(kRetry, 0) == 1);
    CHECK(f.disk.record(kRetry, 0, 0).body == "b");
}

TEST_CASE("change of the invisible time: the new time counts, the old handle is void",
          "[broker][pop][P-03]") {
    PopFixture f;
    f.put("T", "sooner");
    f.put("T", "later");
    auto popped = f.pop();
    const auto sooner = f.change(popped[0], 2000);
    CHECK(sooner.code == ResponseCode::SUCCESS);
    // Later than the pop, though no time has passed.
    CHECK(ext_value(sooner, "popTime") == std::to_string(f.clock.now_ms() + 1));
    CHECK(ext_value(sooner, "invisibleTime") == "2000");
    CHECK(ext_value(sooner, "reviveQid") == "0");
    const auto later = f.change(popped[1], 60'000);
    auto behind = popped[0];
    behind.offset = 2;
    CHECK(f.change(behind, 1).code == ResponseCode::NO_MESSAGE);
    f.pass_ms(8000);
    REQUIRE(f.disk.size(kRetry, 0) == 1);
    CHECK(f.disk.record(kRetry, 0, 0).body == "sooner");
    CHECK(f.ack(popped[1]).code == ResponseCode::SUCCESS);
    f.pass_ms(40'000);
    CHECK(f.disk.size(kRetry, 0) == 1);
    f.pass_ms(20'000);
    CHECK(f.disk.size(kRetry, 0) == 2);
}

TEST_CASE("revive: without its group or topic a message is forgotten", "[broker][pop][P-14]") {
    PopFixture f;
    f.put("T", "a");
    CHECK(f.pop().size() == 1);
    if (GENERATE(false, true)) {
        f.groups->remove("g");
    } else {
        f.topics->remove("T");
    }
    f.pass_ms(20'000);
    CHECK(f.disk.size(kRetry, 0) == 0);
    CHECK(f.committed(kRevive, 0, "CID_RMQ_SYS_REVIVE_GROUP") == 0);
}

TEST_CASE("revive: a message that cannot be put is tried again, later and later",
          "[broker][pop][P-06]") {
    PopFixture f;
    f.put("T", "a");
    CHECK(f.pop().size() == 1);
    f.disk.refuses_retries = true;
    f.pass_ms(15'000);
    REQUIRE(f.disk.timers.size() == 1);
    f.pass_ms(15'000);
    f.disk.refuses_retries = false;
    f.pass_ms(15'000);
    CHECK(f.disk.size(kRetry, 0) == 1);
    f.pass_ms(120'000);
    CHECK(f.disk.size(kRetry, 0) == 1);
    const auto again = parse_pop_check_point(f.disk.record(kRevive, 0, 1).body);
    REQUIRE(again);
    CHECK(again->re_put_times == "1");
    CHECK(again->invisible_time == 20'000);
}

TEST_CASE("revive: while the timer is behind nothing is taken for unacknowledged",
          "[broker][pop][P-06]") {
    PopFixture f;
    f.put("T", "a");
    const auto popped = f.pop();
    f.ack(popped[0]);
    f.pass_ms(9000);
    // The check point is out, its acknowledgement late.
    f.disk.is_current = false;
    f.clock.advance_ms(60'000);
    f.pops->run_revive_once();
    CHECK(f.disk.size(kRetry, 0) == 0);
    f.disk.is_current = true;
    f.pass_ms(10'000);
    CHECK(f.disk.size(kRetry, 0) == 0);
}

TEST_CASE("revive: no crash loses a message or brings one back for ever", "[broker][pop][P-06]") {
    const auto seed = GENERATE(range(0U, 8U));
    std::mt19937 random(1000 + seed);
    const auto below = [&](unsigned bound) { return random() % bound; };
    PopFixture f;
    f.config.enable_pop_buffer_merge = seed % 2 == 1;
    f.config.pop_from_retry_probability = 20;
    f.add_topic("T", 2);
    std::set<std::string> wanted;
    std::set<std::string> acked;
    int next = 0;
    const auto step = [&](bool may_fail) {
        for (const auto& message : f.pop({{"maxMsgNums", "4"}, {"invisibleTime", "8000"}})) {
            if (!may_fail || below(3) != 0) {
                CHECK(f.ack(message).code == ResponseCode::SUCCESS);
                acked.insert(message.body);
            } else if (below(2) == 0) {
                f.change(message, 3000);
            }
        }
        f.pass_ms(200);
    };
    for (int round = 0; round < 60; ++round) {
        const auto body = "m" + std::to_string(next++);
        wanted.insert(body);
        f.put("T", body, {}, static_cast<std::int32_t>(below(2)));
        step(true);
        if (below(4) == 0) {
            f.persist();
        }
        if (below(10) == 0) {
            f.crash();
        }
    }
    for (int round = 0; round < 600 && acked != wanted; ++round) {
        step(false);
    }
    CHECK(acked == wanted);
    for (int round = 0; round < 200; ++round) {
        step(false);
    }
    const auto retried = f.disk.size(kRetry, 0);
    f.pass_ms(60'000);
    CHECK(f.pop().empty());
    CHECK(f.disk.size(kRetry, 0) == retried);
}

TEST_CASE("buffer merge: acknowledged in memory never reaches the disk", "[broker][pop][P-10]") {
    PopFixture f;
    f.config.enable_pop_buffer_merge = true;
    for (const auto* body : {"a", "b", "c"}) {
        f.put("T", body);
    }
    const PopFixture::Ext long_pop{{"invisibleTime", "60000"}, {"maxMsgNums", "2"}};
    const auto popped = f.pop(long_pop);
    CHECK(f.disk.timers.empty());
    CHECK(f.committed("T", 0) == 0);
    CHECK(bodies(f.pop(long_pop)) == Bodies{"c"});  // behind what is on its way
    for (const auto& message : popped) {
        f.ack(message);
    }
    f.pass_ms(1000);
    CHECK(f.disk.timers.empty());
    CHECK(f.committed("T", 0) == 2);
    // The other one is stored after its time in memory.
    f.pass_ms(12'000);
    CHECK(f.disk.timers.size() == 1);
    CHECK(f.committed("T", 0) == 3);
    f.pass_ms(60'000);
    CHECK(f.disk.size(kRetry, 0) == 1);
}

TEST_CASE("buffer merge: a part acknowledged is stored with its acknowledgements",
          "[broker][pop][P-10]") {
    PopFixture f;
    f.config.enable_pop_buffer_merge = true;
    f.config.enable_pop_batch_ack = GENERATE(false, true);
    for (const auto* body : {"a", "b", "c"}) {
        f.put("T", body);
    }
    const auto popped = f.pop({{"invisibleTime", "30000"}});
    f.ack(popped[0]);
    f.ack(popped[2]);
    if (GENERATE(false, true)) {
        f.pops->stop();  // a stop stores what is in memory
        CHECK(f.disk.timers.empty());
    }
    f.pass_ms(12'000);
    CHECK(f.disk.timers.size() == (f.config.enable_pop_batch_ack ? 2U : 3U));
    f.pass_ms(30'000);
    REQUIRE(f.disk.size(kRetry, 0) == 1);
    CHECK(f.disk.record(kRetry, 0, 0).body == "b");
}
