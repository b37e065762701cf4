// SPDX-License-Identifier: Apache-2.0
#include "common/light_queue.h"

#include "common/message/message_properties.h"
#include "common/message/message_record.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "store/late_properties.h"
#include "store/message_store.h"
#include "store/message_store_config.h"
#include "store/testing/log_fixture.h"

#include <atomic>
#include <filesystem>
#include <thread>

using namespace rmq;
using namespace rmq::store;
using namespace rmq::store::testing;
using rmq::testing::TempDir;

namespace {

MessageStoreConfig make_config(const std::string& root) {
    MessageStoreConfig config;
    config.store_path_root_dir = root;
    config.mapped_file_size_commit_log = 256 * 1024;
    config.mapped_file_size_consume_queue = 100 * 20;
    config.max_hash_slot_num = 100;
    config.max_index_num = 1000;
    config.enable_lmq = true;
    config.enable_multi_dispatch = true;
    return config;
}

struct RunningStore {
    explicit RunningStore(const MessageStoreConfig& given) : config(given) {
        store.set_arrival_listener([this](std::span<const MessageArrival> arrivals) {
            for (const MessageArrival& each : arrivals) {
                light_arrivals += is_light_queue(each.topic) ? 1 : 0;
            }
            return false;
        });
        REQUIRE(store.load());
        REQUIRE(store.start());
    }
    PutMessageResult put(std::string_view light_queues, std::string_view topic = "Topic",
                         std::string_view body = "body") {
        MessageToPut message = make_message(body);
        const std::string properties = "A\1b\2INNER_MULTI_DISPATCH\1" + std::string(light_queues);
        message.topic = topic;
        message.properties = properties;
        return store.put_message(message);
    }
    // INNER_MULTI_QUEUE_OFFSET of a stored record; "-" when it has none.
    std::string offsets(const PutMessageResult& result) {
        REQUIRE(result.status == PutMessageStatus::PUT_OK);
        const auto slice = store.record_at(result.physical_offset);
        REQUIRE(slice);
        const auto record = decode_message(slice->bytes, VerifyCrc::kYes);
        REQUIRE(record);
        CHECK(find_property(record->properties, "A") == "b");
        CHECK(result.end - result.physical_offset == record->total_size);
        return std::string(
            find_property(record->properties, property::kInnerMultiQueueOffset).value_or("-"));
    }
    template <class Condition>
    bool await(Condition is_met) const {
        const std::int64_t deadline = clock.monotonic_ms() + 60'000;
        while (!is_met()) {
            if (clock.monotonic_ms() > deadline) {
                return false;
            }
            std::this_thread::yield();
        }
        return true;
    }
    bool await(std::string_view queue, std::int64_t offset) const {
        return await([&] { return store.max_offset(queue, kLightQueueId).value >= offset; });
    }

    MessageStoreConfig config;
    SystemClock clock;
    std::atomic<int> light_arrivals{0};
    MessageStore store{config, clock};
};

}  // namespace

TEST_CASE("LightQueues: names are split as the original splits them",
          "[store][light_queue][M-25]") {
    using Parts = std::vector<std::string_view>;
    CHECK(parts_of("").empty());
    CHECK(parts_of(",,").empty());
    CHECK(parts_of("a") == Parts{"a"});
    CHECK(parts_of("a,b,") == Parts{"a", "b"});
    CHECK(parts_of(",a") == Parts{"", "a"});
    CHECK(parts_of("a,,b") == Parts{"a", "", "b"});
}

TEST_CASE("LightQueues: one record is in every light queue it names",
          "[store][light_queue][M-25]") {
    TempDir dir;
    RunningStore s(make_config(dir.file("store")));
    CHECK(s.offsets(s.put("%LMQ%a,%LMQ%b")) == "0,0");
    CHECK(s.offsets(s.put("%LMQ%a")) == "1");
    const auto third = s.put("%LMQ%b,%LMQ%a");
    CHECK(s.offsets(third) == "1,2");
    CHECK(third.queue_offset.value == 2);
    REQUIRE(s.await("%LMQ%a", 3));
    REQUIRE(s.await("%LMQ%b", 2));
    // Listeners hear of entries after they are there.
    CHECK(s.await([&s] { return s.light_arrivals >= 5; }));
    CHECK(s.light_arrivals == 5);
    CHECK(s.store.max_offset("Topic", 0).value == 3);

    GetMessageRequest request;
    request.topic = "%LMQ%b";
    request.offset = {1};
    const auto found = s.store.get_message(request);
    REQUIRE(found.status == GetMessageStatus::FOUND);
    CHECK(found.next_begin_offset.value == 2);
    CHECK(decode_message(found.slices.front().bytes)->physical_offset == third.physical_offset);
}

TEST_CASE("LightQueues: numbers go on after a restart and after the loss of the queues",
          "[store][light_queue][M-25][K-03]") {
    TempDir dir;
    const auto config = make_config(dir.file("store"));
    for (int round = 0; round < 3; ++round) {
        RunningStore s(config);
        REQUIRE(s.await("%LMQ%a", round));
        CHECK(s.offsets(s.put("%LMQ%a")) == std::to_string(round));
        REQUIRE(s.await("%LMQ%a", round + 1));
        s.store.shutdown();
        if (round == 1) {
            std::filesystem::remove_all(dir.file("store") + "/consumequeue");
        }
    }
}

TEST_CASE("LightQueues: waiting copies and foreign names have no place in them",
          "[store][light_queue][M-25]") {
    TempDir dir;
    RunningStore s(make_config(dir.file("store")));
    for (const char* topic : {"%RETRY%g", "%DLQ%g", "SCHEDULE_TOPIC_XXXX", "rmq_sys_wheel_timer"}) {
        CHECK(s.offsets(s.put("%LMQ%a", topic)) == "-");
    }
    CHECK(s.offsets(s.put("%LMQ%a,other")) == "0,");
    CHECK(s.offsets(s.put("%LMQ%a/../b,%LMQ%a")) == "0,1");
    REQUIRE(s.await("%LMQ%a", 2));
    CHECK(s.store.max_offset("other", 0).value == 0);
    CHECK_FALSE(std::filesystem::exists(dir.file("store") + "/consumequeue/%LMQ%a/../b"));
}

TEST_CASE("LightQueues: without dispatch a message only has numbers, switched off it has none",
          "[store][light_queue][M-25]") {
    TempDir dir;
    auto config = make_config(dir.file("store"));
    config.enable_multi_dispatch = false;
    {
        RunningStore s(config);
        CHECK(s.offsets(s.put("%LMQ%a")) == "0");
        CHECK(s.offsets(s.put("%LMQ%a")) == "1");
        REQUIRE(s.await("Topic", 2));
        CHECK(s.store.max_offset("%LMQ%a", 0).value == 0);
    }
    config.enable_lmq = false;
    RunningStore s(config);
    CHECK(s.offsets(s.put("%LMQ%a")) == "-");
}

TEST_CASE("LightQueues: the quota refuses new light queues only", "[store][light_queue][M-25]") {
    TempDir dir;
    auto config = make_config(dir.file("store"));
    config.enable_lmq_quota = true;
    config.max_lmq_consume_queue_num = 2;
    RunningStore s(config);
    CHECK(s.put("%LMQ%a,%LMQ%b").status == PutMessageStatus::PUT_OK);
    REQUIRE(s.await("%LMQ%b", 1));
    CHECK(s.put("%LMQ%c").status == PutMessageStatus::LMQ_CONSUME_QUEUE_NUM_EXCEEDED);
    CHECK(s.put("%LMQ%b").status == PutMessageStatus::PUT_OK);
    s.store.delete_topic("%LMQ%a");
    CHECK(s.put("%LMQ%c").status == PutMessageStatus::PUT_OK);
}

TEST_CASE("LightQueues: a record that its numbers make too large is refused",
          "[store][light_queue][M-25]") {
    TempDir dir;
    auto config = make_config(dir.file("store"));
    config.max_message_size = 1000;
    RunningStore s(config);
    const std::string body(900, 'x');
    CHECK(s.put("%LMQ%a", "Topic", body).status == PutMessageStatus::MESSAGE_ILLEGAL);
    const std::string names = "%LMQ%" + std::string(32'740, 'x');
    CHECK(s.put(names).status == PutMessageStatus::PROPERTIES_SIZE_EXCEEDED);
    CHECK(s.store.max_offset("Topic", 0).value == 0);
}
