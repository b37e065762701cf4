// SPDX-License-Identifier: Apache-2.0
#include "store/dispatcher.h"

#include "common/bytes.h"
#include "common/java_string.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "store/consume_queue_table.h"
#include "store/index_service.h"
#include "store/testing/memory_log.h"

#include <future>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

using namespace rmq;
using namespace rmq::store;
using rmq::store::testing::encode_properties;
using rmq::store::testing::MemoryLog;

namespace {

struct Fixture {
    rmq::testing::TempDir dir;
    ManualClock clock;
    MemoryLog log;
    ConsumeQueueTable queues{{dir.file("consumequeue"), 1000}};
    IndexService index{dir.file("index"), {100, 1000}, clock};
    DispatcherOptions options;
    Dispatcher dispatcher{options, log, queues, &index};
    std::vector<std::tuple<std::string, int, std::int64_t, std::int64_t>> arrivals;

    explicit Fixture(const DispatcherOptions& wanted = {}) : options(wanted) {
        dispatcher.set_arrival_listener([this](std::span<const MessageArrival> batch) {
            for (const MessageArrival& arrival : batch) {
                arrivals.emplace_back(arrival.topic, arrival.queue_id, arrival.queue_offset.value,
                                      arrival.tags_code);
            }
            return true;
        });
    }
    void drain() {
        while (dispatcher.run_once() > 0) {
        }
    }
    std::size_t found(std::string_view topic, std::string_view key) const {
        return index.query({topic, key}).offsets.size();
    }
};

}  // namespace

TEST_CASE("Dispatcher: a record becomes a queue entry, index entries and an arrival",
          "[store][dispatcher][K-01][K-06]") {
    Fixture f;
    const std::string properties = encode_properties("UNIQ_KEY U0 KEYS K1+K2 TAGS TagA");
    const PhysicalOffset at = f.log.append({.queue_id = 2, .properties = properties});
    CHECK(f.dispatcher.behind_bytes() == f.log.max_offset() - at);
    f.drain();
    CHECK(f.dispatcher.behind_bytes() == 0);
    CHECK(f.dispatcher.last_store_timestamp() == 1000);
    const ConsumeQueue* const queue = f.queues.find("TopicA", 2);
    REQUIRE(queue != nullptr);
    const auto entry = queue->entry({0});
    REQUIRE(entry);
    CHECK(entry->physical_offset == at);
    CHECK(entry->size == f.log.max_offset() - at);
    CHECK(entry->tags_code == 2598919);
    for (const char* key : {"U0", "K1", "K2", "T#TagA"}) {
        CHECK(f.found("TopicA", key) == 1);
    }
    CHECK(f.found("TopicA", "TagA") == 0);
    CHECK(f.arrivals == decltype(f.arrivals){{"TopicA", 2, 0, 2598919}});
}

TEST_CASE(
    "Dispatcher: prepared and rolled back records get no queue entry, only the former an index",
    "[store][dispatcher]") {
    Fixture f;
    const std::string properties = encode_properties("UNIQ_KEY U0");
    const auto append = [&](std::int32_t transaction) {
        f.log.append({.topic = "T" + std::to_string(transaction),
                      .properties = properties,
                      .sys_flag = transaction});
        f.drain();
        return "T" + std::to_string(transaction);
    };
    const std::string prepared = append(sys_flag::kTransactionPrepared);
    const std::string rolled_back = append(sys_flag::kTransactionRollback);
    const std::string committed = append(sys_flag::kTransactionCommit);
    CHECK(f.queues.find(prepared, 0) == nullptr);
    CHECK(f.queues.find(rolled_back, 0) == nullptr);
    CHECK(f.queues.find(committed, 0) != nullptr);
    CHECK(f.found(prepared, "U0") == 1);
    CHECK(f.found(rolled_back, "U0") == 0);
    CHECK(f.found(committed, "U0") == 1);
    CHECK(f.arrivals.size() == 1);
}

TEST_CASE("Dispatcher: in the delay topic the tag code is the deliver time",
          "[store][dispatcher]") {
    Fixture f;
    f.dispatcher.set_delay_level_millis([](std::int32_t level) { return level * 10'000; });
    const std::string delayed = encode_properties("DELAY 3 TAGS TagA");
    f.log.append({.topic = "SCHEDULE_TOPIC_XXXX", .queue_id = 2, .properties = delayed});
    f.log.append({.topic = "TopicA", .properties = delayed});
    const std::string bad = encode_properties("DELAY 3x TAGS TagA");
    f.log.append({.topic = "SCHEDULE_TOPIC_XXXX", .queue_offset = 1, .properties = bad});
    f.drain();
    CHECK(f.queues.find("SCHEDULE_TOPIC_XXXX", 2)->entry({0})->tags_code == 1000 + 30'000);
    CHECK(f.queues.find("TopicA", 0)->entry({0})->tags_code == 2598919);
    CHECK(f.queues.find("SCHEDULE_TOPIC_XXXX", 0)->entry({1})->tags_code == 2598919);
}

TEST_CASE("Dispatcher: goes on in the next file behind a blank", "[store][dispatcher][K-01]") {
    Fixture f;
    for (int i = 0; i < 200; ++i) {
        f.log.append({.queue_offset = i});
    }
    f.drain();
    CHECK(f.dispatcher.position() == f.log.max_offset());
    CHECK(f.queues.find("TopicA", 0)->max_offset() == QueueOffset{200});
    f.log.roll();
    f.drain();
    CHECK(f.dispatcher.position() == f.log.max_offset());
    f.log.append({.queue_offset = 200});
    f.drain();
    CHECK(f.arrivals.size() == 201);
}

TEST_CASE("Dispatcher: stops at the limit, which is the flushed position with SYNC_FLUSH",
          "[store][dispatcher]") {
    Fixture f;
    f.log.append({});
    const PhysicalOffset flushed = f.log.max_offset();
    f.log.append({.queue_offset = 1});
    f.log.set_limit(flushed.value);
    f.drain();
    CHECK(f.arrivals.size() == 1);
    CHECK(f.dispatcher.position() == flushed);
    CHECK(f.queues.find("TopicA", 0)->max_offset() == QueueOffset{1});
    f.log.set_limit(-1);
    f.drain();
    CHECK(f.arrivals.size() == 2);
}

TEST_CASE("Dispatcher: steps over a record whose lengths do not add up", "[store][dispatcher]") {
    Fixture f;
    f.log.append({});
    std::string bad(f.log.read({0}).bytes);
    store_be(bad.data() + 84, 1);  // the body's length
    f.log.append_raw(bad);
    f.log.append({.queue_offset = 1});
    f.drain();
    CHECK(f.queues.find("TopicA", 0)->max_offset() == QueueOffset{2});
    CHECK(f.dispatcher.position() == f.log.max_offset());
}

TEST_CASE("Dispatcher: bytes that are no record cost a master the rest of the file; a slave waits",
          "[store][dispatcher]") {
    DispatcherOptions options;
    options.is_master = GENERATE(true, false);
    Fixture f(options);
    f.log.append({});
    const PhysicalOffset bad = f.log.append_raw(std::string(500, '\x7f'));
    f.log.append({.queue_offset = 1});
    f.log.roll();
    f.log.append({.queue_offset = 2});
    f.drain();
    if (options.is_master) {
        CHECK(f.dispatcher.position() == f.log.max_offset());
        CHECK(f.arrivals.size() == 2);
    } else {
        CHECK(f.dispatcher.position() == bad);
        CHECK(f.arrivals.size() == 1);
    }
}

TEST_CASE("Dispatcher: jumps to the first byte of the log when it was left behind",
          "[store][dispatcher]") {
    Fixture f;
    for (int i = 0; i < 100; ++i) {
        f.log.append({.queue_offset = i});
    }
    const PhysicalOffset kept{8192};
    f.log.delete_before(kept);
    f.drain();
    const ConsumeQueue* const queue = f.queues.find("TopicA", 0);
    CHECK(queue->max_offset() == QueueOffset{100});
    CHECK(queue->entry(queue->min_offset())->physical_offset == kept);
}

TEST_CASE("Dispatcher: dispatching the whole log again changes nothing",
          "[store][dispatcher][K-03]") {
    Fixture f;
    for (int i = 0; i < 300; ++i) {
        f.log.append({.queue_id = i % 3,
                      .queue_offset = i / 3,
                      .properties = encode_properties("UNIQ_KEY U" + std::to_string(i))});
    }
    f.drain();
    f.dispatcher.set_position({0});
    f.drain();
    CHECK(f.queues.find("TopicA", 1)->max_offset() == QueueOffset{100});
    for (int i = 0; i < 299; ++i) {  // the last record alone is indexed anew, as the original does
        CHECK(f.found("TopicA", "U" + std::to_string(i)) == 1);
    }
}

TEST_CASE("Dispatcher: the thread sleeps until woken and ends with everything dispatched",
          "[store][dispatcher]") {
    Fixture f;
    std::promise<void> seen;
    f.dispatcher.set_arrival_listener(
        [&, left = 50](std::span<const MessageArrival> batch) mutable {
            left -= static_cast<int>(batch.size());
            if (left == 0) {
                seen.set_value();
            }
            return left % 2 == 0;
        });
    std::thread thread([&] { f.dispatcher.run(); });
    for (int i = 0; i < 50; ++i) {
        f.log.append({.queue_offset = i});
        f.dispatcher.wake();
    }
    CHECK(seen.get_future().wait_for(std::chrono::seconds(30)) == std::future_status::ready);
    f.log.append({.queue_offset = 50});
    f.dispatcher.stop();
    thread.join();
    CHECK(f.queues.find("TopicA", 0)->max_offset() == QueueOffset{51});
}

TEST_CASE("Dispatcher: a queue that cannot be written is tried again", "[store][dispatcher]") {
    Fixture f;
    f.log.append({.topic = "x/y"});  // no directory of that name can be made below a file
    REQUIRE(std::system(("mkdir -p " + f.dir.file("consumequeue")).c_str()) == 0);
    REQUIRE(std::system(("touch " + f.dir.file("consumequeue/x")).c_str()) == 0);
    CHECK(f.dispatcher.run_once() == 0);
    CHECK(f.dispatcher.has_queue_error());
    CHECK(f.dispatcher.position() == PhysicalOffset{0});
    REQUIRE(std::system(("rm " + f.dir.file("consumequeue/x")).c_str()) == 0);
    CHECK(f.dispatcher.run_once() > 0);
    CHECK_FALSE(f.dispatcher.has_queue_error());
}
