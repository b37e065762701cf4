// SPDX-License-Identifier: Apache-2.0
#include "common/bytes.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "store/timer/timer_checkpoint.h"
#include "store/timer/timer_log.h"
#include "store/timer/timer_recovery.h"
#include "store/timer/timer_wheel.h"

#include <filesystem>
#include <string>
#include <vector>

using namespace rmq;
using namespace rmq::store;

namespace {

constexpr std::int64_t kNow = 1'700'000'000'000;
// Two units and a blank; nothing else fits.
constexpr std::int64_t kSmallFile = 4096;

struct Files {
    testing::TempDir dir;
    FileOps ops;
    TimerWheel wheel{dir.file("timerwheel"), 1000};
    TimerLog log{dir.file("timerlog"), kSmallFile, ops};

    Files() {
        REQUIRE(wheel.load());
        REQUIRE(log.load());
    }
    // As the service takes a message in.
    std::int64_t add(std::int64_t time_ms, std::int64_t physical_offset,
                     std::int32_t magic = timer_magic::kDefault) {
        TimerSlot slot = wheel.slot(time_ms);
        TimerUnit unit;
        unit.prev_pos = slot.last_pos;
        unit.magic = magic;
        unit.write_time_ms = kNow;
        unit.delay_ms = static_cast<std::int32_t>(time_ms - kNow);
        unit.physical_offset = {physical_offset};
        unit.size = 100;
        unit.topic_hash = 7;
        const auto position = log.append(unit);
        REQUIRE(position);
        slot.time_ms = time_ms;
        slot.first_pos = slot.first_pos == -1 ? *position : slot.first_pos;
        slot.last_pos = *position;
        slot.num += unit.is_delete() ? -1 : 1;
        wheel.put_slot(slot);
        return *position;
    }
    std::int64_t flush() {
        const auto pages = wheel.take_dirty();
        const auto flushed = log.flush();
        REQUIRE(flushed);
        REQUIRE(wheel.write(pages));
        return *flushed;
    }
    // CommitLog positions of a slot's chain, newest first.
    std::vector<std::int64_t> chain(std::int64_t time_ms) const {
        std::vector<std::int64_t> found;
        for (auto at = wheel.slot(time_ms).last_pos; at != -1;) {
            const auto unit = log.at(at);
            REQUIRE(unit);
            found.push_back(unit->physical_offset.value);
            at = unit->prev_pos;
        }
        return found;
    }
};

// The same directory after a restart.
struct Reopened {
    explicit Reopened(const Files& files)
        : wheel(files.dir.file("timerwheel"), 1000),
          log(files.dir.file("timerlog"), kSmallFile, ops) {
        REQUIRE(wheel.load());
        REQUIRE(log.load());
    }
    TimerRecovery recover(std::int64_t flush_pos, std::int64_t commit_log_end = INT64_MAX) {
        auto result = recover_timer(wheel, log,
                                    {.flush_pos = flush_pos,
                                     .from_ms = kNow,
                                     .commit_log_end = PhysicalOffset{commit_log_end}});
        REQUIRE(result);
        return *result;
    }
    FileOps ops;
    TimerWheel wheel;
    TimerLog log;
};

}  // namespace

TEST_CASE("TimerWheel: the file and its slots are laid out as the original's",
          "[store][timer][D-09]") {
    Files f;
    f.wheel.put_slot({.time_ms = kNow, .first_pos = 52, .last_pos = 104, .num = 2, .magic = 0});
    REQUIRE(f.wheel.write(f.wheel.take_dirty()));
    const auto bytes = read_file(f.dir.file("timerwheel"));
    REQUIRE(bytes);
    REQUIRE(bytes->size() == 38'707'200);
    const char* slot = bytes->data() + kNow / 1000 % 1'209'600 * 32;
    CHECK(load_be<std::int64_t>(slot) == kNow / 1000);
    CHECK(load_be<std::int64_t>(slot + 8) == 52);
    CHECK(load_be<std::int64_t>(slot + 16) == 104);
    CHECK(load_be<std::int32_t>(slot + 24) == 2);
    CHECK(load_be<std::int32_t>(slot + 28) == 0);

    TimerWheel again(f.dir.file("timerwheel"), 1000);
    REQUIRE(again.load());
    CHECK_FALSE(again.is_new());
    CHECK(again.slot(kNow + 999).num == 2);
    // Another time in the same place: empty.
    CHECK(again.slot(kNow + 2 * TimerWheel::kSlotsTotal * 1000).is_empty());
    CHECK(again.slot(kNow + 1000).first_pos == -1);
    CHECK(again.count_from(kNow) == 2);
    CHECK(again.count_from(kNow + 1000) == 0);
}

TEST_CASE("TimerWheel: a file of another length is refused, not overwritten", "[store][timer]") {
    testing::TempDir dir;
    REQUIRE(write_file(dir.file("timerwheel"), "short"));
    TimerWheel wheel(dir.file("timerwheel"), 1000);
    const auto loaded = wheel.load();
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().code == Errc::kMalformed);
    CHECK(*read_file(dir.file("timerwheel")) == "short");
}

TEST_CASE("TimerLog: a unit has 52 bytes in the original's layout", "[store][timer][D-09]") {
    Files f;
    f.add(kNow + 5000, 11);
    f.add(kNow + 5000, 12, timer_magic::kDefault | timer_magic::kDelete);
    const auto bytes = read_file(f.dir.file("timerlog/00000000000000000000"));
    REQUIRE(bytes);
    REQUIRE(bytes->size() == static_cast<std::size_t>(kSmallFile));
    const char* unit = bytes->data() + 52;
    CHECK(load_be<std::int32_t>(unit) == 52);
    CHECK(load_be<std::int64_t>(unit + 4) == 0);
    CHECK(load_be<std::int32_t>(unit + 12) == 5);
    CHECK(load_be<std::int64_t>(unit + 16) == kNow);
    CHECK(load_be<std::int32_t>(unit + 24) == 5000);
    CHECK(load_be<std::int64_t>(unit + 28) == 12);
    CHECK(load_be<std::int32_t>(unit + 36) == 100);
    CHECK(load_be<std::int32_t>(unit + 40) == 7);
    CHECK(load_be<std::int64_t>(unit + 44) == 0);
    CHECK(load_be<std::int64_t>(bytes->data() + 4) == -1);
}

TEST_CASE("TimerLog: units do not cross files, a blank fills the rest", "[store][timer][D-09]") {
    Files f;
    constexpr int kPerFile = (kSmallFile - 16) / 52;
    for (int i = 0; i < kPerFile + 1; ++i) {
        CHECK(f.add(kNow, i) == (i < kPerFile ? i * 52 : kSmallFile));
    }
    const auto bytes = read_file(f.dir.file("timerlog/00000000000000000000"));
    REQUIRE(bytes);
    const char* blank = bytes->data() + kPerFile * 52;
    CHECK(load_be<std::int32_t>(blank) == kSmallFile - kPerFile * 52);
    CHECK(load_be<std::int32_t>(blank + 12) == static_cast<std::int32_t>(0xCBD43194));
    CHECK(f.chain(kNow).size() == kPerFile + 1);

    std::int64_t visited = 0;
    CHECK(f.log.for_each(0, [&](std::int64_t, const TimerUnit&) { return ++visited > 0; }) ==
          kSmallFile + 52);
    CHECK(visited == kPerFile + 1);
}

TEST_CASE("TimerLog: files go once all their messages are below the CommitLog",
          "[store][timer][D-09]") {
    Files f;
    for (int i = 0; i < 200; ++i) {
        f.add(kNow, i);
    }
    constexpr int kPerFile = (kSmallFile - 16) / 52;
    f.log.delete_below({kPerFile - 1});  // the last message of the first file is still there
    CHECK(f.log.min_position() == 0);
    f.log.delete_below({kPerFile});
    CHECK(f.log.min_position() == kSmallFile);
    f.log.delete_below({1'000'000});
    CHECK(f.log.min_position() == 2 * kSmallFile);  // never the last
    CHECK_FALSE(f.log.at(0));
    CHECK_FALSE(std::filesystem::exists(f.dir.file("timerlog/00000000000000000000")));
}

TEST_CASE("TimerRecovery: units that the wheel on the disk does not know are entered",
          "[store][timer][D-09]") {
    Files f;
    f.add(kNow + 1000, 1);
    const auto flushed = f.flush();
    f.add(kNow + 1000, 2);
    f.add(kNow + 2000, 3);
    f.add(kNow + 1000, 4, timer_magic::kDefault | timer_magic::kDelete);
    Reopened again(f);
    const auto result = again.recover(flushed);
    CHECK(result.end == 4 * 52);
    CHECK(result.units == 3);
    REQUIRE(result.last_unit);
    CHECK(result.last_unit->physical_offset.value == 4);
    CHECK(again.wheel.slot(kNow + 1000).num == 1);  // two messages less one marker
    CHECK(again.wheel.slot(kNow + 1000).first_pos == 0);
    CHECK(again.wheel.slot(kNow + 1000).last_pos == 3 * 52);
    CHECK(again.wheel.slot(kNow + 2000).num == 1);
    // Once more changes nothing.
    CHECK(again.recover(flushed).units == 0);
}

TEST_CASE("TimerRecovery: without a wheel file everything is rebuilt from the log",
          "[store][timer][D-09]") {
    Files f;
    for (int i = 0; i < 300; ++i) {
        f.add(kNow + 1000 * (i % 3), i);
    }
    f.add(kNow - 1000, 1000);  // served already
    const auto flushed = f.flush();
    std::filesystem::remove(f.dir.file("timerwheel"));
    Reopened again(f);
    CHECK(again.recover(flushed).units == 300);
    CHECK(again.wheel.count_from(kNow) == 300);
    CHECK(again.wheel.slot(kNow - 1000).is_empty());
}

TEST_CASE("TimerRecovery: a log that lost its tail takes its slots back", "[store][timer][D-09]") {
    Files f;
    f.add(kNow + 1000, 1);
    f.add(kNow + 2000, 2);
    const auto third = f.add(kNow + 1000, 3);
    f.add(kNow + 3000, 4);
    const auto flushed = f.flush();
    SECTION("torn bytes") {
        const std::string path = f.dir.file("timerlog/00000000000000000000");
        auto bytes = read_file(path);
        REQUIRE(bytes);
        bytes->replace(static_cast<std::size_t>(third), 52, std::string(52, '\0'));
        REQUIRE(write_file(path, *bytes));
        Reopened again(f);
        CHECK(again.recover(flushed).end == third);
        CHECK(again.wheel.slot(kNow + 1000).last_pos == 0);
        CHECK(again.wheel.slot(kNow + 1000).num == 1);
        CHECK(again.wheel.slot(kNow + 2000).num == 1);
        CHECK(again.wheel.slot(kNow + 3000).is_empty());
    }
    SECTION("messages that the CommitLog lost") {
        Reopened again(f);
        CHECK(again.recover(flushed, 3).end == third);
        CHECK(again.wheel.slot(kNow + 1000).num == 1);
        CHECK(again.wheel.slot(kNow + 3000).is_empty());
        TimerUnit unit;
        unit.size = 1;
        REQUIRE(again.log.append(unit));
        CHECK(again.log.end() == third + 52);
    }
}

TEST_CASE("TimerCheckpoint: 56 bytes in a file of a page", "[store][timer][D-09]") {
    testing::TempDir dir;
    const std::string path = dir.file("timercheck");
    REQUIRE(TimerCheckpoint::load(path));
    CHECK(*TimerCheckpoint::load(path) == TimerCheckpoint{});
    const TimerCheckpoint checkpoint{1, 2, 3, 4, 5, 6, 7};
    REQUIRE(checkpoint.save(path));
    const auto bytes = read_file(path);
    REQUIRE(bytes);
    CHECK(bytes->size() == 4096);
    for (std::int64_t i = 0; i < 7; ++i) {
        CHECK(load_be<std::int64_t>(bytes->data() + i * 8) == i + 1);
    }
    CHECK(*TimerCheckpoint::load(path) == checkpoint);
    CHECK(checkpoint.encode() == bytes->substr(0, 56));
    CHECK(TimerCheckpoint::decode("short") == TimerCheckpoint{});
}
