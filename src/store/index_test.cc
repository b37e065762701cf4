// SPDX-License-Identifier: Apache-2.0
#include "common/bytes.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "store/index_file.h"
#include "store/index_service.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace rmq;
using namespace rmq::store;
namespace fs = std::filesystem;

namespace {

constexpr IndexFileShape kShape{7, 50};

struct Fixture {
    testing::TempDir dir;
    ManualClock clock;
    std::unique_ptr<IndexService> index = make();

    std::unique_ptr<IndexService> make() const {
        return std::make_unique<IndexService>(dir.file("index"), kShape, clock);
    }
    void put(std::int64_t at, std::int64_t timestamp, const IndexKeys& keys) {
        MessageRecord record;
        record.topic = "TopicA";
        record.physical_offset = {at};
        record.store_timestamp = timestamp;
        index->put(record, keys);
    }
    std::vector<std::int64_t> find(std::string_view key, std::size_t max = 64,
                                   std::int64_t begin = 0, std::int64_t end = INT64_MAX) const {
        std::vector<std::int64_t> found;
        for (const PhysicalOffset at : index->query({"TopicA", key, max, begin, end}).offsets) {
            found.push_back(at.value);
        }
        return found;
    }
};

using Offsets = std::vector<std::int64_t>;

std::unique_ptr<IndexFile> make_file(const testing::TempDir& dir,
                                     const IndexFileShape& shape = kShape) {
    auto file = IndexFile::create(dir.file("20250101000000000"), shape, {0}, 0);
    REQUIRE(file);
    return std::move(*file);
}

}  // namespace

TEST_CASE("IndexFile: key hashes are the original's", "[store][index][K-06]") {
    CHECK(index_key_hash("TopicA", "U0") == 1903241332);
    CHECK(index_key_hash(INT32_MIN) == 0);
    CHECK(index_key_hash(INT32_MIN + 1) == INT32_MAX);
    CHECK(index_key_hash(-1) == 1);
    CHECK(index_key_hash("", "") == '#');
}

TEST_CASE("IndexFile: a full-size file has the original's length", "[store][index][K-01]") {
    CHECK(IndexFileShape{}.file_bytes() == 420'000'040);
}

TEST_CASE("IndexFile: header, slots and entries lie where the original has them",
          "[store][index][K-01][K-06]") {
    const testing::TempDir dir;
    const auto file = make_file(dir);
    REQUIRE(file->put(10, {100}, 5000));  // slot 3
    REQUIRE(file->put(17, {200}, 7999));  // slot 3 again
    REQUIRE(file->put(1, {300}, 9000));   // slot 1
    const auto bytes = read_file(file->path());
    REQUIRE(bytes);
    CHECK(bytes->size() == 40 + 7 * 4 + 50 * 20);
    const auto i32 = [&](std::size_t at) { return load_be<std::int32_t>(bytes->data() + at); };
    const auto i64 = [&](std::size_t at) { return load_be<std::int64_t>(bytes->data() + at); };
    CHECK(i64(0) == 5000);
    CHECK(i64(8) == 9000);
    CHECK(i64(16) == 100);
    CHECK(i64(24) == 300);
    CHECK(i32(32) == 2);
    CHECK(i32(36) == 4);
    CHECK(i32(40 + 3 * 4) == 2);
    CHECK(i32(40 + 1 * 4) == 3);
    const std::size_t second = 40 + 7 * 4 + 2 * 20;
    CHECK(i32(second) == 17);
    CHECK(i64(second + 4) == 200);
    CHECK(i32(second + 12) == 2);  // (7999 - 5000) / 1000
    CHECK(i32(second + 16) == 1);
    CHECK(bytes->substr(40 + 7 * 4, 20) == std::string(20, '\0'));
}

TEST_CASE("IndexFile: the time of an entry is clamped", "[store][index]") {
    const testing::TempDir dir;
    const auto file = make_file(dir);
    const auto difference = [&](std::size_t entry) {
        return load_be<std::int32_t>(read_file(file->path())->data() + 40 + 28 + entry * 20 + 12);
    };
    REQUIRE(file->put(1, {0}, 10'000));
    REQUIRE(file->put(1, {1}, 5'000));
    REQUIRE(file->put(1, {2}, INT64_MAX));
    CHECK(difference(2) == 0);
    CHECK(difference(3) == INT32_MAX);
}

TEST_CASE("IndexFile: a damaged chain ends the search", "[store][index]") {
    const testing::TempDir dir;
    {
        const auto file = make_file(dir);
        for (int i = 0; i < 5; ++i) {
            REQUIRE(file->put(3, {i * 100}, 1000));
        }
    }
    const std::string path = dir.file("20250101000000000");
    const std::int32_t previous = GENERATE(3, 4, 49, 51, -1, INT32_MIN, INT32_MAX);
    auto bytes = *read_file(path);
    store_be(bytes.data() + 40 + 28 + 3 * 20 + 16, previous);
    REQUIRE(write_file(path, bytes));
    const auto file = IndexFile::open(path, kShape);
    REQUIRE(file);
    std::vector<PhysicalOffset> found;
    (*file)->select(3, 64, 0, INT64_MAX, found);
    CHECK(found == std::vector<PhysicalOffset>{{400}, {300}, {200}});
}

TEST_CASE("IndexFile: a slot beyond the entries is empty", "[store][index]") {
    const testing::TempDir dir;
    make_file(dir);
    const std::string path = dir.file("20250101000000000");
    auto bytes = *read_file(path);
    store_be(bytes.data() + 40 + 3 * 4, GENERATE(2, 50, INT32_MAX, -5));
    store_be(bytes.data() + 36, 0);  // read as 1
    REQUIRE(write_file(path, bytes));
    const auto file = IndexFile::open(path, kShape);
    REQUIRE(file);
    std::vector<PhysicalOffset> found;
    (*file)->select(3, 64, 0, INT64_MAX, found);
    CHECK(found.empty());
    REQUIRE((*file)->put(3, {7}, 1000));
    (*file)->select(3, 64, 0, INT64_MAX, found);
    CHECK(found == std::vector<PhysicalOffset>{{7}});
}

TEST_CASE("IndexService: every key of a record leads to it", "[store][index][K-06]") {
    Fixture f;
    f.put(100, 1000, {"U1", " K1  K2 ", "TagA"});
    f.put(200, 2000, {"U2", "K1", {}});
    CHECK(f.find("U1") == Offsets{100});
    CHECK(f.find("K1") == Offsets{200, 100});
    CHECK(f.find("K2") == Offsets{100});
    CHECK(f.find("T#TagA") == Offsets{100});
    CHECK(f.find("") == Offsets{});
    CHECK(f.find("K1", 1) == Offsets{200});
    CHECK(f.index->query({"TopicB", "K1"}).offsets.empty());
    const auto result = f.index->query({"TopicA", "none"});
    CHECK(result.last_update_timestamp == 2000);
    CHECK(result.last_update_offset == PhysicalOffset{200});
}

TEST_CASE("IndexService: a record before the newest file's end is a repeat", "[store][index]") {
    Fixture f;
    f.put(200, 1000, {"U1", {}, {}});
    f.put(100, 1000, {"U2", {}, {}});
    CHECK(f.find("U2").empty());
}

TEST_CASE("IndexService: rolls to a new file and searches newest to oldest",
          "[store][index][K-06]") {
    Fixture f;
    for (std::int64_t i = 0; i < 120; ++i) {
        f.put(i * 100, 10'000 + i * 1000, {"U" + std::to_string(i), "K", {}});
    }
    // 49 entries a file, two a record; all files were made within the same millisecond.
    CHECK(f.index->file_count() == 5);
    for (std::int64_t i = 0; i < 120; ++i) {
        CHECK(f.find("U" + std::to_string(i)) == Offsets{i * 100});
    }
    const Offsets newest = f.find("K", 64);
    CHECK(newest.size() == 64);
    CHECK(newest.front() == 11'900);
    CHECK(newest.back() == 5'600);
    CHECK(f.find("K", 64, 20'000, 25'000) == Offsets{1500, 1400, 1300, 1200, 1100, 1000});
}

TEST_CASE("IndexService: a new file takes over the end of the one before", "[store][index]") {
    Fixture f;
    for (std::int64_t i = 0; i < 49; ++i) {
        f.put(i * 100, 10'000 + i * 1000, {"U", {}, {}});
    }
    f.put(9900, 99'500, {{}, {}, {}});  // without keys, but makes the file
    CHECK(f.index->file_count() == 2);
    CHECK(f.index->query({"TopicA", "x"}).last_update_timestamp == 58'000);
    CHECK(f.index->query({"TopicA", "x"}).last_update_offset == PhysicalOffset{4800});
    f.put(9900, 99'500, {"V", {}, {}});
    CHECK(f.find("V", 1, 99'500, 99'500) == Offsets{9900});
}

TEST_CASE("IndexService: an unclean stop costs what was indexed after the checkpoint, no more",
          "[store][index][K-03]") {
    Fixture f;
    for (std::int64_t i = 0; i < 60; ++i) {
        f.put(i * 100, 10'000 + i * 1000, {"U" + std::to_string(i), "K" + std::to_string(i % 4)});
    }
    const auto reload = [&](IndexService::LastStop last_stop, std::int64_t safe_timestamp) {
        f.index = f.make();
        REQUIRE(f.index->load(last_stop, safe_timestamp));
    };
    reload(IndexService::LastStop::kClean, 0);
    CHECK(f.index->file_count() == 3);
    CHECK(f.find("U59") == Offsets{5900});
    reload(IndexService::LastStop::kUnclean, 45'000);
    CHECK(f.index->file_count() == 2);
    for (std::int64_t i = 0; i < 35; ++i) {
        CHECK(f.find("U" + std::to_string(i)) == Offsets{i * 100});
    }
    CHECK(f.find("U35").empty());
    CHECK(f.find("K3") == Offsets{3100, 2700, 2300, 1900, 1500, 1100, 700, 300});
    for (std::int64_t i = 30; i < 60; ++i) {  // recovery scans from somewhat before that
        f.put(i * 100, 10'000 + i * 1000, {"U" + std::to_string(i), "K" + std::to_string(i % 4)});
    }
    for (std::int64_t i = 35; i < 60; ++i) {
        CHECK(f.find("U" + std::to_string(i)) == Offsets{i * 100});
    }
    reload(IndexService::LastStop::kUnclean, 10'500);
    CHECK(f.index->file_count() == 0);
}

TEST_CASE("IndexService: a file that a kill left without a length is deleted",
          "[store][index][K-03]") {
    Fixture f;
    f.put(100, 10'000, {"U", "K"});
    const auto empty = f.dir.file("index") + "/20991231235959999";
    std::ofstream(empty).close();
    REQUIRE(std::filesystem::file_size(empty) == 0);
    f.index = f.make();
    REQUIRE(f.index->load(IndexService::LastStop::kUnclean, 20'000));
    CHECK_FALSE(std::filesystem::exists(empty));
    CHECK(f.index->file_count() == 1);
    CHECK(f.find("U") == Offsets{100});
}

TEST_CASE("IndexService: flushing covers full files first", "[store][index]") {
    Fixture f;
    for (std::int64_t i = 0; i < 60; ++i) {
        f.put(i * 100, 1000 + i, {"U", {}, {}});
    }
    REQUIRE(f.index->flush(IndexService::FlushScope::kFullFiles));
    CHECK(f.index->safe_timestamp() == 1048);
    REQUIRE(f.index->flush(IndexService::FlushScope::kAll));
    CHECK(f.index->safe_timestamp() == 1059);
}

TEST_CASE("IndexService: retention takes whole files, never the last", "[store][index]") {
    Fixture f;
    for (std::int64_t i = 0; i < 120; ++i) {
        f.put(i * 100, 1000 + i, {"U", {}, {}});
    }
    CHECK(f.index->file_count() == 3);
    CHECK(f.index->delete_expired({4800}) == 0);
    CHECK(f.index->delete_expired({4801}) == 1);
    CHECK(f.index->delete_expired({1'000'000}) == 1);
    CHECK(f.index->file_count() == 1);
    CHECK(std::distance(fs::directory_iterator(f.dir.file("index")), {}) == 1);
}

TEST_CASE("IndexService: a file of another length stops the load", "[store][index]") {
    Fixture f;
    REQUIRE(create_directories(f.dir.file("index")));
    REQUIRE(write_file(f.dir.file("index/20250101000000000"), "short"));
    const auto status = f.index->load(IndexService::LastStop::kClean, 0);
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::kMalformed);
}

TEST_CASE("IndexService: searches run beside the dispatcher", "[store][index]") {
    Fixture f;
    std::atomic<bool> done{false};
    std::thread searcher([&] {
        while (!done) {
            const Offsets found = f.find("K");
            if (!std::is_sorted(found.rbegin(), found.rend())) {
                std::abort();
            }
            (void)f.index->flush(IndexService::FlushScope::kAll);
            f.index->delete_expired({found.empty() ? 0 : found.back()});
        }
    });
    for (std::int64_t i = 0; i < 2000; ++i) {
        f.put(i * 100, 1000 + i, {"U", "K", {}});
    }
    done = true;
    searcher.join();
    CHECK(f.find("K").size() == 64);
}
