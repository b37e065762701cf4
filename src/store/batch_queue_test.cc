// SPDX-License-Identifier: Apache-2.0
#include "common/bytes.h"
#include "common/message/message_properties.h"
#include "common/message/message_record.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "store/consume_queue_table.h"
#include "store/message_store.h"
#include "store/message_store_config.h"
#include "store/testing/living_copy.h"
#include "store/testing/log_fixture.h"

#include <filesystem>
#include <memory>
#include <thread>

using namespace rmq;
using namespace rmq::store;
using namespace rmq::store::testing;
using rmq::testing::TempDir;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kUnitsPerFile = 4;

bool is_batch(std::string_view topic) {
    return topic == "Batch";
}

// A batch queue whose record n lies at 1000 * n, has n % 3 + 1 messages and was stored at 10 * n.
struct Fixture {
    TempDir dir;
    ConsumeQueueOptions options{dir.file("consumequeue"), 10, dir.file("batchconsumequeue"),
                                kUnitsPerFile, is_batch};
    std::unique_ptr<ConsumeQueueTable> table = std::make_unique<ConsumeQueueTable>(options);

    static std::int16_t count(std::int64_t n) { return static_cast<std::int16_t>(n % 3 + 1); }
    static std::int64_t base(std::int64_t n) {
        std::int64_t sum = 0;
        for (std::int64_t i = 0; i < n; ++i) {
            sum += count(i);
        }
        return sum;
    }
    ConsumeQueue& queue() const { return table->queue("Batch", 1); }
    ConsumeQueue::PutOutcome put(std::int64_t n) const {
        const auto outcome = queue().put({{1000 * n}, 900, n + 7}, {base(n)}, {10 * n, count(n)});
        REQUIRE(outcome);
        return *outcome;
    }
    void put_range(std::int64_t from, std::int64_t to) const {
        for (std::int64_t n = from; n < to; ++n) {
            REQUIRE(put(n) == ConsumeQueue::PutOutcome::kWritten);
        }
    }
    void reopen() {
        table = std::make_unique<ConsumeQueueTable>(options);
        REQUIRE(table->load());
        REQUIRE(table->recover({}));
        table->assign_next_offsets({0});
    }
    std::string file(std::int64_t first_unit) const {
        const std::string digits = std::to_string(first_unit * BatchQueueUnit::kBytes);
        return options.batch_root + "/Batch/1/" + std::string(20 - digits.size(), '0') + digits;
    }
    BatchQueueUnit unit_at(std::int64_t offset) const {
        const auto window = queue().read({offset});
        REQUIRE(!window.bytes.empty());
        REQUIRE(window.type == QueueType::kBatch);
        return decode_batch_queue_unit(window.bytes.data());
    }
};

}  // namespace

TEST_CASE("BatchConsumeQueue: a unit is 46 bytes in a directory of its own",
          "[store][batch_queue][K-01][M-24]") {
    Fixture f;
    REQUIRE(f.queue().put({{0x0102030405}, 0x1234, 99}, {7}, {0x1122334455667788, 3}));
    const auto bytes = read_file(f.file(0));
    REQUIRE(bytes);
    CHECK(bytes->size() == static_cast<std::size_t>(kUnitsPerFile * BatchQueueUnit::kBytes));
    const char* at = bytes->data();
    CHECK(load_be<std::int64_t>(at) == 0x0102030405);
    CHECK(load_be<std::int32_t>(at + 8) == 0x1234);
    CHECK(load_be<std::int64_t>(at + 12) == 99);
    CHECK(load_be<std::int64_t>(at + 20) == 0x1122334455667788);
    CHECK(load_be<std::int64_t>(at + 28) == 7);
    CHECK(load_be<std::int16_t>(at + 36) == 3);
    CHECK(load_be<std::int32_t>(at + 38) == -1);
    CHECK(load_be<std::int32_t>(at + 42) == 0);
    CHECK(f.queue().min_offset().value == 7);
    CHECK(f.queue().max_offset().value == 10);
    CHECK_FALSE(fs::exists(f.options.root));
}

TEST_CASE("BatchConsumeQueue: the unit that holds an offset is found over all files",
          "[store][batch_queue][M-24]") {
    Fixture f;
    f.put_range(0, 11);
    CHECK(f.queue().min_offset().value == 0);
    CHECK(f.queue().max_offset().value == Fixture::base(11));
    for (std::int64_t n = 0; n < 11; ++n) {
        for (std::int64_t i = 0; i < Fixture::count(n); ++i) {
            const auto unit = f.unit_at(Fixture::base(n) + i);
            CHECK(unit.base.value == Fixture::base(n));
            CHECK(unit.physical_offset.value == 1000 * n);
        }
    }
    CHECK(f.queue().read({Fixture::base(11)}).bytes.empty());
    CHECK(f.queue().read({-1}).bytes.empty());
    CHECK(f.put(10) == ConsumeQueue::PutOutcome::kRepeated);
}

TEST_CASE("BatchConsumeQueue: times lead to the first message of a batch",
          "[store][batch_queue][M-24]") {
    Fixture f;
    f.put_range(0, 10);
    const auto lower = [&](std::int64_t time) {
        return f.queue().batch_offset_at(time, BoundaryType::LOWER).value;
    };
    const auto upper = [&](std::int64_t time) {
        return f.queue().batch_offset_at(time, BoundaryType::UPPER).value;
    };
    CHECK(lower(-5) == 0);
    CHECK(lower(30) == Fixture::base(3));
    CHECK(lower(31) == Fixture::base(4));
    CHECK(lower(90) == Fixture::base(9));
    CHECK(lower(1000) == Fixture::base(9));
    CHECK(upper(30) == Fixture::base(3));
    CHECK(upper(39) == Fixture::base(3));
    CHECK(upper(1000) == Fixture::base(9));
}

TEST_CASE("BatchConsumeQueue: a restart finds the end, what is behind the log's end goes",
          "[store][batch_queue][K-03]") {
    Fixture f;
    f.put_range(0, 10);
    f.reopen();
    CHECK(f.queue().type() == QueueType::kBatch);
    CHECK(f.queue().max_offset().value == Fixture::base(10));
    CHECK(f.queue().next_offset().value == Fixture::base(10));
    CHECK(f.queue().max_physical_offset().value == 9900);
    f.put_range(10, 12);

    REQUIRE(f.table->truncate({6900}));
    CHECK(f.queue().max_offset().value == Fixture::base(7));
    CHECK(f.queue().max_physical_offset().value == 6900);
    CHECK_FALSE(fs::exists(f.file(8)));
    f.reopen();
    CHECK(f.queue().max_offset().value == Fixture::base(7));
    f.put_range(7, 8);
    CHECK(f.unit_at(Fixture::base(7)).physical_offset.value == 7000);

    REQUIRE(f.table->truncate({0}));
    CHECK_FALSE(f.queue().exists());
    CHECK(f.queue().max_offset().value == 0);
}

TEST_CASE("BatchConsumeQueue: retention deletes whole files and moves the minimum",
          "[store][batch_queue][K-04]") {
    Fixture f;
    f.put_range(0, 10);
    CHECK(f.table->delete_expired_files({5500}) == 1);
    CHECK_FALSE(fs::exists(f.file(0)));
    CHECK(f.queue().min_offset().value == Fixture::base(6));
    CHECK(f.unit_at(Fixture::base(6)).physical_offset.value == 6000);
    f.reopen();
    CHECK(f.table->delete_expired_files({100'000}) == 1);
    CHECK(f.queue().min_offset() == f.queue().max_offset());
    CHECK(f.queue().max_offset().value == Fixture::base(10));
}

TEST_CASE("BatchConsumeQueue: a topic made anew gets the format of its new type",
          "[store][batch_queue][M-24]") {
    Fixture f;
    bool batch = true;
    f.table->set_batch_topics([&](std::string_view) { return batch; });
    f.put_range(0, 3);
    f.table->delete_topic("Batch");
    CHECK_FALSE(fs::exists(f.options.batch_root + "/Batch"));
    batch = false;
    REQUIRE(f.queue().put({{100'000}, 100, 0}, {0}));
    CHECK(f.queue().type() == QueueType::kSimple);
    CHECK(fs::exists(f.options.root + "/Batch/1"));
    CHECK(f.queue().max_offset().value == 1);
}

namespace {

MessageStoreConfig make_config(const std::string& root) {
    MessageStoreConfig config;
    config.store_path_root_dir = root;
    config.mapped_file_size_commit_log = 256 * 1024;
    config.mapped_file_size_consume_queue = 100 * 20;
    config.mapper_file_size_batch_consume_queue = 16 * 46;
    config.max_hash_slot_num = 100;
    config.max_index_num = 1000;
    return config;
}

struct RunningStore {
    explicit RunningStore(const std::string& root) : config(make_config(root)) {
        store.set_batch_topics(is_batch);
        REQUIRE(store.load());
        REQUIRE(store.start());
    }
    PutMessageResult put(std::string_view topic, int messages, std::string_view body) {
        MessageToPut message = make_message(body);
        const std::string properties = "UNIQ_KEY\1u\2INNER_NUM\1" + std::to_string(messages);
        message.topic = topic;
        message.sys_flag = sys_flag::kInnerBatch | sys_flag::kNeedUnwrap;
        message.properties = properties;
        return store.put_message(message);
    }
    PutMessageResult put_plain(std::string_view body) {
        MessageToPut message = make_message(body);
        message.topic = "Batch";
        return store.put_message(message);
    }
    bool await(std::int64_t offset) const {
        const std::int64_t deadline = clock.monotonic_ms() + 60'000;
        while (store.max_offset("Batch", 0).value < offset) {
            if (clock.monotonic_ms() > deadline) {
                return false;
            }
            std::this_thread::yield();
        }
        return true;
    }
    GetMessageResult get(std::int64_t offset, std::int32_t max_count = 32) {
        GetMessageRequest request;
        request.topic = "Batch";
        request.offset = {offset};
        request.max_count = max_count;
        request.cold_reads = GetMessageRequest::ColdReads::kAllow;
        return store.get_message(request);
    }

    MessageStoreConfig config;
    SystemClock clock;
    MessageStore store{config, clock};
};

MessageRecord first_record(const GetMessageResult& result) {
    REQUIRE(!result.slices.empty());
    const auto record = decode_message(result.slices.front().bytes, VerifyCrc::kYes);
    REQUIRE(record);
    return *record;
}

}  // namespace

TEST_CASE("MessageStore: an inner batch is one record with the offset of its first message",
          "[store][batch_queue][M-24]") {
    TempDir dir;
    RunningStore s(dir.file("store"));
    const auto first = s.put("Batch", 3, "one");
    REQUIRE(first.status == PutMessageStatus::PUT_OK);
    CHECK(first.queue_offset.value == 0);
    CHECK(first.message_count == 3);
    const auto second = s.put("Batch", 12, "two");
    CHECK(second.queue_offset.value == 3);
    const auto third = s.put_plain("single");
    CHECK(third.queue_offset.value == 15);
    REQUIRE(s.await(16));

    const auto result = s.get(5);
    CHECK(result.status == GetMessageStatus::FOUND);
    CHECK(result.next_begin_offset.value == 16);
    CHECK(result.message_count == 13);
    const auto record = first_record(result);
    CHECK(record.body == "two");
    CHECK(record.queue_offset.value == 3);
    CHECK(find_property(record.properties, property::kInnerBase) == "3");
    CHECK(find_property(record.properties, property::kInnerNum) == "12");
    CHECK(s.store.record_at(second.physical_offset)->bytes.size() ==
          static_cast<std::size_t>(second.end - second.physical_offset));

    // A batch is given whole, and only the first one may be over the limit.
    CHECK(s.get(0, 2).message_count == 3);
    CHECK(s.get(0, 14).message_count == 3);
    CHECK(s.get(0, 15).next_begin_offset.value == 15);
    CHECK(s.get(16).status == GetMessageStatus::OFFSET_OVERFLOW_ONE);

    CHECK(s.put("Simple", 3, "refused").status == PutMessageStatus::MESSAGE_ILLEGAL);
    s.store.shutdown();
}

TEST_CASE("MessageStore: batch queues outlive a clean stop, a crash and the loss of their files",
          "[store][batch_queue][K-03][M-24]") {
    TempDir dir;
    const auto expect_all = [](RunningStore& s) {
        REQUIRE(s.await(30));
        CHECK(s.get(0).message_count == 30);
        CHECK(s.get(29).next_begin_offset.value == 30);
        const auto next = s.put("Batch", 2, "next");
        CHECK(next.queue_offset.value == 30);
    };
    {
        RunningStore s(dir.file("store"));
        for (int i = 0; i < 10; ++i) {
            REQUIRE(s.put("Batch", 3, "body").status == PutMessageStatus::PUT_OK);
        }
        REQUIRE(s.await(30));
        copy_living_directory(dir.file("store"), dir.file("killed"));
        s.store.shutdown();
    }
    {
        RunningStore killed(dir.file("killed"));
        expect_all(killed);
    }
    fs::copy(dir.file("store"), dir.file("lost"), fs::copy_options::recursive);
    {
        RunningStore clean(dir.file("store"));
        expect_all(clean);
    }
    fs::remove_all(dir.file("lost") + "/batchconsumequeue");
    RunningStore lost(dir.file("lost"));
    expect_all(lost);
}
