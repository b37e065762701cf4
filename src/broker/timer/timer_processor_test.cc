// SPDX-License-Identifier: Apache-2.0
#include "broker/timer/timer_processor.h"

#include "broker/testing/client_fixture.h"
#include "common/bytes.h"
#include "common/message/message_properties.h"
#include "common/testing/catch.h"
#include "remoting/protocol/body/json_fields.h"

#include <nlohmann/json.hpp>

#include <string>

using namespace rmq;
using namespace rmq::broker;
using rmq::testing::ClientFixture;
using rmq::testing::encode_pairs;
using rmq::testing::ext_value;

namespace {

// The whole way of a timer message over a real store, with a clock moved by hand.
struct Fixture : ClientFixture {
    store::FileOps ops;
    TimerMessageStore timers{make_timer_store(*store), store_config, clock, ops};
    TimerProcessor timer_processor{{.config = config,
                                    .store_config = store_config,
                                    .clock = clock,
                                    .store = *store,
                                    .topics = *topics,
                                    .stats = stats,
                                    .schedule = schedule,
                                    .timers = timers,
                                    .store_host = {}}};
    AdminQueue queue = admin_queue();
    Client client = std::make_shared<rmq::testing::FakeConnection>();

    Fixture() {
        REQUIRE(timers.load());
        timer_processor.register_in(registry, queue);
        add_topic("T");
        clock.set_ms(clock.now_ms() / 1000 * 1000 + 250);
    }
    // Its recall handle.
    std::string send_in(const std::string& id, std::int64_t delay_ms) {
        const auto response =
            ask(client, RequestCode::SEND_MESSAGE_V2,
                {{"a", "pg"},
                 {"b", "T"},
                 {"c", "TBW102"},
                 {"d", "4"},
                 {"e", "1"},
                 {"f", "0"},
                 {"g", "1"},
                 {"h", "0"},
                 {"i", encode_pairs({"UNIQ_KEY", id, "KEYS", "k1 key-" + id, "TIMER_DELAY_MS",
                                     std::to_string(delay_ms)})}},
                "body-" + id);
        REQUIRE(response.code == ResponseCode::SUCCESS);
        return std::string(ext_value(response, "recallHandle"));
    }
    Response recall(const std::string& handle, const std::string& topic = "T") {
        return ask(client, RequestCode::RECALL_MESSAGE,
                   {{"producerGroup", "pg"}, {"topic", topic}, {"recallHandle", handle}});
    }
    // Everything that was put so far can be read and is indexed, and the timer has seen it.
    void settle() {
        const auto is_dispatched = [this] { return store->runtime().dispatch_behind_bytes == 0; };
        run_until(is_dispatched);
        while (timers.run_once() == 0) {
        }
        run_until(is_dispatched);
    }
    void advance(std::int64_t ms) {
        settle();
        clock.advance_ms(ms);
        settle();
    }
    nlohmann::json admin_json(RequestCode code, Ext ext) {
        const auto response = call(code, std::move(ext));
        REQUIRE(response.code == ResponseCode::SUCCESS);
        return *parse_body_json(response.body);
    }
    std::string cancel(const std::string& key) {
        const auto answer =
            admin_json(RequestCode::CANCEL_TIMER_MESSAGE, {{"topic", "T"}, {"key", key}});
        return json_string(answer, "result") + " " +
               std::to_string(json_member(answer, "messages").size());
    }
    std::int64_t delivered() { return store->max_offset("T", 1).value; }
};

}  // namespace

TEST_CASE("Recall: the handle in a timer message's answer takes it back",
          "[broker][timer][D-12][M-18]") {
    Fixture f;
    const auto handle = f.send_in("A", 5000);
    f.send_in("B", 5000);
    const auto response = f.recall(handle);
    CHECK(response.code == ResponseCode::SUCCESS);
    CHECK(ext_value(response, "msgId") == "A");
    CHECK(ext_value(response, "MSG_REGION") == "DefaultRegion");
    CHECK(f.recall(handle).code == ResponseCode::SUCCESS);  // and again
    f.advance(6000);
    CHECK(f.delivered() == 1);
    CHECK(f.stored("T", 1, 0)->property("UNIQ_KEY") == "B");
    const auto marker = f.stored("rmq_sys_wheel_timer", 0, 2);
    CHECK(marker->record.body == "0");
    CHECK(marker->property("TIMER_DEL_UNIQKEY") == "A");
    CHECK(marker->property("TAGS") == "_RECALL_TAG_");
    CHECK(marker->property("PGROUP") == "pg");
    CHECK(marker->property("REAL_QID") == "0");
    CHECK(marker->property("TIMER_OUT_MS") ==
          f.stored("rmq_sys_wheel_timer", 0, 0)->property("TIMER_OUT_MS"));
}

TEST_CASE("Recall: refusals have the original's codes", "[broker][timer][D-12][M-18]") {
    Fixture f;
    const auto handle = f.send_in("A", 5000);
    const auto handle_of = [&](std::int64_t timestamp) {
        return encode_recall_handle({"T", "broker-a", std::to_string(timestamp), "A"});
    };
    CHECK(f.recall("rubbish").remark == "recall handle is invalid");
    CHECK(f.recall("").code == ResponseCode::ILLEGAL_OPERATION);
    CHECK(f.recall(handle, "other").code == ResponseCode::TOPIC_NOT_EXIST);
    f.add_topic("U");
    CHECK(f.recall(handle, "U").remark == "recall failed, topic not match");
    CHECK(f.recall(encode_recall_handle({"T", "broker-b", "1", "A"})).remark ==
          "recall failed, broker service not available");
    for (const std::int64_t timestamp : {f.clock.now_ms(), f.clock.now_ms() - 1, std::int64_t{-1},
                                         f.clock.now_ms() + std::int64_t{31'622'400'000}}) {
        const auto response = f.recall(handle_of(timestamp));
        CHECK(response.code == ResponseCode::ILLEGAL_OPERATION);
        CHECK(response.remark == "recall failed, timestamp invalid");
    }
    f.config.broker_permission = 4;
    CHECK(f.recall(handle).code == ResponseCode::SUCCESS);
    f.config.allow_recall_when_broker_not_writeable = false;
    CHECK(f.recall(handle).code == ResponseCode::SERVICE_NOT_AVAILABLE);
    f.config.recall_message_enable = false;
    const auto forbidden = f.recall(handle);
    CHECK(forbidden.code == ResponseCode::NO_PERMISSION);
    CHECK(forbidden.remark == "recall failed, operation is forbidden");
    CHECK(f.ask(f.client, RequestCode::RECALL_MESSAGE, {{"topic", "T"}}).code ==
          ResponseCode::SYSTEM_ERROR);
}

TEST_CASE("Recall: only timer messages have a handle", "[broker][timer][D-12]") {
    Fixture f;
    CHECK_FALSE(f.send_in("A", 1).empty());
    CHECK(f.send_in("B", 0).empty());
}

TEST_CASE("Timers: pending ones are listed by topic, earliest first", "[broker][timer][D-15]") {
    Fixture f;
    f.send_in("C", 9000);
    f.send_in("A", 5000);
    f.send_in("B", 7000);
    f.recall(f.send_in("gone", 6000));
    f.settle();
    const auto list = [&f](rmq::testing::AdminFixture::Ext more) {
        more.emplace_back("topic", "T");
        const auto answer = f.admin_json(RequestCode::LIST_TIMER_MESSAGES, std::move(more));
        std::string text = std::to_string(json_int64(answer, "total", -1));
        for (const auto& one : json_member(answer, "messages")) {
            text += " " + json_string(one, "msgId");
        }
        return text;
    };
    CHECK(list({}) == "3 A B C");
    CHECK(list({{"maxNum", "2"}}) == "3 A B");
    CHECK(list({{"maxNum", "0"}}) == "3");
    const auto at = [&f](std::int64_t ms) { return std::to_string(f.clock.now_ms() + ms); };
    CHECK(list({{"beginTime", at(7000)}}) == "2 B C");
    CHECK(list({{"endTime", at(7000)}}) == "1 A");
    const auto answer = f.admin_json(RequestCode::LIST_TIMER_MESSAGES, {{"topic", "T"}});
    const auto& first = json_member(answer, "messages")[0];
    CHECK(json_int64(first, "deliverTime", 0) == f.clock.now_ms() + 5000);
    CHECK(json_string(first, "keys") == "k1 key-A");
    CHECK(json_int64(first, "bodySize", 0) == 6);
    f.advance(6000);
    CHECK(list({}) == "2 B C");
    CHECK(json_int64(f.admin_json(RequestCode::LIST_TIMER_MESSAGES, {{"topic", "U"}}), "total",
                     -1) == 0);
}

TEST_CASE("Timers: cancelling by key says whether it was in time, each time the same",
          "[broker][timer][D-12][D-15]") {
    Fixture f;
    f.send_in("A", 5000);
    f.send_in("B", 5000);
    f.send_in("early", 500);
    f.settle();
    CHECK(f.cancel("A") == "CANCELLED 1");
    CHECK(f.cancel("A") == "CANCELLED 1");
    CHECK(f.cancel("nobody") == "NOT_FOUND 0");
    f.advance(2000);
    CHECK(f.cancel("key-early") == "TOO_LATE 1");
    CHECK(f.cancel("k1") == "TOO_LATE 3");  // a key of all three
    f.advance(5000);
    CHECK(f.delivered() == 1);
    CHECK(f.cancel("A") == "CANCELLED 1");
    CHECK(f.cancel("early") == "TOO_LATE 1");
    f.config.recall_message_enable = false;
    CHECK(f.call(RequestCode::CANCEL_TIMER_MESSAGE, {{"topic", "T"}, {"key", "A"}}).code ==
          ResponseCode::NO_PERMISSION);
}

TEST_CASE("Timers: checkpoint and counts as a slave asks for them", "[broker][timer][D-09][D-11]") {
    Fixture f;
    f.send_in("A", 5000);
    f.settle();
    REQUIRE(f.timers.flush_once());
    const auto checkpoint = f.call(RequestCode::GET_TIMER_CHECK_POINT);
    REQUIRE(checkpoint.body.size() == 56);
    CHECK(load_be<std::int64_t>(checkpoint.body.data()) == f.timers.read_time_ms());
    CHECK(load_be<std::int64_t>(checkpoint.body.data() + 8) == 52);
    CHECK(load_be<std::int64_t>(checkpoint.body.data() + 16) == 1);
    const auto counts = f.admin_json(RequestCode::GET_TIMER_METRICS, {});
    CHECK(json_int64(json_member(json_member(counts, "timingCount"), "T"), "count", 0) == 1);
    f.store_config.timer_wheel_enable = false;
    CHECK(f.call(RequestCode::GET_TIMER_CHECK_POINT).remark == "The checkpoint is null");
    CHECK(f.call(RequestCode::GET_TIMER_METRICS).remark == "The timer message store is null");
}
