// SPDX-License-Identifier: Apache-2.0
#include "broker/timer/timer_message_store.h"

#include "broker/testing/timer_fixture.h"
#include "common/message/message_properties.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"

#include <chrono>
#include <filesystem>
#include <set>
#include <string>
#include <thread>

using namespace rmq;
using namespace rmq::broker;
using rmq::testing::TimerFixture;
using store::PutMessageStatus;

namespace {

constexpr std::int64_t kDayMs = 24 * 3'600'000;

}  // namespace

TEST_CASE("Timer: delivers at the millisecond asked for, never before", "[broker][timer][D-05]") {
    TimerFixture f;
    f.send_in("a", 2500);
    f.send("b", {"TIMER_DELIVER_MS", "1700000005000"});
    f.send("c", {"TIMER_DELAY_SEC", "5"});
    f.advance(2499);
    CHECK(f.bodies().empty());
    f.advance(1);
    CHECK(f.bodies() == "a");
    f.advance(10'000);
    REQUIRE(f.bodies() == "a b c");
    CHECK(f.model.delivered[0].at_ms == f.at(2500));
    CHECK(f.model.delivered[1].at_ms == 1'700'000'005'000);
    CHECK(f.model.delivered[2].at_ms == f.at(5000));
}

TEST_CASE("Timer: the delivered record keeps and gains what the original's does",
          "[broker][timer][D-04]") {
    TimerFixture f;
    f.send("a", {"TIMER_DELAY_MS", "2500", "TAGS", "t"});
    f.advance(3000);
    REQUIRE(f.model.delivered.size() == 1);
    CHECK(f.model.delivered[0].topic == "T");
    CHECK(f.model.delivered[0].queue_id == 3);
    CHECK(f.property(0, "TIMER_ENQUEUE_MS") == "1700000000000");
    CHECK(f.property(0, "TIMER_DEQUEUE_MS") == "1700000002750");
    CHECK(f.property(0, "TIMER_OUT_MS") == "1700000002000");
    CHECK(f.property(0, "TIMER_DELAY_MS") == "2500");
    CHECK(f.property(0, "REAL_TOPIC") == "T");
    CHECK(f.property(0, "REAL_QID") == "3");
    CHECK(f.property(0, "TAGS") == "t");
    CHECK(f.property(0, "UNIQ_KEY") == "id-a");
    CHECK(f.property(0, "TIMER_ROLL_TIMES").empty());
}

TEST_CASE("Timer: messages of one slot come in the order of their times, then of arrival",
          "[broker][timer][D-05]") {
    TimerFixture f;
    for (const auto& [body, delay] : {std::pair{"late", 2600}, {"x", 2400}, {"y", 2400}}) {
        f.send_in(body, delay);
    }
    f.run();
    f.advance(2300);
    f.send_in("short", 1);  // joins the slot that is being served
    f.advance(1000);
    CHECK(f.bodies() == "short x y late");
}

TEST_CASE("Timer: a message whose slot was served goes out at once", "[broker][timer][D-07]") {
    TimerFixture f;
    f.send_in("a", 1000);
    f.config.timer_stop_enqueue = true;
    f.advance(5000);
    CHECK(f.bodies().empty());
    f.config.timer_stop_enqueue = false;
    f.run();
    CHECK(f.bodies() == "a");
    CHECK(f.property(0, "TIMER_ENQUEUE_MS") == "9223372036854775807");
}

TEST_CASE("Timer: what lies beyond the window rolls", "[broker][timer][D-08]") {
    TimerFixture f;
    f.config.timer_roll_window_slot = 60;
    f.send_in("a", 150'000);
    f.advance(149'999);
    CHECK(f.bodies().empty());
    f.advance(1001);
    CHECK(f.bodies() == "a");
    CHECK(f.property(0, "TIMER_ROLL_TIMES") == "2");
    CHECK(f.model.delivered[0].at_ms >= f.at(150'000));
    CHECK(f.model.delivered[0].at_ms <= f.at(151'000));
    CHECK(f.timer->metrics().count("T") == 0);
}

TEST_CASE("Timer: the window is kept inside the retention", "[broker][timer][D-08]") {
    TimerFixture f;
    f.config.file_reserved_time = 3;
    f.send_in("a", 3 * 3'600'000);
    f.advance(2 * 3'600'000 + 2000);
    CHECK(f.model.queue.size() == 2);  // stored anew, an hour before it would expire
    f.advance(2 * 3'600'000);
    CHECK(f.bodies() == "a");
}

TEST_CASE("Timer: a year ahead, once and not early", "[broker][timer][D-06][D-08]") {
    TimerFixture f;
    f.send("a", {"TIMER_DELAY_SEC", "31536000"});
    f.send_in("b", 4 * kDayMs);
    for (int day = 0; day < 365; ++day) {
        CHECK(f.bodies() == (day <= 4 ? "" : "b"));
        f.clock.advance_ms(kDayMs);
        f.run();
        if (day % 100 == 0) {
            REQUIRE(f.timer->flush_once());
            f.restart();
            f.run();
        }
    }
    f.advance(2000);
    CHECK(f.bodies() == "b a");
    CHECK(f.model.delivered[1].at_ms >= f.at(365 * kDayMs));
}

TEST_CASE("Timer: a marker cancels the message of its slot with that key",
          "[broker][timer][D-12]") {
    TimerFixture f;
    f.send_in("a", 5000);
    f.send_in("b", 5000);
    CHECK(f.recall("a", f.at(5000)) == PutMessageStatus::PUT_OK);
    f.run();
    CHECK(f.timer->metrics().count("T") == 1);
    CHECK(f.timer->wheel().slot(f.at(5000)).num == 1);
    f.advance(10'000);
    CHECK(f.bodies() == "b");
    CHECK(f.timer->metrics().count("T") == 0);
}

TEST_CASE("Timer: markers work in either form of the key, before their message and after a restart",
          "[broker][timer][D-12]") {
    TimerFixture f;
    f.send("m", {"TIMER_DELIVER_MS", "1700000005001", "TIMER_DEL_UNIQKEY", "T+id-a"});
    f.send_in("a", 5000);
    f.send_in("b", 5000);
    CHECK(f.recall("b", f.at(5000)) == PutMessageStatus::PUT_OK);
    CHECK(f.recall("c", f.at(7000)) == PutMessageStatus::PUT_OK);  // no such message
    f.run();
    f.restart();
    f.advance(20'000);
    CHECK(f.bodies().empty());
    CHECK(f.recall("a", f.at(5000)) == PutMessageStatus::WHEEL_TIMER_MSG_ILLEGAL);
}

TEST_CASE("Timer: a marker of a rolling message rolls with it", "[broker][timer][D-12][D-08]") {
    TimerFixture f;
    f.config.timer_roll_window_slot = 60;
    f.send_in("a", 150'000);
    f.advance(20'000);
    f.recall("a", f.at(150'000));
    f.advance(200'000);
    CHECK(f.bodies().empty());
    CHECK(f.timer->metrics().count("T") == 0);
}

TEST_CASE("Timer: a cancellation under way holds its message back", "[broker][timer][D-12]") {
    TimerFixture f;
    f.send_in("a", 3000);
    f.send_in("b", 3000);
    f.send_in("c", 6000);
    f.advance(1000);
    REQUIRE(f.timer->cancels().begin(1'700'000'003'000, "id-a"));
    f.advance(2500);
    CHECK(f.bodies().empty());
    SECTION("and drops it, once it is certain") {
        f.timer->cancels().finish("id-a", true);
        f.advance(1000);
        CHECK(f.bodies() == "b");
    }
    SECTION("and lets it go, when it failed") {
        f.timer->cancels().finish("id-a", false);
        f.advance(1000);
        CHECK(f.bodies() == "a b");
    }
    // The slot has begun.
    CHECK_FALSE(f.timer->cancels().begin(1'700'000'003'000, "id-b"));
    CHECK(f.timer->cancels().begin(1'700'000'006'000, "id-c"));
}

TEST_CASE("Timer: refused deliveries are tried again, hopeless ones dropped",
          "[broker][timer][D-04]") {
    TimerFixture f;
    f.send_in("a", 1000);
    f.send_in("b", 1000);
    f.run();
    f.model.refusals = 5;
    f.advance(3000);
    CHECK(f.bodies() == "a b");
    f.send_in("c", 1000);
    f.send_in("d", 1000);
    f.run();
    f.model.fatal_refusals = 1;
    f.advance(3000);
    CHECK(f.bodies() == "a b d");
}

TEST_CASE("Timer: a kill loses nothing and repeats only what was not flushed",
          "[broker][timer][D-09]") {
    TimerFixture f;
    for (int i = 0; i < 100; ++i) {
        f.send_in(std::to_string(i), 1000 + i * 100);
    }
    f.advance(3000);
    REQUIRE(f.timer->flush_once());
    const auto before = f.model.delivered.size();
    CHECK(before > 10);
    f.restart();
    f.run();
    // The slot that was under way is the one that repeats.
    CHECK(f.model.delivered.size() - before <= 10);
    f.send_in("new", 2000);
    f.run();
    f.restart();  // taken in, not flushed
    f.advance(20'000);
    std::multiset<std::string> bodies;
    for (const auto& one : f.model.delivered) {
        bodies.insert(one.body);
    }
    CHECK(std::set(bodies.begin(), bodies.end()).size() == 101);
    for (const auto& body : {"0", "99", "new"}) {
        CHECK(bodies.count(body) == 1);
    }
    const auto count = f.model.delivered.size();
    f.advance(60'000);
    REQUIRE(f.timer->flush_once());
    f.restart();
    f.advance(60'000);
    CHECK(f.model.delivered.size() == count);  // and it stops
}

TEST_CASE("Timer: that a second is over in which something came is on the disk with the next flush",
          "[broker][timer][D-09]") {
    TimerFixture f;
    CHECK(f.send_in("once", 1200) == PutMessageStatus::PUT_OK);
    f.advance(1200);
    REQUIRE(f.bodies() == "once");
    REQUIRE(f.timer->flush_once());  // in the middle of that second
    f.advance(1000);
    REQUIRE(f.timer->flush_once());
    CHECK(f.timer->checkpoint().last_read_time_ms == f.timer->read_time_ms());
    f.restart();
    f.advance(5000);
    CHECK(f.bodies() == "once");
}

TEST_CASE("Timer: after a long stop everything due comes, in order, cancelled ones do not",
          "[broker][timer][D-09][D-12]") {
    TimerFixture f;
    f.advance(1000);
    REQUIRE(f.timer->flush_once());
    f.send_in("later", 50'000);
    f.send_in("sooner", 5000);
    f.send_in("cancelled", 7000);
    f.recall("cancelled", f.clock.now_ms() + 7000);
    f.clock.advance_ms(3 * kDayMs);
    f.restart();
    f.run();
    CHECK(f.bodies() == "sooner later");
}

TEST_CASE("Timer: a lost log or wheel is rebuilt from the messages", "[broker][timer][D-09]") {
    TimerFixture f;
    f.send_in("done", 1000);
    f.advance(5000);
    f.send_in("waiting", 60'000);
    f.run();
    REQUIRE(f.timer->flush_once());
    f.timer.reset();
    SECTION("wheel") {
        std::filesystem::remove(f.dir.file("timerwheel"));
    }
    SECTION("log") {
        std::filesystem::remove_all(f.dir.file("timerlog"));
    }
    SECTION("both") {
        std::filesystem::remove(f.dir.file("timerwheel"));
        std::filesystem::remove_all(f.dir.file("timerlog"));
    }
    f.restart();
    f.advance(10'000);
    CHECK(f.bodies() == "done");
    f.advance(60'000);
    CHECK(f.bodies() == "done waiting");
}

TEST_CASE("Timer: records that are gone or no timer messages are skipped",
          "[broker][timer][D-04]") {
    TimerFixture f;
    f.send_in("gone", 1000);
    f.send_in("kept", 1000);
    f.send_in("expired", 1000);
    f.model.records[0].clear();
    store::MessageToPut message;
    message.topic = "rmq_sys_wheel_timer";
    message.body = "x";
    for (const char* properties :
         {"", "TIMER_OUT_MS\0015\2", "TIMER_OUT_MS\001x\2REAL_TOPIC\001T\2REAL_QID\0010\2",
          "TIMER_OUT_MS\0015\2REAL_TOPIC\001../T\2REAL_QID\0010\2",
          "TIMER_OUT_MS\0015\2REAL_TOPIC\001rmq_sys_wheel_timer\2REAL_QID\0010\2",
          "TIMER_OUT_MS\001-5\2REAL_TOPIC\001T\2REAL_QID\0010\2"}) {
        message.properties = properties;
        f.model.put(message);
    }
    f.run();
    f.model.records[2].clear();
    f.advance(5000);
    CHECK(f.bodies() == "kept");
    CHECK(f.timer->checkpoint().last_timer_queue_offset == 0);
    REQUIRE(f.timer->flush_once());
    CHECK(f.timer->checkpoint().last_timer_queue_offset == 9);
}

TEST_CASE("Timer: checkpoint, counts and runtime table", "[broker][timer][D-09][D-11]") {
    TimerFixture f;
    f.send_in("a", 5000);
    f.send_in("b", 6000);
    f.advance(5500);
    REQUIRE(f.timer->flush_once());
    const auto saved = store::TimerCheckpoint::load(f.dir.file("config/timercheck"));
    REQUIRE(saved);
    CHECK(*saved == f.timer->checkpoint());
    CHECK(saved->last_read_time_ms == 1'700'000'005'000);
    CHECK(saved->last_timer_log_flush_pos == 104);
    CHECK(saved->last_timer_queue_offset == 2);
    CHECK(saved->master_timer_queue_offset == 2);
    CHECK(saved->counter == 1);
    const auto counts = read_file(f.dir.file("config/timermetrics"));
    REQUIRE(counts);
    CHECK(counts->find(R"("timingCount":{"T":{"count":1,"timeStamp":1700000005250}})") !=
          std::string::npos);

    std::map<std::string, std::string, std::less<>> table;
    f.timer->add_runtime_info(table);
    CHECK(table.at("timerReadBehind") == "0");
    CHECK(table.at("timerOffsetBehind") == "0");
    CHECK(table.at("timerCongestNum") == "2");  // the slot of now counts until it is over
    CHECK(table.at("timerEnqueueTps").starts_with("0.36"));  // two in 5.5 s
    CHECK(table.at("timerDequeueTps").starts_with("0.18"));
    f.restart();
    CHECK(f.timer->metrics().count("T") == 1);
}

TEST_CASE("Timer: many messages of one slot, in turns", "[broker][timer][D-05]") {
    TimerFixture f;
    f.config.mapped_file_size_timer_log = 1024 * 1024;
    constexpr int kMessages = 5000;
    for (int i = 0; i < kMessages; ++i) {
        f.send_in(std::to_string(i), 2000);
    }
    f.advance(1999);
    CHECK(f.bodies().empty());
    CHECK(f.timer->wheel().slot(f.at(2000)).num == kMessages);
    f.advance(1);
    REQUIRE(f.model.delivered.size() == kMessages);
    CHECK(f.model.delivered.back().body == std::to_string(kMessages - 1));
}

TEST_CASE("Timer: the thread sleeps until something is due and is woken by arrivals",
          "[broker][timer][D-05]") {
    TimerFixture f;
    const SystemClock real;
    f.model.clock = &real;
    f.clock.set_ms(real.now_ms());
    f.timer.reset();
    f.config.timer_precision_ms = 100;
    TimerMessageStore timer(rmq::testing::make_timer_store(f.model), f.config, real, f.ops);
    REQUIRE(timer.load());
    timer.start();
    for (int round = 1; round <= 5; ++round) {
        f.clock.set_ms(real.now_ms());
        const std::int64_t due_ms = f.clock.now_ms() + 5;
        f.send_in(std::to_string(round), 5);
        store::MessageArrival arrival;
        arrival.topic = "rmq_sys_wheel_timer";
        timer.on_arrivals({&arrival, 1});
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        for (std::size_t count = 0; count < static_cast<std::size_t>(round);) {
            REQUIRE(std::chrono::steady_clock::now() < deadline);
            std::this_thread::yield();
            std::lock_guard lock(f.model.mutex);
            count = f.model.delivered.size();
        }
        CHECK(f.model.delivered.back().at_ms >= due_ms);
    }
    timer.stop();
    CHECK(read_file(f.dir.file("config/timercheck")));
}
