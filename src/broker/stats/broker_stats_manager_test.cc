// SPDX-License-Identifier: Apache-2.0
#include "broker/stats/broker_stats_manager.h"

#include "common/testing/catch.h"

#include <string>
#include <thread>
#include <vector>

using namespace rmq;
using namespace rmq::broker;

namespace {

struct Fixture {
    ManualClock clock;
    BrokerStatsManager stats{
        {.cluster_name = "C",
         .enable_queue_stat = true,
         .is_system_topic = [](std::string_view topic) { return topic.starts_with("rmq_sys_"); }},
        clock};

    void put(const char* topic, std::int64_t messages = 1, std::int64_t bytes = 100) {
        stats.on_put(
            {.topic = topic, .queue_id = 2, .messages = messages, .bytes = bytes, .latency_ms = 3});
    }
    void get(const char* group, const char* topic, std::int64_t messages = 1) {
        stats.on_get({.group = group,
                      .topic = topic,
                      .queue_id = 2,
                      .messages = messages,
                      .bytes = messages * 100,
                      .latency_ms = 8});
    }
    std::int64_t minute_sum(std::string_view name, std::string_view key) const {
        const auto item = stats.item(name, key);
        return item ? item->minute.sum : -1;
    }
    // Ten seconds pass.
    void tick() {
        clock.advance_ms(10'000);
        stats.run_once();
    }
};

}  // namespace

TEST_CASE("BrokerStatsManager: counts by topic, queue, group and broker", "[broker][stats][V-10]") {
    Fixture f;
    f.put("T");
    f.put("T", 10, 1000);
    f.get("g", "T", 4);
    f.stats.on_send_back("g", "T");
    f.stats.on_put({.topic = "rmq_sys_x", .bytes = 5});
    CHECK_FALSE(f.stats.item("TOPIC_PUT_NUMS", "T"));
    f.stats.run_once();
    CHECK(f.minute_sum("TOPIC_PUT_NUMS", "T") == 11);
    CHECK(f.minute_sum("TOPIC_PUT_SIZE", "T") == 1100);
    CHECK(f.minute_sum("TOPIC_PUT_LATENCY", "2@T") == 6);
    CHECK(f.minute_sum("QUEUE_PUT_NUMS", "T@2") == 11);
    CHECK(f.minute_sum("QUEUE_PUT_SIZE", "T@2") == 1100);
    CHECK(f.minute_sum("GROUP_GET_NUMS", "T@g") == 4);
    CHECK(f.minute_sum("GROUP_GET_SIZE", "T@g") == 400);
    CHECK(f.minute_sum("QUEUE_GET_NUMS", "T@2@g") == 4);
    CHECK(f.minute_sum("GROUP_GET_LATENCY", "2@T@g") == 8);
    CHECK(f.minute_sum("SNDBCK_PUT_NUMS", "T@g") == 1);
    CHECK(f.minute_sum("BROKER_PUT_NUMS", "C") == 12);
    CHECK(f.minute_sum("BROKER_PUT_NUMS_WITHOUT_SYSTEM_TOPIC", "C") == 11);
    CHECK(f.minute_sum("BROKER_GET_NUMS", "C") == 4);
    CHECK_FALSE(f.stats.item("TOPIC_PUT_NUMS", "X"));
    CHECK_FALSE(f.stats.item("NO_SUCH", "T"));
    const auto size = f.stats.item("TOPIC_PUT_SIZE", "T");
    CHECK(size->minute.avgpt == Approx(550));
    CHECK(size->minute.tps == Approx(110));
}

TEST_CASE("BrokerStatsManager: the minute is the last six samples", "[broker][stats][V-10]") {
    Fixture f;
    f.put("T", 60);
    f.stats.run_once();
    CHECK(f.stats.tps_topic_put_nums("T") == Approx(6));
    for (int i = 0; i < 5; ++i) {
        f.tick();
    }
    CHECK(f.minute_sum("TOPIC_PUT_NUMS", "T") == 60);
    CHECK(f.stats.tps_topic_put_nums("T") == Approx(1));
    f.tick();
    CHECK(f.minute_sum("TOPIC_PUT_NUMS", "T") == 0);
    CHECK(f.stats.tps_topic_put_nums("T") == 0);
    CHECK(f.stats.item("TOPIC_PUT_NUMS", "T")->hour.sum == 60);
    f.get("g", "T", 30);
    f.tick();
    CHECK(f.stats.tps_group_get_nums("g", "T") == Approx(3));
    CHECK(f.stats.tps_group_get_nums("other", "T") == 0);
}

TEST_CASE("BrokerStatsManager: threads count for themselves and are summed",
          "[broker][stats][V-10]") {
    Fixture f;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&f] {
            for (int n = 0; n < 1000; ++n) {
                f.put(n % 2 == 0 ? "A" : "B");
                f.get("g", "A");
            }
        });
    }
    for (int i = 0; i < 50; ++i) {
        f.stats.run_once();
        f.clock.advance_ms(10'000);
        f.stats.on_topic_deleted("unrelated");
    }
    for (auto& thread : threads) {
        thread.join();
    }
    f.clock.advance_ms(3'600'000);
    f.stats.run_once();
    BrokerStatsManager::Table table;
    f.stats.add_runtime_info(table);
    CHECK(table.at("msgPutTotalTodayNow") == "4000");
    CHECK(table.at("msgGetTotalTodayNow") == "4000");
    CHECK(f.stats.item("TOPIC_PUT_NUMS", "A")->day.sum == 2000);
}

TEST_CASE("BrokerStatsManager: deleted topics and groups start again from nothing",
          "[broker][stats][V-10]") {
    Fixture f;
    f.put("T", 5);
    f.put("U", 5);
    f.get("g", "T", 5);
    f.get("h", "T", 5);
    f.get("g", "U", 5);
    f.stats.run_once();
    f.stats.on_group_deleted("g");
    f.tick();
    CHECK(f.minute_sum("GROUP_GET_NUMS", "T@g") == -1);
    CHECK(f.minute_sum("GROUP_GET_LATENCY", "2@U@g") == -1);
    CHECK(f.minute_sum("GROUP_GET_NUMS", "T@h") == 5);
    f.stats.on_topic_deleted("T");
    f.tick();
    CHECK(f.minute_sum("TOPIC_PUT_NUMS", "T") == -1);
    CHECK(f.minute_sum("TOPIC_PUT_LATENCY", "2@T") == -1);
    CHECK(f.minute_sum("QUEUE_GET_NUMS", "T@2@h") == -1);
    CHECK(f.minute_sum("TOPIC_PUT_NUMS", "U") == 5);
    f.put("T", 2);
    f.tick();
    CHECK(f.minute_sum("TOPIC_PUT_NUMS", "T") == 2);
}

TEST_CASE("BrokerStatsManager: totals are noted at midnight", "[broker][stats][V-10]") {
    Fixture f;
    BrokerStatsManager::Table table;
    f.put("T", 7);
    f.clock.advance_ms(25LL * 3600 * 1000);
    f.stats.run_once();
    f.put("T", 2);
    f.stats.add_runtime_info(table);
    CHECK(table.at("msgPutTotalYesterdayMorning") == "0");
    CHECK(table.at("msgPutTotalTodayMorning") == "7");
    CHECK(table.at("msgPutTotalTodayNow") == "9");
    f.clock.advance_ms(24LL * 3600 * 1000);
    f.stats.run_once();
    f.stats.add_runtime_info(table);
    CHECK(table.at("msgPutTotalYesterdayMorning") == "7");
    CHECK(table.at("msgPutTotalTodayMorning") == "9");
}

TEST_CASE("BrokerStatsManager: light queues count together", "[broker][stats][M-25]") {
    ManualClock clock;
    BrokerStatsManager stats{{.cluster_name = "C", .folds_light_queues = true}, clock};
    stats.on_get({.group = "%LMQ%g", .topic = "%LMQ%a", .messages = 2});
    stats.on_get({.group = "%LMQ%h", .topic = "%LMQ%b", .messages = 3});
    stats.on_get({.group = "g", .topic = "%LMQ%b", .messages = 4});
    stats.run_once();
    CHECK(stats.item("GROUP_GET_NUMS", "%LMQ%@%LMQ%")->minute.sum == 5);
    CHECK(stats.item("GROUP_GET_NUMS", "%LMQ%@g")->minute.sum == 4);
    CHECK_FALSE(stats.item("GROUP_GET_NUMS", "%LMQ%a@%LMQ%g"));
}
