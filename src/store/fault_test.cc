// SPDX-License-Identifier: Apache-2.0
// Files that are damaged, missing or of a wrong length: what is intact is served, what can be made
// anew is, and a start that cannot go on says which file and what to do.
#include "common/message/message_record.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "store/mapped_file_queue.h"
#include "store/testing/fault_store.h"

#include <filesystem>
#include <functional>
#include <random>

using namespace rmq;
using namespace rmq::store;
using namespace rmq::store::testing;
using rmq::testing::TempDir;
namespace fs = std::filesystem;

namespace {

constexpr int kCount = 1600;  // five files of the log, two of each queue
constexpr std::int64_t kPage = 4096;

std::string log_file(const TempDir& dir, std::int64_t start) {
    return dir.file("commitlog/" + mapped_file_name(start));
}

std::string queue_file(const TempDir& dir, int queue, std::int64_t start) {
    return dir.file("consumequeue/Topic/" + std::to_string(queue) + "/" + mapped_file_name(start));
}

// The numbers of the messages of which no byte lies in [begin, end) of the log.
std::set<std::int64_t> outside(const std::vector<Stored>& stored, std::int64_t begin,
                               std::int64_t end) {
    std::set<std::int64_t> numbers;
    for (const Stored& each : stored) {
        if (each.end <= begin || each.position >= end) {
            numbers.insert(each.number);
        }
    }
    return numbers;
}

// Starts on the directory twice; both times the messages of `intact` are served, and what is put
// then gets the numbers behind the last ones and is served too.
void check_served(const std::string& root, const std::set<std::int64_t>& intact, int count) {
    for (int round = 0; round < 2; ++round) {
        CAPTURE(round);
        const SystemClock clock;
        const auto config = fault_config(root);
        MessageStore store(config, clock);
        REQUIRE(store.load());
        REQUIRE(store.start());
        const auto before = pull_all(store);
        CHECK(std::includes(before.begin(), before.end(), intact.begin(), intact.end()));
        const std::int64_t first = count + round * kFaultQueues;
        for (const Stored& put : put_some(store, first, kFaultQueues)) {
            // Less when the log's own end is lost, with the messages that had these offsets.
            CHECK(put.queue_offset <= put.number / kFaultQueues);
            CHECK(put.queue_offset >= static_cast<std::int64_t>(intact.size()) / kFaultQueues - 1);
        }
        await_dispatch(store);
        const auto after = pull_all(store);
        CHECK(after.size() == before.size() + kFaultQueues);
        CHECK(after.contains(first));
    }
}

void check_all_served(const std::string& root, const std::vector<Stored>& stored) {
    check_served(root, outside(stored, -1, -1), static_cast<int>(stored.size()));
}

// The start ends with one line that names the file and a cure.
void check_refused(const std::string& root, const std::string& path, const std::string& cure) {
    const SystemClock clock;
    const auto config = fault_config(root);
    MessageStore store(config, clock);
    const auto status = store.load();
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::kMalformed);
    CHECK_THAT(status.error().remark, Catch::Contains(path) && Catch::Contains(cure));
    CHECK(status.error().remark.find('\n') == std::string::npos);
}

}  // namespace

TEST_CASE("fault: a lost page of the CommitLog costs the messages in it alone",
          "[store][fault][K-03]") {
    const auto stop = GENERATE(Stop::kClean, Stop::kKilled);
    const TempDir dir;
    const auto stored = make_store(dir.path(), stop, kCount);
    const std::int64_t last_file = stored.back().end / kFaultLogFile * kFaultLogFile;
    const std::int64_t in_last = stored.back().end - last_file;
    const std::int64_t at =
        GENERATE_COPY(std::int64_t{0}, kPage * 3, last_file - kPage, last_file,
                      last_file + in_last / 2 / kPage * kPage, last_file + in_last / kPage * kPage);
    CAPTURE(at);
    spoil(log_file(dir, at / kFaultLogFile * kFaultLogFile), at % kFaultLogFile,
          std::string(kPage, GENERATE('\0', '\x5A')));
    check_served(dir.path(), outside(stored, at, at + kPage), kCount);
}

TEST_CASE("fault: a flipped bit in the CommitLog costs one message", "[store][fault][K-03]") {
    std::mt19937_64 random(11);
    for (int round = 0; round < 12; ++round) {
        const TempDir dir;
        const auto stored =
            make_store(dir.path(), round % 2 == 0 ? Stop::kClean : Stop::kKilled, 700);
        const auto at =
            static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(stored.back().end));
        const int bit = static_cast<int>(random() % 8);
        CAPTURE(round, at, bit);
        flip_bit(log_file(dir, at / kFaultLogFile * kFaultLogFile), at % kFaultLogFile, bit);
        check_served(dir.path(), outside(stored, at, at + 1), 700);
    }
}

TEST_CASE("fault: a damaged consume queue is written again from the log", "[store][fault][K-03]") {
    const auto stop = GENERATE(Stop::kClean, Stop::kKilled);
    const TempDir dir;
    const auto stored = make_store(dir.path(), stop, kCount);
    const std::string first = queue_file(dir, 0, 0);
    const std::string last = queue_file(dir, 0, kFaultQueueFile);
    const std::string where = GENERATE("head", "middle", "end", "second head", "second end");
    const bool is_second = where.starts_with("second");
    const std::int64_t at = where.ends_with("head") ? 0
                            : where == "middle"     ? kPage
                            : is_second             ? (kCount / 2 - 600) * 20 / kPage * kPage
                                                    : 2 * kPage;
    CAPTURE(where);
    SECTION("zeroed page") {
        const std::int64_t bytes = std::min(kPage, kFaultQueueFile - at);
        spoil(is_second ? last : first, at, std::string(static_cast<std::size_t>(bytes), '\0'));
        check_all_served(dir.path(), stored);
    }
    SECTION("flipped bit of a position") {
        // A high one: the entry points behind the log.
        flip_bit(is_second ? last : first, (at + 19) / 20 * 20 + 2, 3);
        check_all_served(dir.path(), stored);
    }
}

TEST_CASE("fault: files of consume queues that are missing are written again",
          "[store][fault][K-03]") {
    const auto stop = GENERATE(Stop::kClean, Stop::kKilled);
    const TempDir dir;
    const auto stored = make_store(dir.path(), stop, 3000);
    SECTION("the first of three") {
        fs::remove(queue_file(dir, 0, 0));
    }
    SECTION("the one in the middle") {
        fs::remove(queue_file(dir, 1, kFaultQueueFile));
    }
    SECTION("the last") {
        fs::remove(queue_file(dir, 0, 2 * kFaultQueueFile));
    }
    SECTION("all") {
        fs::remove_all(dir.file("consumequeue"));
    }
    check_all_served(dir.path(), stored);
}

TEST_CASE("fault: a damaged or missing checkpoint costs time, not messages",
          "[store][fault][K-03]") {
    const auto stop = GENERATE(Stop::kClean, Stop::kKilled);
    const TempDir dir;
    const auto stored = make_store(dir.path(), stop, kCount);
    const std::string path = dir.file("checkpoint");
    SECTION("missing") {
        fs::remove(path);
    }
    SECTION("empty") {
        REQUIRE(write_file(path, ""));
    }
    SECTION("cut short") {
        fs::resize_file(path, 12);
    }
    SECTION("zeroed") {
        REQUIRE(write_file(path, std::string(4096, '\0')));
    }
    SECTION("all ones") {
        REQUIRE(write_file(path, std::string(4096, '\xFF')));
    }
    SECTION("flipped bits") {
        const int field = GENERATE(0, 5, 6);
        flip_bit(path, field * 8 + GENERATE(1, 5), 6);
    }
    check_all_served(dir.path(), stored);
}

TEST_CASE("fault: a damaged index loses keys, never messages or the server",
          "[store][fault][K-06]") {
    const TempDir dir;
    const auto stop = GENERATE(Stop::kClean, Stop::kKilled);
    const auto stored = make_store(dir.path(), stop, kCount);
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(dir.file("index"))) {
        files.push_back(entry.path().string());
    }
    std::sort(files.begin(), files.end());
    REQUIRE(files.size() == 2);
    const std::string path = files[stop == Stop::kClean ? 1 : 0];
    SECTION("missing") {
        fs::remove(path);
    }
    SECTION("zeroed header") {
        spoil(path, 0, std::string(40, '\0'));
    }
    SECTION("zeroed page") {
        spoil(path, kPage, std::string(kPage, '\0'));
    }
    SECTION("ones") {
        spoil(path, 0, std::string(kPage, '\xFF'));
    }
    SECTION("flipped bits") {
        for (int i = 0; i < 400; i += 7) {
            flip_bit(path, 32 + i, i % 8);
        }
    }
    check_all_served(dir.path(), stored);
    const SystemClock clock;
    const auto config = fault_config(dir.path());
    MessageStore store(config, clock);
    REQUIRE(store.load());
    for (int i = 0; i < kCount; i += 50) {
        const auto found = store.query_message("Topic", "k" + std::to_string(i), 10, 0, INT64_MAX);
        for (const auto& slice : found.slices) {
            CHECK(decode_message(slice.bytes));
        }
    }
}

TEST_CASE("fault: a file of the wrong length ends the start with its name and the cure",
          "[store][fault][K-03]") {
    const TempDir dir;
    const auto stored = make_store(dir.path(), Stop::kClean, kCount);
    SECTION("CommitLog") {
        fs::resize_file(log_file(dir, kFaultLogFile), 1000);
        check_refused(dir.path(), log_file(dir, kFaultLogFile), "mappedFileSizeCommitLog");
    }
    SECTION("consume queue") {
        const std::string path = queue_file(dir, 0, kFaultQueueFile);
        fs::resize_file(path, 1000);
        check_refused(dir.path(), path, "remove the file");
        fs::remove(path);
        check_all_served(dir.path(), stored);
    }
    SECTION("index") {
        const std::string path = fs::directory_iterator(dir.file("index"))->path().string();
        fs::resize_file(path, 1000);
        check_refused(dir.path(), path, "remove the file");
        fs::remove(path);
        check_all_served(dir.path(), stored);
    }
}

TEST_CASE("fault: a CommitLog file that is missing ends the start with its neighbour's name",
          "[store][fault][K-03]") {
    const TempDir dir;
    const auto stored = make_store(dir.path(), GENERATE(Stop::kClean, Stop::kKilled), kCount);
    SECTION("in the middle") {
        fs::remove(log_file(dir, kFaultLogFile));
        check_refused(dir.path(), log_file(dir, 2 * kFaultLogFile), "restore it");
    }
    SECTION("the first: what it held is as if it had expired") {
        fs::remove(log_file(dir, 0));
        check_served(dir.path(), outside(stored, 0, kFaultLogFile), kCount);
    }
}

TEST_CASE("fault: lock and abort may hold anything", "[store][fault][K-05]") {
    const TempDir dir;
    const auto stored = make_store(dir.path(), Stop::kClean, 100);
    const std::string name = GENERATE("lock", "abort", "abort.bak");
    for (const std::string& text :
         {std::string(), std::string(5000, '\0'), std::string("no pid")}) {
        REQUIRE(write_file(dir.file(name), text));
        const SystemClock clock;
        const auto config = fault_config(dir.path());
        MessageStore store(config, clock);
        REQUIRE(store.load());
        CHECK(pull_all(store).size() == stored.size());
    }
}
