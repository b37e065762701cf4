// SPDX-License-Identifier: Apache-2.0
#include "store/flush_service.h"

#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "store/testing/log_fixture.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

using namespace rmq;
using namespace rmq::store;
using namespace rmq::store::testing;
using rmq::testing::TempDir;

namespace {

// A waiter's outcome, if it was told one.
struct Outcome {
    std::atomic<int> calls{0};
    std::atomic<PutMessageStatus> status{PutMessageStatus::UNKNOWN_ERROR};
    FlushService::Done done() {
        return [this](PutMessageStatus given) {
            status = given;
            ++calls;
        };
    }
};

}  // namespace

TEST_CASE("FlushService: asynchronous, waits for 4 dirty pages or 10 s", "[store][K-02]") {
    const TempDir dir;
    LogFixture f(dir.path());
    REQUIRE(f.recover());
    f.put("small");
    f.clock.advance_ms(500);
    f.flush.run_once();
    CHECK(f.log.flushed_offset() == PhysicalOffset{0});
    f.put(std::string(4 * 4096, 'b'));
    f.clock.advance_ms(500);
    f.flush.run_once();
    CHECK(f.log.flushed_offset() == f.log.max_offset());
    CHECK(f.checkpoint.get(StoreCheckpoint::kPhysicMsgTimestamp) == f.clock.now_ms() - 500);
    f.put("small");
    f.flush.run_once();
    CHECK(f.log.flushed_offset() < f.log.max_offset());
    f.clock.advance_ms(9000);
    f.flush.run_once();
    CHECK(f.log.flushed_offset() == f.log.max_offset());
}

TEST_CASE("FlushService: one sync releases everybody below it", "[store][K-02][M-02]") {
    const TempDir dir;
    LogFixture f(dir.path(), FlushDiskType::SYNC_FLUSH);
    REQUIRE(f.recover());
    std::vector<Outcome> outcomes(10);
    for (auto& outcome : outcomes) {
        f.flush.when_flushed(f.put("x").end, outcome.done());
    }
    const int syncs = f.ops.sync_count;
    f.flush.run_once();
    CHECK(f.ops.sync_count == syncs + 1);
    for (auto& outcome : outcomes) {
        CHECK(outcome.calls == 1);
        CHECK(outcome.status == PutMessageStatus::PUT_OK);
    }
    Outcome late;
    f.flush.when_flushed(f.log.flushed_offset(), late.done());
    CHECK(late.status == PutMessageStatus::PUT_OK);
}

TEST_CASE("FlushService: after syncFlushTimeout the answer is FLUSH_DISK_TIMEOUT",
          "[store][K-02][M-02]") {
    const TempDir dir;
    LogFixture f(dir.path(), FlushDiskType::SYNC_FLUSH);
    REQUIRE(f.recover());
    Outcome outcome;
    f.flush.when_flushed(f.put("x").end, outcome.done());
    f.clock.advance_ms(4999);
    f.flush.expire_waiters();
    CHECK(outcome.calls == 0);
    f.clock.advance_ms(1);
    f.flush.expire_waiters();
    CHECK(outcome.status == PutMessageStatus::FLUSH_DISK_TIMEOUT);
    f.flush.run_once();
    CHECK(outcome.calls == 1);
    CHECK(f.log.flushed_offset() == f.log.max_offset());
}

TEST_CASE("FlushService: a failed sync answers SERVICE_NOT_AVAILABLE, now and later",
          "[store][K-02]") {
    const TempDir dir;
    LogFixture f(dir.path(), FlushDiskType::SYNC_FLUSH);
    REQUIRE(f.recover());
    Outcome early;
    Outcome late;
    const PhysicalOffset end = f.put("x").end;
    f.flush.when_flushed(end, early.done());
    f.ops.sync_error = EIO;
    f.flush.run_once();
    CHECK(early.status == PutMessageStatus::SERVICE_NOT_AVAILABLE);
    f.ops.sync_error = 0;
    f.flush.run_once();
    f.flush.when_flushed(end, late.done());
    CHECK(late.status == PutMessageStatus::SERVICE_NOT_AVAILABLE);
    CHECK(f.checkpoint.get(StoreCheckpoint::kPhysicMsgTimestamp) == 0);
}

TEST_CASE("FlushService: its threads answer every waiter, even while the disk hangs",
          "[store][K-02][M-02]") {
    const TempDir dir;
    LogFixture f(dir.path(), FlushDiskType::SYNC_FLUSH);
    REQUIRE(f.recover());
    f.log.set_append_listener([&] { f.flush.appended(); });
    std::thread flusher([&] { f.flush.run(); });
    std::thread timeouts([&] { f.flush.run_timeouts(); });
    std::vector<Outcome> outcomes(200);
    for (auto& outcome : outcomes) {
        f.flush.when_flushed(f.put("x").end, outcome.done());
    }
    for (auto& outcome : outcomes) {
        while (outcome.calls == 0) {
            std::this_thread::yield();
        }
        CHECK(outcome.status == PutMessageStatus::PUT_OK);
    }
    f.ops.sync_hangs = true;
    Outcome stuck;
    f.flush.when_flushed(f.put("x").end, stuck.done());
    f.clock.advance_ms(5000);
    while (stuck.calls == 0) {
        std::this_thread::yield();
    }
    CHECK(stuck.status == PutMessageStatus::FLUSH_DISK_TIMEOUT);
    f.ops.sync_hangs = false;
    f.ops.sync_hangs.notify_all();
    f.flush.stop();
    flusher.join();
    timeouts.join();
    CHECK(f.log.flushed_offset() == f.log.max_offset());
}

TEST_CASE("FlushService: asynchronous, a put wakes it when the settings say so",
          "[store][K-02][config]") {
    const TempDir dir;
    LogFixture f(dir.path());
    REQUIRE(f.recover());
    f.config.flush_interval_commit_log = 3'600'000;
    f.config.flush_commit_log_least_pages = 0;
    f.config.wake_flush_when_put_message = true;
    f.config.flush_commit_log_timed = false;
    f.log.set_append_listener([&] { f.flush.appended(); });
    std::thread flusher([&] { f.flush.run(); });
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    bool is_flushed = true;
    for (int i = 0; i < 10 && is_flushed; ++i) {
        f.put("x");
        do {
            std::this_thread::yield();
            is_flushed = f.log.flushed_offset() == f.log.max_offset();
        } while (!is_flushed && std::chrono::steady_clock::now() < deadline);
    }
    CHECK(is_flushed);
    f.flush.stop();
    flusher.join();
}
