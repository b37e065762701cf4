// SPDX-License-Identifier: Apache-2.0
#include "broker/timer/schedule_rewrite.h"

#include "broker/timer/recall_handle.h"
#include "common/message/message_properties.h"
#include "common/message/message_record.h"
#include "common/testing/catch.h"
#include "store/message_store_config.h"

#include <initializer_list>
#include <string>
#include <string_view>

using namespace rmq;
using namespace rmq::broker;
using store::PutMessageStatus;

namespace {

constexpr std::int64_t kNow = 1'700'000'000'250;

struct Fixture {
    ManualClock clock{kNow};
    store::MessageStoreConfig config;
    std::int64_t waiting = 0;
    ScheduleRewrite rewrite{
        {.config = config, .clock = clock, .slot_count = [this](auto) { return waiting; }}};
    ScheduleTarget target{"T", 3};
    std::string properties;

    PutMessageStatus operator()(std::initializer_list<std::string_view> pairs,
                                std::int32_t sys_flag = 0) {
        properties.clear();
        for (auto it = pairs.begin(); it != pairs.end(); it += 2) {
            append_property(properties, it[0], it[1]);
        }
        target = {"T", 3};
        return rewrite.rewrite(sys_flag, target, properties);
    }
    std::string value(std::string_view name) const {
        return std::string(find_property(properties, name).value_or("none"));
    }
};

}  // namespace

TEST_CASE("ScheduleRewrite: a time to come moves the message to the timer's topic",
          "[broker][timer][D-04][D-05]") {
    Fixture f;
    CHECK(f({"TIMER_DELAY_SEC", "2", "TIMER_DELAY_MS", "5", "TIMER_DELIVER_MS", "7"}) ==
          PutMessageStatus::PUT_OK);
    CHECK(f.target.topic == "rmq_sys_wheel_timer");
    CHECK(f.target.queue_id == 0);
    CHECK(f.value("TIMER_OUT_MS") == "1700000002000");  // seconds win, cut to the second
    CHECK(f.value("REAL_TOPIC") == "T");
    CHECK(f.value("REAL_QID") == "3");
    CHECK(f.value("TIMER_DELAY_SEC") == "2");

    f({"TIMER_DELAY_MS", "1500", "TIMER_DELIVER_MS", "7"});
    CHECK(f.value("TIMER_OUT_MS") == "1700000001000");
    f({"TIMER_DELIVER_MS", "1700000005999"});
    CHECK(f.value("TIMER_OUT_MS") == "1700000005000");
    // An exact second is served when the one before it is over.
    f({"TIMER_DELIVER_MS", "1700000005000"});
    CHECK(f.value("TIMER_OUT_MS") == "1700000004000");
    f({"TIMER_DELIVER_MS", "1700000000251"});
    CHECK(f.value("TIMER_OUT_MS") == "1700000000000");
}

TEST_CASE("ScheduleRewrite: timerPrecisionMs", "[broker][timer][D-05]") {
    Fixture f;
    f.config.timer_precision_ms = 200;
    f({"TIMER_DELIVER_MS", "1700000005555"});
    CHECK(f.value("TIMER_OUT_MS") == "1700000005400");
    f.config.timer_precision_ms = 150;  // cut to 100, as the original does
    f({"TIMER_DELIVER_MS", "1700000005555"});
    CHECK(f.value("TIMER_OUT_MS") == "1700000005500");
}

TEST_CASE("ScheduleRewrite: past times are delivered at once, past markers refused",
          "[broker][timer][D-07]") {
    Fixture f;
    for (const char* past : {"1700000000250", "1", "-5"}) {
        CHECK(f({"TIMER_DELIVER_MS", past}) == PutMessageStatus::PUT_OK);
        CHECK(f.target.topic == "T");
        CHECK(f.value("TIMER_OUT_MS") == "none");
    }
    CHECK(f({"TIMER_DELAY_MS", "0"}) == PutMessageStatus::PUT_OK);
    CHECK(f.target.topic == "T");
    CHECK(f({"TIMER_DELIVER_MS", "1", "TIMER_DEL_UNIQKEY", "x"}) ==
          PutMessageStatus::WHEEL_TIMER_MSG_ILLEGAL);
}

TEST_CASE("ScheduleRewrite: a year by default, three days as the original",
          "[broker][timer][D-06]") {
    Fixture f;
    CHECK(f({"TIMER_DELAY_SEC", "31622400"}) == PutMessageStatus::PUT_OK);
    CHECK(f({"TIMER_DELAY_SEC", "31622401"}) == PutMessageStatus::WHEEL_TIMER_MSG_ILLEGAL);
    CHECK(f({"TIMER_DELAY_SEC", "9223372036854775807"}) ==
          PutMessageStatus::WHEEL_TIMER_MSG_ILLEGAL);
    CHECK(f({"TIMER_DELAY_MS", "soon"}) == PutMessageStatus::WHEEL_TIMER_MSG_ILLEGAL);
    f.config.timer_max_delay_sec = 259'200;
    CHECK(f({"TIMER_DELAY_SEC", "259200"}) == PutMessageStatus::PUT_OK);
    CHECK(f({"TIMER_DELAY_MS", "259200001"}) == PutMessageStatus::WHEEL_TIMER_MSG_ILLEGAL);
}

TEST_CASE("ScheduleRewrite: a level beats a timer", "[broker][timer][D-03]") {
    Fixture f;
    CHECK(f({"DELAY", "4", "TIMER_DELAY_SEC", "5", "TIMER_DELAY_MS", "6", "TIMER_DELIVER_MS",
             "7"}) == PutMessageStatus::PUT_OK);
    CHECK(f.target.topic == "SCHEDULE_TOPIC_XXXX");
    CHECK(f.target.queue_id == 3);
    for (const char* name : {"TIMER_DELAY_SEC", "TIMER_DELAY_MS", "TIMER_DELIVER_MS"}) {
        CHECK(f.value(name) == "none");
    }
    CHECK(f({"DELAY", "x"}) == PutMessageStatus::MESSAGE_ILLEGAL);
}

TEST_CASE("ScheduleRewrite: half messages and delivered timers stay where they are",
          "[broker][timer][D-04]") {
    Fixture f;
    f({"TIMER_DELAY_SEC", "5"}, sys_flag::kTransactionPrepared);
    CHECK(f.target.topic == "T");
    f({"TIMER_DELAY_SEC", "5"}, sys_flag::kTransactionCommit);
    CHECK(f.target.topic == "rmq_sys_wheel_timer");
    f({"TIMER_DELAY_SEC", "5", "TIMER_OUT_MS", "1"});
    CHECK(f.target.topic == "T");
    f.config.timer_wheel_enable = false;
    CHECK(f({"TIMER_DELAY_SEC", "5"}) == PutMessageStatus::WHEEL_TIMER_NOT_ENABLE);
}

TEST_CASE("ScheduleRewrite: a crowded slot refuses, first some, then all",
          "[broker][timer][D-10]") {
    Fixture f;
    f.config.timer_congest_num_each_slot = 100;
    f.waiting = 100;
    CHECK(f({"TIMER_DELAY_SEC", "5"}) == PutMessageStatus::PUT_OK);
    f.waiting = 200;
    CHECK(f({"TIMER_DELAY_SEC", "5"}) == PutMessageStatus::WHEEL_TIMER_FLOW_CONTROL);
    f.waiting = 150;
    int refused = 0;
    for (int i = 0; i < 1000; ++i) {
        refused += f({"TIMER_DELAY_SEC", "5"}) == PutMessageStatus::WHEEL_TIMER_FLOW_CONTROL;
    }
    CHECK(refused > 100);
    CHECK(refused < 900);
}

TEST_CASE("ScheduleRewrite: properties leave room for what delivery adds",
          "[broker][timer][D-04]") {
    Fixture f;
    CHECK(f({"TIMER_DELAY_SEC", "5", "filler", std::string(32'640, 'x')}) ==
          PutMessageStatus::PROPERTIES_SIZE_EXCEEDED);
}

TEST_CASE("RecallHandle: as the original encodes it", "[broker][timer][D-12][M-18]") {
    const RecallHandle handle{"TopicTest", "broker-a", "1700000004001", "7F000001ABCD"};
    const auto text = encode_recall_handle(handle);
    CHECK(text == "djEgVG9waWNUZXN0IGJyb2tlci1hIDE3MDAwMDAwMDQwMDEgN0YwMDAwMDFBQkNE");
    const auto again = decode_recall_handle(text);
    REQUIRE(again);
    CHECK(again->topic == "TopicTest");
    CHECK(again->broker_name == "broker-a");
    CHECK(again->timestamp == "1700000004001");
    CHECK(again->message_id == "7F000001ABCD");
    // With and without padding.
    const auto padded = encode_recall_handle({"T", "b", "1", "i"});
    CHECK(padded.back() == '=');
    CHECK(decode_recall_handle(padded));
    CHECK(decode_recall_handle(padded.substr(0, padded.find('='))));
    for (const char* wrong : {"", "djEg", "????", "djEgVG9waWNUZXN0IGJyb2tlci1hIDE3=",
                              "djIgVG9waWNUZXN0IGJyb2tlci1hIDE3MDAwMDAwMDQwMDEgN0YwMDAwMDFBQkNE"}) {
        const auto bad = decode_recall_handle(wrong);
        REQUIRE_FALSE(bad);
        CHECK(bad.error().remark == "recall handle is invalid");
    }
}
