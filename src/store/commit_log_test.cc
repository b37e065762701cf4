// SPDX-License-Identifier: Apache-2.0
#include "store/commit_log.h"

#include "common/bytes.h"
#include "common/message/message_layout.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "store/consume_queue.h"
#include "store/testing/log_fixture.h"

#include <atomic>
#include <cerrno>
#include <optional>
#include <set>
#include <thread>

using namespace rmq;
using namespace rmq::store;
using namespace rmq::store::testing;
using rmq::testing::TempDir;

namespace {

constexpr std::int64_t kFileSize = LogFixture::kFileSize;

// A body that makes the record of topic "Topic" exactly this long.
std::string body_for(std::int64_t record_bytes) {
    return std::string(static_cast<std::size_t>(record_bytes - layout::kFixedBytes - 5), 'b');
}

}  // namespace

TEST_CASE("CommitLog: what is put is read back, field by field", "[store][commit_log][K-01]") {
    const TempDir dir;
    LogFixture f(dir.path());
    REQUIRE(f.recover());
    MessageToPut message = make_message("body", "Topic", "A\001b\002");
    message.queue_id = 3;
    message.flag = 7;
    message.sys_flag = sys_flag::kCompressed;
    message.reconsume_times = 2;
    message.born_host = *parse_socket_address("[::1]:5000");
    f.queues.queue("Topic", 3).set_next_offset({41});
    const auto result = f.log.append({&message, 1});
    REQUIRE(result.status == PutMessageStatus::PUT_OK);
    CHECK(result.physical_offset == PhysicalOffset{0});
    CHECK(result.queue_offset == QueueOffset{41});
    CHECK(result.store_timestamp == f.clock.now_ms());
    CHECK(result.end == f.log.max_offset());

    const auto slice = f.log.record_at({0});
    REQUIRE(slice);
    const auto record = decode_message(slice->bytes, VerifyCrc::kYes);
    REQUIRE(record);
    CHECK(record->body == "body");
    CHECK(record->topic == "Topic");
    CHECK(record->properties == "A\001b\002");
    CHECK(record->queue_id == 3);
    CHECK(record->flag == 7);
    CHECK(record->sys_flag == (sys_flag::kCompressed | sys_flag::kBornHostV6));
    CHECK(record->queue_offset == QueueOffset{41});
    CHECK(record->store_timestamp == f.clock.now_ms());
    CHECK(record->born_timestamp == message.born_timestamp);
    CHECK(record->born_host == message.born_host);
    CHECK(record->store_host == message.store_host);
    CHECK(record->reconsume_times == 2);
    CHECK(f.queues.queue("Topic", 3).next_offset() == QueueOffset{42});
    CHECK_FALSE(f.log.record_at({1}));
}

TEST_CASE("CommitLog: a record that does not fit rolls to the next file",
          "[store][commit_log][K-01]") {
    const TempDir dir;
    LogFixture f(dir.path());
    REQUIRE(f.recover());
    REQUIRE(f.put(body_for(kFileSize - 1000)).end == PhysicalOffset{kFileSize - 1000});
    const auto result = f.put(body_for(1000 - 7));
    CHECK(result.physical_offset == PhysicalOffset{kFileSize});
    CHECK(result.queue_offset == QueueOffset{1});
    const auto blank = f.log.slice({kFileSize - 1000}, 8);
    REQUIRE(blank);
    CHECK(load_be<std::int32_t>(blank->bytes.data()) == 1000);
    CHECK(load_be<std::int32_t>(blank->bytes.data() + 4) == layout::kBlankMagic);
    CHECK(f.records().size() == 2);
}

TEST_CASE("CommitLog: a record that leaves just the blank's 8 bytes still fits",
          "[store][commit_log][K-01]") {
    const TempDir dir;
    LogFixture f(dir.path());
    REQUIRE(f.recover());
    CHECK(f.put(body_for(kFileSize - 8)).physical_offset == PhysicalOffset{0});
    CHECK(f.put("x").physical_offset == PhysicalOffset{kFileSize});
    CHECK(f.put(body_for(kFileSize - 7)).status == PutMessageStatus::MESSAGE_ILLEGAL);
}

TEST_CASE("CommitLog: a batch lies in one file, with consecutive queue offsets",
          "[store][commit_log][K-01]") {
    const TempDir dir;
    LogFixture f(dir.path());
    REQUIRE(f.recover());
    REQUIRE(f.put(body_for(kFileSize - 1000)).status == PutMessageStatus::PUT_OK);
    const std::string body = body_for(400);
    const std::vector<MessageToPut> batch(3, make_message(body));
    const auto result = f.log.append(batch);
    REQUIRE(result.status == PutMessageStatus::PUT_OK);
    CHECK(result.physical_offset == PhysicalOffset{kFileSize});
    CHECK(result.end == PhysicalOffset{kFileSize + 3 * 400});
    CHECK(result.queue_offset == QueueOffset{1});
    CHECK(result.message_count == 3);
    const auto records = f.records();
    REQUIRE(records.size() == 4);
    for (std::int64_t i = 0; i < 4; ++i) {
        CHECK(records[static_cast<std::size_t>(i)].queue_offset == QueueOffset{i});
    }
}

TEST_CASE("CommitLog: a topic over 127 bytes needs a V2 record, and only retry topics may",
          "[store][commit_log][K-01][K-16]") {
    const TempDir dir;
    LogFixture f(dir.path());
    REQUIRE(f.recover());
    const std::string retry = "%RETRY%" + std::string(150, 'g');
    const MessageToPut message = make_message("x", retry);
    REQUIRE(f.log.append({&message, 1}).status == PutMessageStatus::PUT_OK);
    CHECK(f.records().front().magic == layout::kMagicV2);
    CHECK(f.records().front().topic == retry);
    const std::string long_topic(128, 't');
    const MessageToPut illegal = make_message("x", long_topic);
    CHECK(f.log.append({&illegal, 1}).status == PutMessageStatus::MESSAGE_ILLEGAL);
    const std::string too_long = "%RETRY%" + std::string(249, 'g');
    const MessageToPut longer = make_message("x", too_long);
    CHECK(f.log.append({&longer, 1}).status == PutMessageStatus::MESSAGE_ILLEGAL);
}

TEST_CASE("CommitLog: sizes over the limits are refused", "[store][commit_log][M-04]") {
    const TempDir dir;
    LogFixture f(dir.path());
    REQUIRE(f.recover());
    f.config.max_message_size = 1000;
    CHECK(f.put(std::string(1000, 'b')).status == PutMessageStatus::PUT_OK);
    CHECK(f.put(std::string(1001, 'b')).status == PutMessageStatus::MESSAGE_ILLEGAL);
    CHECK(f.put("", "").status == PutMessageStatus::PUT_OK);
    CHECK(f.put("x", std::string(32767, 'p')).status == PutMessageStatus::PUT_OK);
    CHECK(f.put("x", std::string(32768, 'p')).status == PutMessageStatus::PROPERTIES_SIZE_EXCEEDED);
    CHECK(f.records().size() == 3);
}

TEST_CASE("CommitLog: half messages and rollbacks take no queue offset",
          "[store][commit_log][K-01]") {
    const TempDir dir;
    LogFixture f(dir.path());
    REQUIRE(f.recover());
    f.queues.queue("Topic", 0).set_next_offset({5});
    for (const auto type : {sys_flag::kTransactionPrepared, sys_flag::kTransactionRollback}) {
        MessageToPut message = make_message("x");
        message.sys_flag = type;
        CHECK(f.log.append({&message, 1}).queue_offset == QueueOffset{0});
    }
    MessageToPut commit = make_message("x");
    commit.sys_flag = sys_flag::kTransactionCommit;
    CHECK(f.log.append({&commit, 1}).queue_offset == QueueOffset{5});
}

TEST_CASE("CommitLog: when the next file cannot be made, the send fails and the log goes on",
          "[store][commit_log][K-01]") {
    const TempDir dir;
    LogFixture f(dir.path());
    REQUIRE(f.recover());
    REQUIRE(f.put(body_for(kFileSize - 1000)).status == PutMessageStatus::PUT_OK);
    f.ops.allocate_error = ENOSPC;
    CHECK(f.put(body_for(2000)).status == PutMessageStatus::SERVICE_NOT_AVAILABLE);
    f.ops.allocate_error = EIO;
    CHECK(f.put(body_for(2000)).status == PutMessageStatus::CREATE_MAPPED_FILE_FAILED);
    CHECK(f.put(body_for(500)).queue_offset == QueueOffset{1});
    f.ops.allocate_error = 0;
    CHECK(f.put(body_for(2000)).queue_offset == QueueOffset{2});
    CHECK(f.records().size() == 3);
}

TEST_CASE("CommitLog: a failed sync ends all writing, without a retry",
          "[store][commit_log][K-02]") {
    const TempDir dir;
    LogFixture f(dir.path());
    REQUIRE(f.recover());
    REQUIRE(f.put("one").status == PutMessageStatus::PUT_OK);
    f.ops.sync_error = EIO;
    CHECK_FALSE(f.log.flush());
    f.ops.sync_error = 0;
    const int syncs = f.ops.sync_count;
    CHECK_FALSE(f.log.flush());
    CHECK(f.ops.sync_count == syncs);
    CHECK(f.put("two").status == PutMessageStatus::SERVICE_NOT_AVAILABLE);
    CHECK(f.log.flushed_offset() == PhysicalOffset{0});
    CHECK(f.records().size() == 1);
}

TEST_CASE("CommitLog: a lock held for over a second refuses further sends",
          "[store][commit_log][M-14]") {
    const TempDir dir;
    LogFixture f(dir.path());
    REQUIRE(f.recover());
    CHECK_FALSE(f.log.is_os_page_cache_busy());
    // The maker of the next file hangs: whoever needs that file holds the roll lock.
    class HangingOps : public FileOps {
    public:
        int allocate(const std::string& path, int fd, std::int64_t begin,
                     std::int64_t end) override {
            hangs = true;
            hangs.notify_all();
            released.wait(false);
            return FileOps::allocate(path, fd, begin, end);
        }
        std::atomic<bool> hangs{false};
        std::atomic<bool> released{false};
    } ops;
    MappedFileQueue files({dir.file("slow"), kFileSize}, ops);
    REQUIRE(files.load());
    AllocateService allocate(files);
    CommitLog log({f.config, files, allocate, f.queues, f.flags, f.clock});
    const MessageToPut message = make_message("x");
    std::thread sender([&] { log.append({&message, 1}); });
    ops.hangs.wait(false);
    CHECK_FALSE(log.is_os_page_cache_busy());
    f.clock.advance_ms(1001);
    CHECK(log.is_os_page_cache_busy());
    CHECK(log.append_lock_held_ms() == 1001);
    CHECK(log.append({&message, 1}).status == PutMessageStatus::OS_PAGE_CACHE_BUSY);
    ops.released = true;
    ops.released.notify_all();
    sender.join();
    CHECK_FALSE(log.is_os_page_cache_busy());
    CHECK(log.append({&message, 1}).status == PutMessageStatus::PUT_OK);
}

TEST_CASE("CommitLog: with SYNC_FLUSH only what is on the disk may be dispatched",
          "[store][commit_log][K-02]") {
    const TempDir dir;
    LogFixture f(dir.path(), FlushDiskType::SYNC_FLUSH);
    REQUIRE(f.recover());
    const auto result = f.put("x");
    CHECK(f.log.dispatch_limit() == PhysicalOffset{0});
    CHECK(f.log.read({0}).bytes.empty());
    REQUIRE(f.log.flush());
    CHECK(f.log.dispatch_limit() == result.end);
    CHECK(static_cast<std::int64_t>(f.log.read({0}).bytes.size()) == result.end.value);
    CHECK(f.log.flushed_store_timestamp() == result.store_timestamp);
}

TEST_CASE("CommitLog: many threads append and one reader follows without a gap",
          "[store][commit_log]") {
    constexpr int kThreads = 4;
    constexpr int kEach = 500;
    const TempDir dir;
    LogFixture f(dir.path());
    REQUIRE(f.recover());
    std::thread allocator([&] { f.allocate.run(); });
    std::vector<std::thread> senders;
    for (int t = 0; t < kThreads; ++t) {
        senders.emplace_back([&, t] {
            for (int i = 0; i < kEach; ++i) {
                const std::string body(static_cast<std::size_t>(100 + (i * 37 + t) % 900), 'b');
                if (f.put(body).status != PutMessageStatus::PUT_OK) {
                    std::abort();
                }
            }
        });
    }
    std::set<std::int64_t> numbers;
    PhysicalOffset at{0};
    while (numbers.size() < kThreads * kEach) {
        const MappedSlice slice = f.log.read(at);
        if (slice.bytes.empty()) {
            std::this_thread::yield();
            continue;
        }
        const auto record = decode_message(slice.bytes, VerifyCrc::kYes);
        if (record) {
            REQUIRE(record->physical_offset == at);
            REQUIRE(record->queue_offset == QueueOffset{static_cast<std::int64_t>(numbers.size())});
            numbers.insert(record->queue_offset.value);
            at = at + record->total_size;
        } else {
            REQUIRE(load_be<std::int32_t>(slice.bytes.data() + 4) == layout::kBlankMagic);
            at = f.log.next_file_start(at);
        }
    }
    for (auto& sender : senders) {
        sender.join();
    }
    f.allocate.stop();
    allocator.join();
    CHECK(f.log.max_offset() == at);
}
