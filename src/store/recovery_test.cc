// SPDX-License-Identifier: Apache-2.0
#include "store/recovery.h"

#include "common/bytes.h"
#include "common/message/message_layout.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "store/testing/log_fixture.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

using namespace rmq;
using namespace rmq::store;
using namespace rmq::store::testing;
using rmq::testing::TempDir;

namespace {

constexpr std::int64_t kFileSize = LogFixture::kFileSize;

std::string path_of(const TempDir& dir, std::int64_t start) {
    return dir.path() + "/commitlog/" + mapped_file_name(start);
}

// Overwrites bytes of the first file.
void patch(const TempDir& dir, std::int64_t at, std::string_view bytes) {
    std::fstream file(path_of(dir, at / kFileSize * kFileSize),
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at % kFileSize);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    REQUIRE(file.good());
}

char byte_at(const TempDir& dir, std::int64_t at) {
    return (*read_file(
        path_of(dir, at / kFileSize * kFileSize)))[static_cast<std::size_t>(at % kFileSize)];
}

// A log of `count` records of 1,000 to 1,100 bytes; returns where each ends.
std::vector<std::int64_t> fill(const TempDir& dir, int count) {
    LogFixture f(dir.path());
    REQUIRE(f.recover());
    std::vector<std::int64_t> ends;
    for (int i = 0; i < count; ++i) {
        const std::string body(static_cast<std::size_t>(850 + i), static_cast<char>('a' + i % 26));
        const std::string properties = "N\001" + std::to_string(i) + "\002CLUSTER\001c\002";
        ends.push_back(f.put(body, properties).end.value);
    }
    return ends;
}

// Recovers and returns the report, with every byte behind the end found zero.
RecoveryReport recover(const TempDir& dir, LogFixture& f, bool is_abnormal = true) {
    const auto report = f.recover(is_abnormal);
    REQUIRE(report);
    const auto holder = f.files.find(report->end.value);
    if (holder) {
        const auto rest = holder->bytes(report->end.value - holder->start(), kFileSize);
        CHECK(rest.find_first_not_of('\0') == std::string_view::npos);
        CHECK(f.files.last() == holder);
        CHECK_FALSE(std::filesystem::exists(path_of(dir, holder->end())));
    }
    return *report;
}

}  // namespace

TEST_CASE("recovery: an empty store begins at 0", "[store][recovery][K-03]") {
    const TempDir dir;
    LogFixture f(dir.path());
    CHECK(recover(dir, f).end == PhysicalOffset{0});
    CHECK(f.put("x").physical_offset == PhysicalOffset{0});
}

TEST_CASE("recovery: after a clean stop and after a crash every record is there",
          "[store][recovery][K-03]") {
    const TempDir dir;
    const auto ends = fill(dir, 100);
    const bool is_abnormal = GENERATE(false, true);
    LogFixture f(dir.path());
    const auto report = recover(dir, f, is_abnormal);
    CHECK(report.end == PhysicalOffset{ends.back()});
    CHECK(report.record_count == 100);
    CHECK(report.dispatched_count == 100);
    CHECK(f.records().size() == 100);
    CHECK(f.put("next").queue_offset == QueueOffset{100});
}

TEST_CASE("recovery: an unused spare file is accepted", "[store][recovery][K-03]") {
    const TempDir dir;
    const auto ends = fill(dir, 10);
    REQUIRE(write_file(path_of(dir, kFileSize), std::string(kFileSize, '\0')));
    LogFixture f(dir.path());
    CHECK(recover(dir, f).end == PhysicalOffset{ends.back()});
}

TEST_CASE("recovery: a log cut at any byte ends at the last whole record",
          "[store][recovery][K-03]") {
    const TempDir source;
    const auto ends = fill(source, 4);
    const std::string whole = *read_file(path_of(source, 0));
    for (std::int64_t cut = 1; cut <= ends.back(); cut += 13) {
        const TempDir dir;
        std::filesystem::create_directories(dir.path() + "/commitlog");
        std::string torn = whole;
        std::memset(torn.data() + cut, 0, torn.size() - static_cast<std::size_t>(cut));
        REQUIRE(write_file(path_of(dir, 0), torn));
        LogFixture f(dir.path());
        const auto report = recover(dir, f);
        std::int64_t expected = 0;
        for (const std::int64_t end : ends) {
            expected = end <= cut ? end : expected;
        }
        CAPTURE(cut);
        CHECK(report.end.value == expected);
    }
}

TEST_CASE("recovery: a flipped bit in body, length, magic or position cuts the tail",
          "[store][recovery][K-03]") {
    const TempDir dir;
    const auto ends = fill(dir, 5);
    const std::int64_t record = ends[2];
    const std::int64_t at = record + GENERATE(0, 1, 4, 7, 28, 35, 84, 87, 200, 500);
    patch(dir, at, std::string(1, static_cast<char>(byte_at(dir, at) ^ 0x10)));
    LogFixture f(dir.path());
    CHECK(recover(dir, f).end == PhysicalOffset{record});
    CHECK(f.records().size() == 3);
}

TEST_CASE("recovery: stale records behind the end are never taken up again",
          "[store][recovery][K-03]") {
    const TempDir dir;
    const auto ends = fill(dir, 5);
    patch(dir, ends[1], std::string(4, '\0'));
    std::int64_t size = ends[2] - ends[1];
    {
        LogFixture f(dir.path());
        CHECK(recover(dir, f).end == PhysicalOffset{ends[1]});
        // Exactly as long as the record that was lost, so that the old one behind would line up.
        const std::string body(static_cast<std::size_t>(size - layout::kFixedBytes - 5), 'n');
        CHECK(f.put(body).end == PhysicalOffset{ends[2]});
    }
    LogFixture f(dir.path());
    CHECK(recover(dir, f).end == PhysicalOffset{ends[2]});
    CHECK(f.records().size() == 3);
}

TEST_CASE("recovery: what it accepts is on the disk before anything is appended",
          "[store][recovery][K-03]") {
    const TempDir dir;
    LogFixture f(dir.path());
    {
        LogFixture writer(dir.path());
        REQUIRE(writer.recover());
        writer.put("never synced");
    }
    const auto report = recover(dir, f);
    std::mt19937_64 random(1);
    f.ops.lose_pages(random);
    LogFixture again(dir.path());
    CHECK(recover(dir, again).end == report.end);
}

TEST_CASE("recovery: the scan begins where the checkpoint says all is on the disk",
          "[store][recovery][K-03]") {
    const TempDir dir;
    std::int64_t third_file_ms = 0;
    {
        LogFixture f(dir.path());
        REQUIRE(f.recover());
        for (int i = 0; i < 200; ++i) {
            f.clock.advance_ms(1000);
            if (f.put(std::string(850, 'b')).physical_offset == PhysicalOffset{2 * kFileSize}) {
                third_file_ms = f.clock.now_ms();
            }
        }
        f.checkpoint.set(StoreCheckpoint::kPhysicMsgTimestamp, third_file_ms + 3000);
        f.checkpoint.set(StoreCheckpoint::kLogicsMsgTimestamp, third_file_ms + 3000);
        REQUIRE(f.checkpoint.flush());
    }
    LogFixture f(dir.path());
    const auto report = recover(dir, f);
    CHECK(report.scanned_from == PhysicalOffset{2 * kFileSize});
    CHECK(report.dispatched_count == report.record_count);

    RecoveryStart start;
    start.is_abnormal = true;
    start.min_timestamp = third_file_ms;
    const auto ignore = [](const MessageRecord&) { return Status{}; };
    // The queues were flushed less far than the time says: an earlier file.
    start.logics_physical_offset = {2 * kFileSize - 1};
    CHECK(recover_commit_log(f.files, start, ignore)->scanned_from == PhysicalOffset{kFileSize});
    // A clean stop: by position, and only what the queues lack.
    start.is_abnormal = false;
    start.queues_end = report.end;
    const auto clean = recover_commit_log(f.files, start, ignore);
    CHECK(clean->scanned_from == PhysicalOffset{f.files.last()->start()});
    CHECK(clean->dispatched_count == 0);
    CHECK(clean->end == report.end);
    start.queues_end = {-1};
    CHECK(recover_commit_log(f.files, start, ignore)->dispatched_count == 200);
}

TEST_CASE("recovery: a damaged record that was once flushed does not cost those behind it",
          "[store][recovery][K-03]") {
    const TempDir dir;
    const auto ends = fill(dir, 10);
    patch(dir, ends[4] + 300, "!");
    LogFixture f(dir.path());
    {
        StoreCheckpoint checkpoint(dir.file("checkpoint"));
        checkpoint.set(StoreCheckpoint::kPhysicMsgTimestamp, f.clock.now_ms() + 1);
        REQUIRE(checkpoint.flush());
    }
    const auto report = recover(dir, f);
    CHECK(report.damaged_count == 1);
    CHECK(report.dispatched_count == 9);
    CHECK(report.end == PhysicalOffset{ends.back()});
}

TEST_CASE("recovery: a damaged record of the checkpoint's own millisecond may be torn",
          "[store][recovery][K-03]") {
    const TempDir dir;
    const auto ends = fill(dir, 10);
    patch(dir, ends[4] + 300, "!");
    LogFixture f(dir.path());
    {
        StoreCheckpoint checkpoint(dir.file("checkpoint"));
        checkpoint.set(StoreCheckpoint::kPhysicMsgTimestamp, f.clock.now_ms());
        REQUIRE(checkpoint.flush());
    }
    const auto report = recover(dir, f);
    CHECK(report.damaged_count == 0);
    CHECK(report.end == PhysicalOffset{ends[4]});
}

TEST_CASE("recovery: a record whose properties lost a sector is torn", "[store][recovery][K-03]") {
    const std::string properties = "K\001" + std::string(2000, 'v') + "\002";
    MessageRecord record;
    record.topic = "Topic";
    record.properties = properties;
    record.physical_offset = {100};
    const auto bytes = encode_message(record);
    CHECK(scan_record(bytes, {100}, true).step == ScanStep::kRecord);
    CHECK(scan_record(bytes, {101}, true).step == ScanStep::kEnd);
    // The record begins at 100, so the sector from 1024 begins at its byte 924.
    std::string torn = bytes;
    torn.replace(924, 512, std::string(512, '\0'));
    CHECK(scan_record(torn, {100}, true).step == ScanStep::kEnd);
    torn = bytes;
    torn.replace(2048 - 100, torn.size() - (2048 - 100),
                 std::string(torn.size() - (2048 - 100), '\0'));
    CHECK(scan_record(torn, {100}, true).step == ScanStep::kEnd);
}

TEST_CASE("scan_record: hostile bytes end the scan", "[store][recovery][K-03]") {
    std::mt19937_64 random(7);
    for (int round = 0; round < 20'000; ++round) {
        std::string bytes(random() % 300, '\0');
        for (char& byte : bytes) {
            byte = static_cast<char>(random());
        }
        if (bytes.size() >= 8) {
            store_be(bytes.data(), static_cast<std::int32_t>(random() % 400));
            store_be(bytes.data() + 4,
                     layout::kMagicV1 + static_cast<std::int32_t>(random() % 2) * 4);
        }
        CHECK(scan_record(bytes, {0}, true).step == ScanStep::kEnd);
    }
}
