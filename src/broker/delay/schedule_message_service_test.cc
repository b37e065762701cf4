// SPDX-License-Identifier: Apache-2.0
#include "broker/delay/schedule_message_service.h"

#include "common/message/message_properties.h"
#include "common/message/message_record.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"

#include <chrono>
#include <deque>
#include <string>
#include <thread>

using namespace rmq;
using namespace rmq::broker;

namespace {

// The schedule topic's queues and what was delivered, in memory.
class FakeStore final : public DelayStore {
public:
    struct Delivered {
        std::string topic;
        std::int32_t queue_id = 0;
        std::string body;
        std::string properties;
        std::int32_t reconsume_times = 0;
        std::int32_t sys_flag = 0;
    };

    // Appends a record with its queue entry, as send and dispatch do.
    void add(std::int32_t level, std::int64_t due_ms, const std::string& body,
             const std::string& real_topic = "T") {
        std::string properties;
        set_property(properties, property::kUniqKey, "id-" + body);
        set_property(properties, property::kDelayLevel, std::to_string(level));
        set_property(properties, property::kRealTopic, real_topic);
        set_property(properties, property::kRealQueueId, "3");
        MessageRecord record;
        record.sys_flag = sys_flag::kTransactionCommit;
        record.reconsume_times = 2;
        record.born_host.port = record.store_host.port = 1;
        record.body = body;
        record.topic = "SCHEDULE_TOPIC_XXXX";
        record.properties = properties;
        std::lock_guard lock(mutex);
        records.push_back(encode_message(record));
        queues[static_cast<std::size_t>(level - 1)].push_back(
            {PhysicalOffset{static_cast<std::int64_t>(records.size() - 1)}, due_ms});
    }

    QueueOffset min_offset(std::int32_t queue_id) const override {
        std::lock_guard lock(mutex);
        const auto index = static_cast<std::size_t>(queue_id);
        return {queues[index].empty() ? -1 : min[index]};
    }
    QueueOffset max_offset(std::int32_t queue_id) const override {
        std::lock_guard lock(mutex);
        return {static_cast<std::int64_t>(queues[static_cast<std::size_t>(queue_id)].size())};
    }
    std::optional<DelayEntry> entry(std::int32_t queue_id, QueueOffset offset) const override {
        std::lock_guard lock(mutex);
        const auto index = static_cast<std::size_t>(queue_id);
        if (offset.value < min[index] ||
            offset.value >= static_cast<std::int64_t>(queues[index].size())) {
            return std::nullopt;
        }
        return queues[index][static_cast<std::size_t>(offset.value)];
    }
    std::optional<store::MappedSlice> record(PhysicalOffset offset) const override {
        std::lock_guard lock(mutex);
        const auto& bytes = records[static_cast<std::size_t>(offset.value)];
        return bytes.empty() ? std::nullopt
                             : std::optional(store::MappedSlice{nullptr, std::string_view(bytes)});
    }
    store::PutMessageStatus put(const store::MessageToPut& message) override {
        std::lock_guard lock(mutex);
        if (refusals > 0) {
            --refusals;
            return store::PutMessageStatus::OS_PAGE_CACHE_BUSY;
        }
        delivered.push_back({std::string(message.topic), message.queue_id,
                             std::string(message.body), std::string(message.properties),
                             message.reconsume_times, message.sys_flag});
        return store::PutMessageStatus::PUT_OK;
    }
    std::string bodies() const {
        std::lock_guard lock(mutex);
        std::string all;
        for (const auto& one : delivered) {
            all += one.body + " ";
        }
        return all;
    }

    mutable std::mutex mutex;
    std::deque<std::string> records;  // stable addresses
    std::vector<DelayEntry> queues[18];
    std::int64_t min[18] = {};
    std::vector<Delivered> delivered;
    int refusals = 0;
};

constexpr const char* kLevels = "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h";

struct Fixture {
    rmq::testing::TempDir directory;
    ManualClock clock;
    FakeStore* store = nullptr;  // owned by the service
    std::unique_ptr<ScheduleMessageService> service = make();

    std::unique_ptr<ScheduleMessageService> make(const Clock* other_clock = nullptr) {
        auto owned = std::make_unique<FakeStore>();
        store = owned.get();
        return std::make_unique<ScheduleMessageService>(
            std::move(owned), other_clock != nullptr ? *other_clock : clock,
            ScheduleMessageService::Options{.levels = *DelayLevelTable::parse(kLevels),
                                            .path = directory.file("delayOffset.json")});
    }
    std::int64_t in(std::int64_t ms) const { return clock.now_ms() + ms; }
};

}  // namespace

TEST_CASE("DelayLevelTable: the default table and custom ones", "[broker][delay][D-01]") {
    const auto table = DelayLevelTable::parse(kLevels);
    REQUIRE(table);
    CHECK(table->max_level() == 18);
    CHECK(table->delay_ms(1) == 1000);
    CHECK(table->delay_ms(5) == 60'000);
    CHECK(table->delay_ms(18) == 7'200'000);
    CHECK(table->delay_ms(99) == 7'200'000);
    CHECK(table->delay_ms(0) == 1000);
    const auto custom = DelayLevelTable::parse("2s 1d");
    REQUIRE(custom);
    CHECK(custom->delay_ms(2) == 86'400'000);
    for (const char* wrong : {"1x", "s", "1", "1s five", "-1s"}) {
        const auto bad = DelayLevelTable::parse(wrong);
        REQUIRE_FALSE(bad);
        CHECK(bad.error().code == Errc::kInvalidArgument);
    }
}

TEST_CASE("ScheduleMessageService: delivers at the due time, never before it",
          "[broker][delay][D-01][D-02]") {
    Fixture f;
    f.store->add(1, f.in(1000), "a");
    CHECK(f.service->run_once() == 1000);
    f.clock.advance_ms(999);
    CHECK(f.service->run_once() == 1);
    CHECK(f.store->delivered.empty());
    f.clock.advance_ms(1);
    CHECK(f.service->run_once() == ScheduleMessageService::kIdle);
    REQUIRE(f.store->delivered.size() == 1);
    const auto& message = f.store->delivered[0];
    CHECK(message.topic == "T");
    CHECK(message.queue_id == 3);
    CHECK(message.reconsume_times == 2);
    CHECK(message.sys_flag == sys_flag::kTransactionCommit);
    CHECK(find_property(message.properties, property::kUniqKey) == "id-a");
}

TEST_CASE("ScheduleMessageService: each level keeps its order and levels do not wait for another",
          "[broker][delay][D-02]") {
    Fixture f;
    f.store->add(3, f.in(10'000), "late");
    f.store->add(1, f.in(900), "b");
    f.store->add(1, f.in(1000), "c");
    f.store->add(2, f.in(950), "x");
    f.clock.advance_ms(1000);
    CHECK(f.service->run_once() == 9000);
    CHECK(f.store->bodies() == "b c x ");
}

TEST_CASE("ScheduleMessageService: a due time further off than its level is due now",
          "[broker][delay][D-02]") {
    Fixture f;
    f.store->add(1, f.in(1001), "from a clock that stepped back");
    f.service->run_once();
    CHECK(f.store->delivered.size() == 1);
}

TEST_CASE("ScheduleMessageService: a refused delivery is tried again, nothing is lost",
          "[broker][delay][D-02]") {
    Fixture f;
    f.store->refusals = 2;
    f.store->add(1, f.in(0), "a");
    f.store->add(1, f.in(0), "b");
    CHECK(f.service->run_once() == 100);
    CHECK(f.service->run_once() == 100);
    f.clock.advance_ms(100);
    CHECK(f.service->run_once() == 100);
    f.clock.advance_ms(100);
    f.service->run_once();
    CHECK(f.store->bodies() == "a b ");
}

TEST_CASE("ScheduleMessageService: skips records that are gone and half messages",
          "[broker][delay][D-02]") {
    Fixture f;
    f.store->add(1, f.in(0), "gone");
    f.store->add(1, f.in(0), "half", "RMQ_SYS_TRANS_HALF_TOPIC");
    f.store->add(1, f.in(0), "kept");
    f.store->records[0].clear();
    f.service->run_once();
    CHECK(f.store->bodies() == "kept ");
    CHECK(f.service->encode().find(R"("1":3)") != std::string::npos);
}

TEST_CASE("ScheduleMessageService: positions are persisted and continued from",
          "[broker][delay][D-02]") {
    Fixture f;
    f.store->add(1, f.in(0), "a");
    f.store->add(2, f.in(0), "b");
    f.service->run_once();
    CHECK_FALSE(read_file(f.directory.file("delayOffset.json")));
    f.clock.advance_ms(10'000);
    f.service->run_once();
    const auto text = read_file(f.directory.file("delayOffset.json"));
    REQUIRE(text);
    CHECK(text->find(R"("offsetTable":{"1":1,"2":1})") != std::string::npos);
    CHECK(text->find(R"("dataVersion":{"counter":1,)") != std::string::npos);

    // As the original writes it.
    REQUIRE(write_file(f.directory.file("delayOffset.json"),
                       "{\n\t\"dataVersion\":{\"counter\":7,\"stateVersion\":0,"
                       "\"timestamp\":5},\n\t\"offsetTable\":{1:1,2:0,99:4}\n}"));
    const auto again = f.make();
    f.store->add(1, f.in(0), "a");
    f.store->add(2, f.in(0), "b");
    REQUIRE(again->load());
    again->run_once();
    CHECK(f.store->bodies() == "b ");
    CHECK(again->encode().find(R"("counter":8)") != std::string::npos);
    std::map<std::string, std::string, std::less<>> table;
    again->add_runtime_info(table);
    CHECK(table.at("scheduleMessageOffset_1") == "1,1");
}

TEST_CASE("ScheduleMessageService: a level whose first message is not due is in the file",
          "[broker][delay][D-02][K-01]") {
    Fixture f;
    f.store->add(2, f.in(4000), "later");
    f.service->run_once();
    CHECK(f.service->encode().find(R"("offsetTable":{"2":0})") != std::string::npos);
}

TEST_CASE("ScheduleMessageService: positions outside the queue move to its nearest end",
          "[broker][delay][D-02]") {
    Fixture f;
    REQUIRE(write_file(f.directory.file("delayOffset.json"), R"({"offsetTable":{1:9,2:0}})"));
    f.store->add(1, f.in(0), "a");
    f.store->add(2, f.in(0), "cut off");
    f.store->add(2, f.in(0), "b");
    f.store->min[1] = 1;
    REQUIRE(f.service->load());
    f.service->run_once();
    CHECK(f.store->bodies() == "b ");
    f.store->add(1, f.in(0), "c");
    f.service->run_once();
    CHECK(f.store->bodies() == "b c ");
    // Retention may also pass the position while the service runs.
    f.store->add(2, f.in(0), "d");
    f.store->add(2, f.in(0), "e");
    f.store->min[1] = 3;
    f.service->run_once();
    CHECK(f.store->bodies() == "b c e ");
}

TEST_CASE("ScheduleMessageService: an unreadable position file is an error that names it",
          "[broker][delay]") {
    Fixture f;
    REQUIRE(write_file(f.directory.file("delayOffset.json"), "{"));
    const auto status = f.service->load();
    REQUIRE_FALSE(status);
    CHECK(status.error().remark.find("delayOffset.json") != std::string::npos);
}

TEST_CASE("ScheduleMessageService: the thread is woken by arrivals", "[broker][delay][D-01]") {
    Fixture f;
    const SystemClock real;
    const auto service = f.make(&real);
    service->start();
    // The thread may sleep by now or not yet: both must see the arrival.
    for (int round = 1; round <= 20; ++round) {
        const std::int64_t due = real.now_ms() + 2;
        f.store->add(1, due, std::to_string(round));
        store::MessageArrival arrival;
        arrival.topic = "SCHEDULE_TOPIC_XXXX";
        arrival.tags_code = due;
        service->on_arrivals({&arrival, 1});
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        for (std::size_t count = 0; count < static_cast<std::size_t>(round);) {
            REQUIRE(std::chrono::steady_clock::now() < deadline);
            std::this_thread::yield();
            std::lock_guard lock(f.store->mutex);
            count = f.store->delivered.size();
        }
        CHECK(real.now_ms() >= due);
    }
    service->stop();
    CHECK(read_file(f.directory.file("delayOffset.json")));
}
