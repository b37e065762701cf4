// SPDX-License-Identifier: Apache-2.0
#include "store/retention.h"

#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "store/mapped_file_queue.h"
#include "store/message_store_config.h"
#include "store/running_flags.h"

#include <ctime>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

using namespace rmq;
using namespace rmq::store;
using rmq::testing::TempDir;

namespace {

constexpr std::int64_t kFileSize = 4096;
constexpr std::int64_t kHourMs = 3'600'000;

// A local hour that is not 04, so that nothing is deleted for the hour alone.
std::int64_t at_local_hour(int hour) {
    std::time_t seconds = 1'700'000'000;
    std::tm local{};
    ::localtime_r(&seconds, &local);
    local.tm_hour = hour;
    local.tm_min = 30;
    local.tm_isdst = -1;
    return static_cast<std::int64_t>(std::mktime(&local)) * 1000;
}

// Five files, the oldest 100, 90 … 60 hours old.
struct Fixture {
    TempDir dir;
    FileOps ops;
    ManualClock clock;
    MessageStoreConfig config;
    RunningFlags flags;
    MappedFileQueue files{{dir.path(), kFileSize}, ops};
    double disk = 0.5;
    std::vector<std::int64_t> moved;
    Retention retention{config,
                        files,
                        flags,
                        clock,
                        {[this](const std::string&) { return disk; },
                         [this](PhysicalOffset min) { moved.push_back(min.value); }}};

    explicit Fixture(int hour = 12) : clock(at_local_hour(hour)) {
        for (int i = 0; i < 5; ++i) {
            const std::string path = files.path_of(i * kFileSize);
            REQUIRE(write_file(path, std::string(kFileSize, 'x')));
            const std::time_t then = (clock.now_ms() - (100 - 10 * i) * kHourMs) / 1000;
            const timespec times[2] = {{then, 0}, {then, 0}};
            REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
        }
        REQUIRE(files.load());
    }
    // Turns for this long.
    void run(std::int64_t ms) {
        for (const std::int64_t end = clock.monotonic_ms() + ms; clock.monotonic_ms() < end;) {
            clock.advance_ms(retention.run_once());
        }
    }
};

}  // namespace

TEST_CASE("is_delete_hour: any of the hours of the list, local time", "[store][K-04]") {
    CHECK(is_delete_hour("04", at_local_hour(4)));
    CHECK_FALSE(is_delete_hour("04", at_local_hour(5)));
    CHECK(is_delete_hour("04;16", at_local_hour(16)));
    CHECK_FALSE(is_delete_hour("", at_local_hour(0)));
}

TEST_CASE("Retention: outside the hour of deleteWhen nothing goes", "[store][K-04]") {
    Fixture f;
    f.run(10 * 60'000);
    CHECK(f.files.min_position() == 0);
    CHECK(f.moved.empty());
}

TEST_CASE("Retention: in its hour expired files go, oldest first", "[store][K-04]") {
    Fixture f(4);
    f.run(10 * 60'000);
    CHECK(f.files.min_position() == 3 * kFileSize);
    CHECK(f.moved == std::vector<std::int64_t>{3 * kFileSize});
}

TEST_CASE("Retention: a disk above diskMaxUsedSpaceRatio deletes expired files only",
          "[store][K-04]") {
    Fixture f;
    f.disk = 0.76;
    f.run(10 * 60'000);
    CHECK(f.files.min_position() == 3 * kFileSize);
    CHECK(f.flags.is_writeable());
}

TEST_CASE("Retention: a disk above the forcible level deletes unexpired files, not the last",
          "[store][K-04]") {
    Fixture f;
    f.disk = 0.86;
    SECTION("cleanFileForciblyEnable") {
        f.run(10 * 60'000);
        CHECK(f.files.min_position() == 4 * kFileSize);
    }
    SECTION("switched off") {
        f.config.clean_file_forcibly_enable = false;
        f.run(10 * 60'000);
        CHECK(f.files.min_position() == 3 * kFileSize);
    }
    CHECK(f.flags.is_writeable());
}

TEST_CASE("Retention: above the warning level writes are refused until the forcible level",
          "[store][K-04]") {
    Fixture f;
    f.disk = 0.91;
    f.run(61'000);
    CHECK_FALSE(f.flags.is_writeable());
    f.disk = 0.88;
    f.run(20'000);
    CHECK_FALSE(f.flags.is_writeable());
    f.disk = 0.85;
    f.run(20'000);
    CHECK(f.flags.is_writeable());
}

TEST_CASE("Retention: a manual request does not wait for the hour", "[store][K-04]") {
    Fixture f;
    f.retention.request();
    f.run(10 * 60'000);
    CHECK(f.files.min_position() == 3 * kFileSize);
}

TEST_CASE("Retention: at most deleteFileBatchMax files go in a round, spaced apart",
          "[store][K-04]") {
    Fixture f;
    f.config.delete_file_batch_max = 1;
    f.disk = 0.86;
    f.run(10'001);
    CHECK(f.files.min_position() == kFileSize);
    f.run(10'000);
    CHECK(f.files.min_position() == 2 * kFileSize);
}

TEST_CASE("disk_used_ratio: whole percents of a real file system", "[store][K-04]") {
    const TempDir dir;
    const double ratio = disk_used_ratio(dir.path());
    CHECK(ratio >= 0);
    CHECK(ratio <= 1);
    CHECK(disk_used_ratio(dir.file("missing")) == -1);
}
