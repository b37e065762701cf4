// SPDX-License-Identifier: Apache-2.0
#include "store/message_store.h"

#include "common/message/message_record.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "store/message_store_config.h"
#include "store/testing/faulty_file_ops.h"
#include "store/testing/living_copy.h"
#include "store/testing/log_fixture.h"

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

using namespace rmq;
using namespace rmq::store;
using namespace rmq::store::testing;
using rmq::testing::TempDir;

namespace {

constexpr std::int32_t kFileSize = 256 * 1024;

MessageStoreConfig make_config(const std::string& root,
                               FlushDiskType type = FlushDiskType::ASYNC_FLUSH) {
    MessageStoreConfig config;
    config.store_path_root_dir = root;
    config.mapped_file_size_commit_log = kFileSize;
    config.mapped_file_size_consume_queue = 100 * 20;
    config.max_hash_slot_num = 100;
    config.max_index_num = 1000;
    config.flush_disk_type = type;
    return config;
}

// A store with its threads, on the system's clock.
struct RunningStore {
    explicit RunningStore(MessageStoreConfig given) : config(std::move(given)) {
        REQUIRE(store.load());
        REQUIRE(store.start());
    }
    PutMessageResult put(std::string_view body, std::int32_t queue_id = 0) {
        MessageToPut message = make_message(body);
        message.queue_id = queue_id;
        return store.put_message(message);
    }
    // Waits until `count` messages of the queue can be read.
    bool await(std::int64_t count, std::int32_t queue_id = 0) {
        const std::int64_t deadline = clock.monotonic_ms() + 60'000;
        while (store.max_offset("Topic", queue_id).value < count) {
            if (clock.monotonic_ms() > deadline) {
                return false;
            }
            std::this_thread::yield();
        }
        return true;
    }
    std::vector<std::string> bodies(std::int32_t queue_id = 0) {
        std::vector<std::string> found;
        GetMessageRequest request;
        request.topic = "Topic";
        request.queue_id = queue_id;
        request.cold_reads = GetMessageRequest::ColdReads::kAllow;
        for (;;) {
            const auto result = store.get_message(request);
            if (result.status != GetMessageStatus::FOUND) {
                return found;
            }
            for (const auto& slice : result.slices) {
                for (std::size_t at = 0; at < slice.bytes.size();) {
                    const auto record = decode_message(slice.bytes.substr(at), VerifyCrc::kYes);
                    REQUIRE(record);
                    found.emplace_back(record->body);
                    at += static_cast<std::size_t>(record->total_size);
                }
            }
            request.offset = result.next_begin_offset;
        }
    }

    SystemClock clock;
    MessageStoreConfig config;
    FaultyFileOps ops;
    MessageStore store{config, clock, ops};
};

std::vector<std::string> numbered(int count) {
    std::vector<std::string> bodies;
    for (int i = 0; i < count; ++i) {
        bodies.push_back("body " + std::to_string(i));
    }
    return bodies;
}

void expect_files(const std::string& root, const std::vector<std::string>& names, bool there) {
    for (const auto& name : names) {
        CAPTURE(name);
        CHECK(std::filesystem::exists(root + "/" + name) == there);
    }
}

}  // namespace

TEST_CASE("MessageStore: what is put is read, also after a clean restart", "[store][K-01][K-03]") {
    const TempDir dir;
    const auto bodies = numbered(500);
    {
        RunningStore s(make_config(dir.path()));
        expect_files(dir.path(), {"abort", "lock", "abort.bak"}, true);
        for (const auto& body : bodies) {
            REQUIRE(s.put(body).status == PutMessageStatus::PUT_OK);
        }
        REQUIRE(s.await(500));
        CHECK(s.bodies() == bodies);
        CHECK(s.store.runtime().put_messages == 500);
    }
    expect_files(dir.path(), {"abort"}, false);
    expect_files(dir.path(), {"checkpoint", "abort.bak", "consumequeue/Topic/0"}, true);
    RunningStore s(make_config(dir.path()));
    CHECK(s.bodies() == bodies);
    CHECK(s.put("more").queue_offset == QueueOffset{500});
}

TEST_CASE("MessageStore: a stop dispatches what is behind, over the ends of files",
          "[store][K-03]") {
    for (int round = 0; round < 20; ++round) {
        const TempDir dir;
        {
            auto config = make_config(dir.path());
            config.mapped_file_size_commit_log = 4 * 1024;
            RunningStore s(config);
            for (const auto& body : numbered(300)) {
                REQUIRE(s.put(body).status == PutMessageStatus::PUT_OK);
            }
        }
        REQUIRE_FALSE(std::filesystem::exists(dir.path() + "/abort"));
    }
}

TEST_CASE("MessageStore: a copy of the directory at any moment recovers", "[store][K-03]") {
    const TempDir dir;
    RunningStore s(make_config(dir.path()));
    std::atomic<bool> stop{false};
    std::atomic<int> sent{0};
    std::thread sender([&] {
        for (int i = 0; !stop && i < 20'000; ++i) {
            if (s.put("body " + std::to_string(i)).status != PutMessageStatus::PUT_OK) {
                std::abort();
            }
            sent = i + 1;
        }
    });
    for (int round = 0; round < 3; ++round) {
        const int enough = sent + 100;
        while (sent < enough && sent < 20'000) {
            std::this_thread::yield();
        }
        const TempDir copy;
        const int acknowledged = sent;
        copy_living_directory(dir.path(), copy.path());
        RunningStore again(make_config(copy.path()));
        const auto bodies = again.bodies();
        CHECK(static_cast<int>(bodies.size()) >= acknowledged);
        CHECK(bodies == numbered(static_cast<int>(bodies.size())));
    }
    stop = true;
    sender.join();
}

TEST_CASE("MessageStore: lost queues and indexes are rebuilt from the log", "[store][K-03]") {
    const TempDir dir;
    const auto bodies = numbered(300);
    {
        RunningStore s(make_config(dir.path()));
        for (const auto& body : bodies) {
            s.put(body);
        }
    }
    std::filesystem::remove_all(dir.path() + "/consumequeue");
    RunningStore s(make_config(dir.path()));
    CHECK(s.bodies() == bodies);
}

TEST_CASE("MessageStore: without a CommitLog the queues are dropped", "[store][K-03]") {
    const TempDir dir;
    {
        RunningStore s(make_config(dir.path()));
        s.put("x");
        REQUIRE(s.await(1));
    }
    std::filesystem::remove_all(dir.path() + "/commitlog");
    RunningStore s(make_config(dir.path()));
    CHECK(s.store.queues().empty());
    CHECK(s.put("y").queue_offset == QueueOffset{0});
}

TEST_CASE("MessageStore: after a crash the queues are written anew from the log", "[store][K-03]") {
    const TempDir dir;
    const auto bodies = numbered(50);
    {
        RunningStore s(make_config(dir.path()));
        for (const auto& body : bodies) {
            REQUIRE(s.put(body).status == PutMessageStatus::PUT_OK);
        }
        REQUIRE(s.await(50));
    }
    // What a loss of power may leave: entries of another time, in order and inside the log, and
    // pages that never were.
    const auto queue = std::filesystem::directory_iterator(dir.path() + "/consumequeue/Topic/0");
    const std::string path = queue->path().string();
    std::string bytes = *read_file(path);
    for (std::size_t at = 20 * 20; at < 30 * 20; ++at) {
        bytes[at] = at % 20 < 8 ? bytes[at] : '\1';
    }
    bytes.replace(40 * 20, 5 * 20, 5 * 20, '\0');
    REQUIRE(write_file(path, bytes));
    REQUIRE(write_file(dir.file("abort"), "1"));
    RunningStore s(make_config(dir.path()));
    CHECK(s.store.had_crashed());
    CHECK(s.bodies() == bodies);
    CHECK(s.store.max_offset("Topic", 0) == QueueOffset{50});
}

TEST_CASE("MessageStore: a second one on the same directory is refused", "[store][K-05]") {
    const TempDir dir;
    RunningStore s(make_config(dir.path()));
    MessageStore second(s.config, s.clock);
    const auto status = second.load();
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::kBusy);
    second.shutdown();
    expect_files(dir.path(), {"abort"}, true);
}

TEST_CASE("MessageStore: files of another size stop the start", "[store][K-01]") {
    const TempDir dir;
    {
        RunningStore s(make_config(dir.path()));
        s.put("x");
    }
    auto config = make_config(dir.path());
    config.mapped_file_size_commit_log = 2 * kFileSize;
    const SystemClock clock;
    MessageStore store(config, clock);
    const auto status = store.load();
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::kMalformed);
    CHECK(status.error().remark.find("mappedFileSizeCommitLog") != std::string::npos);
}

TEST_CASE("MessageStore: with SYNC_FLUSH the answer comes after the sync", "[store][K-02]") {
    const TempDir dir;
    RunningStore s(make_config(dir.path(), FlushDiskType::SYNC_FLUSH));
    CHECK(s.store.needs_flush_wait());
    std::atomic<int> done{0};
    for (int i = 0; i < 100; ++i) {
        const auto result = s.put("body " + std::to_string(i));
        s.store.when_flushed(result.end, [&](PutMessageStatus status) {
            done += status == PutMessageStatus::PUT_OK ? 1 : 1000;
        });
    }
    REQUIRE(s.await(100));
    while (done < 100) {
        std::this_thread::yield();
    }
    CHECK(done == 100);
    CHECK(s.bodies() == numbered(100));
}

TEST_CASE("MessageStore: after a failed sync it refuses writes, reads on and stays unclean",
          "[store][K-02]") {
    const TempDir dir;
    {
        RunningStore s(make_config(dir.path(), FlushDiskType::SYNC_FLUSH));
        std::atomic<int> first{-1};
        s.store.when_flushed(s.put("body 0").end,
                             [&](PutMessageStatus status) { first = static_cast<int>(status); });
        REQUIRE(s.await(1));
        s.ops.sync_error = EIO;
        std::atomic<int> second{-1};
        s.store.when_flushed(s.put("body 1").end,
                             [&](PutMessageStatus status) { second = static_cast<int>(status); });
        while (second < 0) {
            std::this_thread::yield();
        }
        CHECK(second == static_cast<int>(PutMessageStatus::SERVICE_NOT_AVAILABLE));
        s.ops.sync_error = 0;
        CHECK_FALSE(s.store.is_writeable());
        CHECK(s.put("body 2").status == PutMessageStatus::SERVICE_NOT_AVAILABLE);
        CHECK(s.bodies() == numbered(1));
    }
    expect_files(dir.path(), {"abort"}, true);
    RunningStore s(make_config(dir.path(), FlushDiskType::SYNC_FLUSH));
    CHECK(s.bodies() == numbered(2));
    CHECK(s.store.is_writeable());
}

TEST_CASE("MessageStore: the spare file goes at a clean stop", "[store][K-01]") {
    const TempDir dir;
    const std::string spare = dir.path() + "/commitlog/" + mapped_file_name(kFileSize);
    {
        RunningStore s(make_config(dir.path()));
        s.put("x");
        const std::int64_t deadline = s.clock.monotonic_ms() + 60'000;
        while (!std::filesystem::exists(spare) && s.clock.monotonic_ms() < deadline) {
            std::this_thread::yield();
        }
        CHECK(std::filesystem::exists(spare));
    }
    CHECK_FALSE(std::filesystem::exists(spare));
}

TEST_CASE("MessageStore: a store never loaded leaves nothing behind", "[store]") {
    const TempDir dir;
    const SystemClock clock;
    const auto config = make_config(dir.file("store"));
    { const MessageStore store(config, clock); }
    CHECK_FALSE(std::filesystem::exists(dir.file("store")));
}
