// SPDX-License-Identifier: Apache-2.0
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "store/allocate_service.h"
#include "store/mapped_file_queue.h"
#include "store/testing/faulty_file_ops.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>

#include <sys/stat.h>

using namespace rmq;
using namespace rmq::store;
using rmq::testing::TempDir;
using store::testing::FaultyFileOps;

namespace {

constexpr std::int64_t kFileSize = 64 * 1024;

void write(MappedFile& file, std::string_view text) {
    const std::int64_t at = file.wrote_position();
    std::memcpy(file.writable(at), text.data(), text.size());
    file.publish(at + static_cast<std::int64_t>(text.size()));
}

void make_file(const std::string& path, std::size_t bytes) {
    REQUIRE(write_file(path, std::string(bytes, 'x')));
}

}  // namespace

TEST_CASE("MappedFile: has its whole length and its blocks from the start", "[store][K-01]") {
    const TempDir dir;
    FaultyFileOps ops;
    const auto file = MappedFile::create({dir.file("f"), 0, kFileSize}, ops);
    REQUIRE(file);
    struct stat status {};
    REQUIRE(::stat((*file)->path().c_str(), &status) == 0);
    CHECK(status.st_size == kFileSize);
    CHECK(status.st_blocks * 512 >= kFileSize);
    CHECK((*file)->bytes(0, kFileSize).find_first_not_of('\0') == std::string_view::npos);
}

TEST_CASE("MappedFile: a full disk is an error and leaves no file", "[store][K-01]") {
    const TempDir dir;
    FaultyFileOps ops;
    ops.allocate_error = ENOSPC;
    const auto file = MappedFile::create({dir.file("f"), 0, kFileSize}, ops);
    REQUIRE_FALSE(file);
    CHECK(file.error().code == Errc::kResourceExhausted);
    CHECK_FALSE(std::filesystem::exists(dir.file("f")));
}

TEST_CASE("MappedFile: a slice shows what is written and outlives the file", "[store]") {
    const TempDir dir;
    FaultyFileOps ops;
    auto file = MappedFile::create({dir.file("f"), 0, kFileSize}, ops);
    REQUIRE(file);
    write(**file, "hello");
    CHECK((*file)->slice(0, kFileSize).bytes == "hello");
    CHECK((*file)->slice(5, 1).bytes.empty());
    const MappedSlice slice = (*file)->slice(1, 3);
    REQUIRE((*file)->unlink());
    *file = nullptr;
    CHECK(slice.bytes == "ell");
}

TEST_CASE("MappedFile: flush moves the flushed position only when the sync succeeds",
          "[store][K-02]") {
    const TempDir dir;
    FaultyFileOps ops;
    const auto file = MappedFile::create({dir.file("f"), 0, kFileSize}, ops);
    REQUIRE(file);
    write(**file, "abc");
    ops.sync_error = EIO;
    CHECK_FALSE((*file)->flush());
    CHECK((*file)->flushed_position() == 0);
    ops.sync_error = 0;
    CHECK((*file)->flush());
    CHECK((*file)->flushed_position() == 3);
    const int syncs = ops.sync_count;
    CHECK((*file)->flush());
    CHECK(ops.sync_count == syncs);
}

TEST_CASE("MappedFile: zero_from clears from any byte to the end", "[store][K-03]") {
    const TempDir dir;
    FaultyFileOps ops;
    const auto file = MappedFile::create({dir.file("f"), 0, kFileSize}, ops);
    REQUIRE(file);
    write(**file, std::string(kFileSize, 'x'));
    for (const std::int64_t from :
         {kFileSize - 1, 3 * kPageBytes, kPageBytes + 5, std::int64_t{1}}) {
        REQUIRE((*file)->zero_from(from));
        CHECK((*file)->bytes(from, kFileSize).find_first_not_of('\0') == std::string_view::npos);
        CHECK((*file)->bytes(from - 1, 1) == "x");
    }
}

TEST_CASE("MappedFileQueue: names have 20 digits and find goes by position", "[store][K-01]") {
    const TempDir dir;
    FaultyFileOps ops;
    MappedFileQueue files({dir.path(), kFileSize}, ops);
    REQUIRE(files.load());
    CHECK(files.path_of(kFileSize) == dir.file("00000000000000065536"));
    AllocateService allocate(files);
    for (std::int64_t start = 0; start < 3 * kFileSize; start += kFileSize) {
        files.append(*allocate.take(start));
    }
    CHECK(files.find(kFileSize)->start() == kFileSize);
    CHECK(files.find(kFileSize - 1)->start() == 0);
    CHECK(files.find(3 * kFileSize) == nullptr);
    REQUIRE(files.delete_first(0));
    CHECK(files.find(0) == nullptr);
    CHECK(files.min_position() == kFileSize);
    REQUIRE(files.delete_first(kFileSize));
    CHECK_FALSE(files.delete_first(2 * kFileSize));

    MappedFileQueue again({dir.path(), kFileSize}, ops);
    REQUIRE(again.load());
    CHECK(again.min_position() == 2 * kFileSize);
    CHECK(again.last()->is_full());
}

TEST_CASE("MappedFileQueue: load refuses what it cannot explain", "[store][K-01]") {
    const TempDir dir;
    FaultyFileOps ops;
    MappedFileQueue files({dir.path(), kFileSize}, ops);
    SECTION("a file of another length") {
        make_file(files.path_of(0), kFileSize - 1);
        make_file(files.path_of(kFileSize), kFileSize);
    }
    SECTION("a hole between two files") {
        make_file(files.path_of(0), kFileSize);
        make_file(files.path_of(2 * kFileSize), kFileSize);
    }
    SECTION("a stranger") {
        make_file(dir.file("notes.txt"), 5);
    }
    const auto status = files.load();
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::kMalformed);
}

TEST_CASE("MappedFileQueue: an empty last file is deleted, folders are ignored", "[store][K-01]") {
    const TempDir dir;
    FaultyFileOps ops;
    MappedFileQueue files({dir.path(), kFileSize}, ops);
    make_file(files.path_of(0), kFileSize);
    make_file(files.path_of(kFileSize), 0);
    std::filesystem::create_directory(dir.file("lost+found"));
    REQUIRE(files.load());
    CHECK(files.files().size() == 1);
    CHECK_FALSE(std::filesystem::exists(files.path_of(kFileSize)));
}

TEST_CASE("MappedFileQueue: truncate drops later files and clears the rest", "[store][K-03]") {
    const TempDir dir;
    FaultyFileOps ops;
    MappedFileQueue files({dir.path(), kFileSize}, ops);
    for (int i = 0; i < 3; ++i) {
        make_file(files.path_of(i * kFileSize), kFileSize);
    }
    REQUIRE(files.load());
    REQUIRE(files.truncate(kFileSize + 10));
    CHECK(files.files().size() == 2);
    CHECK_FALSE(std::filesystem::exists(files.path_of(2 * kFileSize)));
    CHECK(files.first()->is_full());
    CHECK(files.last()->wrote_position() == 10);
    CHECK(files.last()->flushed_position() == 10);
    CHECK(files.last()->bytes(0, 12) == std::string_view("xxxxxxxxxx\0\0", 12));
    REQUIRE(files.truncate(kFileSize));
    CHECK(files.last()->start() == kFileSize);
    CHECK(files.last()->wrote_position() == 0);
}

TEST_CASE("AllocateService: the wanted file is ready, the unused one goes", "[store][K-01]") {
    const TempDir dir;
    FaultyFileOps ops;
    MappedFileQueue files({dir.path(), kFileSize}, ops);
    REQUIRE(files.load());
    AllocateService allocate(files);
    allocate.want(0);
    CHECK(allocate.run_once());
    CHECK(std::filesystem::exists(files.path_of(0)));
    const auto file = allocate.take(0);
    REQUIRE(file);
    files.append(*file);
    allocate.want(kFileSize);
    allocate.run_once();
    CHECK(std::filesystem::exists(files.path_of(kFileSize)));
    allocate.drop_spare();
    CHECK_FALSE(std::filesystem::exists(files.path_of(kFileSize)));
}

TEST_CASE("AllocateService: a failure ahead of time is tried again when it matters",
          "[store][K-01]") {
    const TempDir dir;
    FaultyFileOps ops;
    MappedFileQueue files({dir.path(), kFileSize}, ops);
    REQUIRE(files.load());
    AllocateService allocate(files);
    ops.allocate_error = ENOSPC;
    allocate.want(0);
    allocate.run_once();
    CHECK_FALSE(allocate.take(0));
    ops.allocate_error = 0;
    CHECK(allocate.take(0));
}

TEST_CASE("AllocateService: its thread makes files and stops", "[store]") {
    const TempDir dir;
    FaultyFileOps ops;
    MappedFileQueue files({dir.path(), kFileSize}, ops);
    REQUIRE(files.load());
    AllocateService allocate(files);
    std::thread thread([&] { allocate.run(); });
    for (std::int64_t start = 0; start < 50 * kFileSize; start += kFileSize) {
        auto file = allocate.take(start);
        REQUIRE(file);
        files.append(*file);
        allocate.want(start + kFileSize);
        allocate.appended(start + 1);
    }
    allocate.stop();
    thread.join();
    allocate.drop_spare();
    CHECK_FALSE(std::filesystem::exists(files.path_of(50 * kFileSize)));
}
