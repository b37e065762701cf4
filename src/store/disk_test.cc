// SPDX-License-Identifier: Apache-2.0
// A disk that is full, fails or hangs up while the store runs, and clocks that step.
#include "common/message/message_record.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "store/retention.h"
#include "store/testing/fault_store.h"
#include "store/testing/log_fixture.h"
#include "store/testing/private_mount.h"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <future>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

using namespace rmq;
using namespace rmq::store;
using namespace rmq::store::testing;
using rmq::testing::TempDir;
namespace fs = std::filesystem;

namespace {

bool await(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) {
            return false;
        }
        std::this_thread::yield();
    }
    return true;
}

PutMessageResult put_one(MessageStore& store, std::int64_t number, std::size_t body_bytes) {
    const std::string body = std::to_string(number) + ":" + std::string(body_bytes, 'x');
    MessageToPut message = make_message(body);
    message.queue_id = static_cast<std::int32_t>(number % kFaultQueues);
    return store.put_message(message);
}

// --- in a child process, where Catch cannot be asked --------------------------------------------

constexpr long kDiskBytes = 3 * 1024 * 1024;

#define REQUIRE_HERE(...)                                                                  \
    do {                                                                                   \
        if (!(__VA_ARGS__)) {                                                              \
            std::fprintf(stderr, "failed line=%d condition=%s\n", __LINE__, #__VA_ARGS__); \
            ::_exit(1);                                                                    \
        }                                                                                  \
    } while (false)

// The numbers of readable messages, all of which follow one another.
std::set<std::int64_t> numbers_in(MessageStore& store) {
    std::set<std::int64_t> numbers;
    for (PhysicalOffset at = store.runtime().commit_log_min; at < store.runtime().commit_log_max;) {
        const auto slice = store.record_at(at);
        if (!slice) {
            at = {(at.value / kFaultLogFile + 1) * kFaultLogFile};
            continue;
        }
        const auto record = decode_message(slice->bytes, VerifyCrc::kYes);
        REQUIRE_HERE(record);
        numbers.insert(std::strtoll(record->body.data(), nullptr, 10));
        at = at + record->total_size;
    }
    return numbers;
}

// Sends until the disk is full, and further: all that is refused is refused as unavailable.
// Returns how many were taken.
std::int64_t fill(MessageStore& store) {
    std::int64_t taken = 0;
    for (int refused = 0; refused < 20;) {
        const auto result = put_one(store, taken, 20'000);
        if (result.status == PutMessageStatus::PUT_OK) {
            ++taken;
            continue;
        }
        REQUIRE_HERE(result.status == PutMessageStatus::SERVICE_NOT_AVAILABLE);
        ++refused;
    }
    return taken;
}

// First without watching the disk, so that allocations fail; then with.
void live_on_a_full_disk(const std::string& root) {
    const SystemClock clock;
    const std::string ballast = root + "/ballast";
    REQUIRE_HERE(mount_small_disk(root, kDiskBytes));
    REQUIRE_HERE(write_file(ballast, std::string(kDiskBytes / 2, 'b')));
    const std::string settings = root + "/config/topics.json";
    REQUIRE_HERE(replace_with_backup(settings, "former"));
    REQUIRE_HERE(replace_with_backup(settings, "present"));
    auto config = fault_config(root + "/store");
    std::int64_t taken = 0;
    {
        config.clean_resource_interval = 3'600'000;
        MessageStore store(config, clock);
        REQUIRE_HERE(store.load() && store.start());
        taken = fill(store);
        REQUIRE_HERE(taken > 20);
        REQUIRE_HERE(numbers_in(store).size() == static_cast<std::size_t>(taken));
        // Neither text is lost when there is no room for a third.
        REQUIRE_HERE(!replace_with_backup(settings, std::string(200'000, 'x')));
        REQUIRE_HERE(*read_file(settings) == "present" &&
                     *read_file(settings + ".bak") == "former");
    }
    config.clean_resource_interval = 100;
    config.delete_commit_log_files_interval = 1;
    MessageStore store(config, clock);
    REQUIRE_HERE(store.load());
    REQUIRE_HERE(numbers_in(store).size() == static_cast<std::size_t>(taken));
    REQUIRE_HERE(store.start());
    REQUIRE_HERE(!store.is_writeable());
    REQUIRE_HERE(put_one(store, taken, 100).status == PutMessageStatus::SERVICE_NOT_AVAILABLE);
    // Above the warning level even young files go, oldest first; the last one stays and is read.
    REQUIRE_HERE(await([&] { return store.runtime().commit_log_min.value > 0; }));
    const auto kept = numbers_in(store);
    REQUIRE_HERE(!kept.empty() && *kept.rbegin() == taken - 1);
    fs::remove(ballast);
    REQUIRE_HERE(
        await([&] { return put_one(store, taken, 100).status == PutMessageStatus::PUT_OK; }));
    REQUIRE_HERE(numbers_in(store).contains(taken));
    REQUIRE_HERE(await([&] { return store.runtime().dispatch_behind_bytes == 0; }));
    store.shutdown();
    REQUIRE_HERE(!fs::exists(config.store_path_root_dir + "/abort"));
}

}  // namespace

TEST_CASE("disk: full, sends are refused, reads and deletions go on, and sends come back",
          "[store][fault][K-04]") {
    const TempDir dir;
    const pid_t child = ::fork();
    if (child == 0) {
        live_on_a_full_disk(dir.path());
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    INFO("needs the right to mount in a namespace of its own; the reason is above");
    REQUIRE(WIFEXITED(status));
    REQUIRE(WEXITSTATUS(status) == 0);
}

TEST_CASE("disk: after a failed sync nothing is taken, all is read, and a start recovers",
          "[store][fault][K-02]") {
    const TempDir dir;
    FaultyFileOps disk;
    const SystemClock clock;
    auto config = fault_config(dir.path());
    config.flush_disk_type = FlushDiskType::SYNC_FLUSH;
    {
        MessageStore store(config, clock, disk);
        REQUIRE(store.load());
        REQUIRE(store.start());
        const auto send = [&](std::int64_t number) {
            const auto result = put_one(store, number, 100);
            if (result.status != PutMessageStatus::PUT_OK) {
                return result.status;
            }
            std::promise<PutMessageStatus> answer;
            store.when_flushed(result.end,
                               [&](PutMessageStatus status) { answer.set_value(status); });
            return answer.get_future().get();
        };
        CHECK(send(0) == PutMessageStatus::PUT_OK);
        CHECK(send(1) == PutMessageStatus::PUT_OK);
        await_dispatch(store);
        disk.sync_error = EIO;
        CHECK(send(2) == PutMessageStatus::SERVICE_NOT_AVAILABLE);
        disk.sync_error = 0;
        CHECK(send(3) == PutMessageStatus::SERVICE_NOT_AVAILABLE);
        CHECK_FALSE(store.is_writeable());
        CHECK(pull_all(store) == std::set<std::int64_t>{0, 1});
    }
    CHECK(fs::exists(dir.file("abort")));
    MessageStore store(config, clock, disk);
    REQUIRE(store.load());
    const auto found = pull_all(store);
    CHECK(found.contains(0));
    CHECK(found.contains(1));
    CHECK_FALSE(found.contains(3));
}

TEST_CASE("disk: a checkpoint that cannot be written costs a longer start alone",
          "[store][fault][K-03]") {
    const TempDir dir;
    fs::create_symlink(dir.file("nowhere/checkpoint"), dir.file("checkpoint"));
    const auto stored = make_store(dir.path(), Stop::kKilled, 500);
    fs::remove(dir.file("checkpoint"));
    const SystemClock clock;
    const auto config = fault_config(dir.path());
    MessageStore store(config, clock);
    REQUIRE(store.load());
    CHECK(pull_all(store).size() == stored.size());
}

TEST_CASE("disk: pages that the device cannot give cost their messages, not the process",
          "[store][fault][K-03]") {
    const TempDir dir;
    const SystemClock clock;
    const auto stored = make_store(dir.path(), Stop::kClean, 1600);
    const auto config = fault_config(dir.path());
    MessageStore store(config, clock);
    REQUIRE(store.load());
    REQUIRE(store.start());
    put_some(store, 1600, 2);
    await_dispatch(store);
    // Behind its end a file gives what a bad sector gives: SIGBUS.
    constexpr std::int64_t kKept = 8 * 4096;
    SECTION("old messages: the others are read, and sends go on") {
        fs::resize_file(dir.file("commitlog/" + mapped_file_name(kFaultLogFile)), kKept);
        const auto found = pull_all(store);
        for (const Stored& each : stored) {
            const bool is_lost =
                each.end > kFaultLogFile + kKept && each.position < 2 * kFaultLogFile;
            CHECK(found.contains(each.number) != is_lost);
        }
        CHECK(put_one(store, 1602, 100).status == PutMessageStatus::PUT_OK);
    }
    SECTION("the end of the log: nothing is promised any more") {
        const std::int64_t last = stored.back().position / kFaultLogFile * kFaultLogFile;
        fs::resize_file(dir.file("commitlog/" + mapped_file_name(last)), 4096);
        CHECK(await([&] {
            return put_one(store, 1602, 20'000).status == PutMessageStatus::SERVICE_NOT_AVAILABLE;
        }));
        CHECK_FALSE(store.is_writeable());
        CHECK(pull_all(store).contains(0));
    }
    SECTION("a consume queue: nothing is taken that could not be delivered") {
        fs::resize_file(dir.file("consumequeue/Topic/0/" + mapped_file_name(kFaultQueueFile)), 0);
        for (int i = 0; i < 700 && store.is_writeable(); ++i) {
            put_one(store, 1602 + i, 10);
            await([&] {
                return store.runtime().dispatch_behind_bytes == 0 || !store.is_writeable();
            });
        }
        CHECK_FALSE(store.is_writeable());
    }
}

// --- clocks
// ---------------------------------------------------------------------------------------

namespace {

constexpr std::int64_t kHourMs = 3'600'000;

// A wall clock that is set by hand, beside a monotonic one that runs.
class SteppedClock final : public Clock {
public:
    std::int64_t now_ms() const override { return system_.now_ms() + step_ms.load(); }
    std::int64_t monotonic_ms() const override { return system_.monotonic_ms(); }
    std::atomic<std::int64_t> step_ms{0};

private:
    const SystemClock system_;
};

}  // namespace

TEST_CASE("clock: steps by hours lose, repeat and reorder nothing", "[store][fault][K-03]") {
    const TempDir dir;
    const auto config = fault_config(dir.path());
    SteppedClock clock;
    std::int64_t number = 0;
    for (const std::int64_t hours : {0, -5, -2, 30, 0, -48}) {
        CAPTURE(hours);
        clock.step_ms = hours * kHourMs;
        {
            MessageStore store(config, clock);
            REQUIRE(store.load());
            CHECK(pull_all(store).size() == static_cast<std::size_t>(number));
            REQUIRE(store.start());
            for (const int step : {0, 3, -3}) {
                clock.step_ms = (hours + step) * kHourMs;
                for (const Stored& put : put_some(store, number, 150)) {
                    CHECK(put.queue_offset == put.number / kFaultQueues);
                }
                number += 150;
            }
            await_dispatch(store);
            CHECK(pull_all(store).size() == static_cast<std::size_t>(number));
            for (const std::int64_t at : {-60, -5, 0, 3, 40}) {
                for (const auto boundary : {BoundaryType::LOWER, BoundaryType::UPPER}) {
                    const auto found = store.search_offset_by_time(
                        "Topic", 0, clock.now_ms() + at * kHourMs, boundary);
                    CHECK(found >= store.min_offset("Topic", 0));
                    CHECK(found <= store.max_offset("Topic", 0));
                }
            }
            CHECK(store.query_message("Topic", "k" + std::to_string(number - 1), 10, 0, INT64_MAX)
                      .slices.size() == 1);
        }
        if (hours % 2 == 0) {
            REQUIRE(write_file(dir.file("abort"), "1"));
        }
    }
}

TEST_CASE("clock: damage is told from the torn end whatever the clock said",
          "[store][fault][K-03]") {
    const TempDir dir;
    LogFixture f(dir.path());
    REQUIRE(f.recover());
    std::vector<std::int64_t> ends;
    for (int i = 0; i < 10; ++i) {
        f.clock.set_ms(1'700'000'000'000 - i * kHourMs);
        ends.push_back(f.put(std::string(500, 'x')).end.value);
    }
    f.flush.run_once();
    REQUIRE(f.log.flush());
    f.checkpoint.set(StoreCheckpoint::kPhysicMsgTimestamp, f.log.flushed_store_timestamp());
    f.checkpoint.set(StoreCheckpoint::kFlushedPhysicalOffset, f.log.flushed_offset().value);
    REQUIRE(f.checkpoint.flush());
    spoil(dir.file("commitlog/" + mapped_file_name(0)), ends[3], std::string(700, '\0'));
    LogFixture again(dir.path());
    const auto report = again.recover();
    REQUIRE(report);
    CHECK(report->end == PhysicalOffset{ends.back()});
    CHECK(report->damaged_count == 1);
    CHECK(report->record_count == 8);
}

TEST_CASE("clock: a step back deletes nothing, a step forward is believed", "[store][K-04]") {
    const TempDir dir;
    FileOps ops;
    SteppedClock clock;
    MessageStoreConfig config;
    config.clean_resource_interval = 0;
    RunningFlags flags;
    MappedFileQueue files({dir.path(), 4096}, ops);
    for (int i = 0; i < 3; ++i) {
        REQUIRE(write_file(files.path_of(i * 4096), std::string(4096, 'x')));
    }
    REQUIRE(files.load());
    Retention retention(config, files, flags, clock, {[](const std::string&) { return 0.1; }, {}});
    const auto run = [&] {
        retention.request();
        for (int i = 0; i < 10; ++i) {
            retention.run_once();
        }
        return files.min_position();
    };
    clock.step_ms = -100 * kHourMs;
    CHECK(run() == 0);
    clock.step_ms = 71 * kHourMs;
    CHECK(run() == 0);
    clock.step_ms = 73 * kHourMs;
    CHECK(await([&] { return run() == 2 * 4096; }));
}
