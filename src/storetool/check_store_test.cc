// SPDX-License-Identifier: Apache-2.0
#include "storetool/check_store.h"

#include "common/clock.h"
#include "common/message/message_layout.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "store/batch_queue_unit.h"
#include "store/message_store.h"
#include "store/store_lock.h"

#include "storetool/store_command.h"
#include "storetool/testing/sample_store.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>

using namespace rmq;
using namespace rmq::storetool;
using rmq::testing::TempDir;
using storetool::testing::delivered;
using storetool::testing::SampleStore;
using storetool::testing::spoil;

namespace {

constexpr int kMessages = 300;  // over several CommitLog files

CheckResult check(const std::string& root) {
    const auto store = StoreDirectory::open({root, ""});
    REQUIRE(store);
    return check_store(*store, {});
}

// The findings that are no notes, as "where: what".
std::vector<std::string> faults(const CheckResult& result) {
    std::vector<std::string> texts;
    for (const Finding& finding : result.findings.all()) {
        if (finding.severity != Severity::kNote) {
            texts.push_back(finding.where + ": " + finding.what);
        }
    }
    return texts;
}

std::string run(const std::vector<std::string>& arguments, int status) {
    std::ostringstream out;
    const auto outcome = run_store_command(arguments, out, nullptr);
    INFO(out.str() << outcome.error);
    CHECK(outcome.exit_status == status);
    return out.str() + outcome.error;
}

std::map<std::string, std::string> contents(const std::string& root) {
    std::map<std::string, std::string> files;
    for (const auto& each : std::filesystem::recursive_directory_iterator(root)) {
        if (each.is_regular_file()) {
            files[each.path().string()] = *read_file(each.path().string());
        }
    }
    return files;
}

std::string file_of(const std::string& directory, std::size_t number) {
    std::vector<std::string> paths;
    for (const auto& each : std::filesystem::directory_iterator(directory)) {
        paths.push_back(each.path().string());
    }
    std::sort(paths.begin(), paths.end());
    REQUIRE(number < paths.size());
    return paths[number];
}

}  // namespace

TEST_CASE("store check: a whole store has no faults", "[storetool][K-01]") {
    const TempDir dir;
    const SampleStore sample(dir.path(), kMessages);
    const auto result = check(dir.path());
    CHECK(faults(result).empty());
    CHECK(result.log.records == kMessages);
    CHECK(result.queue_entries == kMessages);
    CHECK(result.index_entries >= kMessages);
    CHECK(result.log.queues.at({"Topic", 1}).end == kMessages / 2);
    CHECK(result.log.damaged_stretches == 0);
}

TEST_CASE("store check: says what is not a store", "[storetool]") {
    const TempDir dir;
    CHECK(run({"check", dir.file("none")}, 1).find("is not a directory") != std::string::npos);
    CHECK(run({"mend", dir.path()}, 1).find("unknown store command mend") != std::string::npos);
    CHECK(run({"check"}, 1).find("required") != std::string::npos);
    CHECK(run({"check", dir.path()}, 0).find("0 records") != std::string::npos);
}

TEST_CASE("store check: a spoiled record is found, bridged, and costs nothing else",
          "[storetool][K-03]") {
    const TempDir dir;
    const SampleStore sample(dir.path(), kMessages);
    const auto whole = delivered(dir.path());
    const std::int64_t at = sample.positions[100];
    const auto path =
        file_of(dir.file("commitlog"), static_cast<std::size_t>(at / SampleStore::kFileSize));
    spoil(path, at % SampleStore::kFileSize + 90, "\x13\x37");

    const auto found = faults(check(dir.path()));
    REQUIRE_FALSE(found.empty());
    CHECK(found[0] == "CommitLog: no readable record from " + std::to_string(at) + " to " +
                          std::to_string(sample.positions[101]));
    run({"check", dir.path()}, 2);

    const auto before = contents(dir.path());
    CHECK(run({"repair", dir.path()}, 0).find("would bridge " + path) != std::string::npos);
    CHECK(contents(dir.path()) == before);  // a dry run

    run({"repair", dir.path(), "--apply", "--backup", dir.file("kept")}, 0);
    CHECK(*read_file(dir.file("kept") + "/commitlog/" +
                     std::filesystem::path(path).filename().string()) == before.at(path));
    auto expected = whole;
    expected.erase(std::find(expected.begin(), expected.end(), "body 100"));
    CHECK(delivered(dir.path()) == expected);
}

TEST_CASE("store check: a whole lost file is bridged", "[storetool][K-03]") {
    const TempDir dir;
    const SampleStore sample(dir.path(), kMessages);
    const auto path = file_of(dir.file("commitlog"), 1);
    spoil(path, 0, std::string(SampleStore::kFileSize, '\0'));
    CHECK(faults(check(dir.path()))[0].find("no readable record from 16384 to 32768") !=
          std::string::npos);
    run({"repair", dir.path(), "--apply"}, 0);
    const auto lost = static_cast<std::size_t>(
        std::count_if(sample.positions.begin(), sample.positions.end(),
                      [](std::int64_t at) { return at / SampleStore::kFileSize == 1; }));
    const auto left = delivered(dir.path());
    CHECK(left.size() == kMessages - lost);
    CHECK(std::find(left.begin(), left.end(), "body " + std::to_string(kMessages - 1)) !=
          left.end());
}

TEST_CASE("store check: a queue entry that points elsewhere is damage, and is made anew",
          "[storetool][K-03]") {
    const TempDir dir;
    const SampleStore sample(dir.path(), kMessages);
    const auto whole = delivered(dir.path());
    // Entry 10 of queue 1 gets the position of entry 9.
    const auto path = file_of(dir.file("consumequeue/Topic/1"), 0);
    const auto bytes = *read_file(path);
    spoil(path, 10 * 20, bytes.substr(9 * 20, 20));
    const auto found = faults(check(dir.path()));
    REQUIRE(found.size() == 2);
    CHECK(found[0].find("consumequeue/Topic/1: entry 10") != std::string::npos);
    CHECK(found[0].find("the record's number is 9") != std::string::npos);
    CHECK(found[1].find("1 of 150 records of the log have no entry") != std::string::npos);
    run({"repair", dir.path(), "--apply"}, 0);
    CHECK(delivered(dir.path()) == whole);
    CHECK(faults(check(dir.path())).empty());
}

TEST_CASE("store check: torn ends, index and configuration", "[storetool]") {
    const TempDir dir;
    const SampleStore sample(dir.path(), kMessages);
    SECTION("bytes behind the last record") {
        const auto end = check(dir.path()).log.end.value;
        const auto path =
            file_of(dir.file("commitlog"), static_cast<std::size_t>(end / SampleStore::kFileSize));
        spoil(path, end % SampleStore::kFileSize, "torn");
        const auto found = faults(check(dir.path()));
        REQUIRE(found.size() == 1);
        CHECK(found[0].find("bytes that are no record behind the last one") != std::string::npos);
    }
    SECTION("an index entry of another key") {
        // Entry 5: its hash.
        spoil(file_of(dir.file("index"), 0), 40 + 100 * 4 + 5 * 20, "\x01\x02\x03\x04");
        const auto found = faults(check(dir.path()));
        REQUIRE(found.size() == 1);
        CHECK(found[0].find("entry 5") != std::string::npos);
        CHECK(found[0].find("no such key") != std::string::npos);
    }
    SECTION("a configuration file that is no JSON gives way to its backup") {
        REQUIRE(write_file(dir.file("config/topics.json"), "{\"topicConfigTable\":"));
        REQUIRE(faults(check(dir.path())).size() == 1);
        run({"repair", dir.path(), "--apply"}, 0);
        CHECK(*read_file(dir.file("config/topics.json")) ==
              *read_file(dir.file("config/topics.json.bak")));
        CHECK(faults(check(dir.path())).empty());
    }
    SECTION("a position behind the end of its queue") {
        REQUIRE(write_file(dir.file("config/consumerOffset.json"),
                           R"({"offsetTable":{"Topic@g":{0:151,1:150}}})"));
        const auto found = faults(check(dir.path()));
        REQUIRE(found.size() == 1);
        CHECK(found[0].find("Topic@g queue 0 at 151, the queue ends at 150") != std::string::npos);
    }
    SECTION("a file of the wrong length") {
        std::filesystem::resize_file(file_of(dir.file("commitlog"), 0), 1000);
        CHECK(faults(check(dir.path()))[0].find("has 16384 bytes, the first file 1000") !=
              std::string::npos);
    }
}

TEST_CASE("store repair: refused while a server runs on the directory", "[storetool][K-05]") {
    const TempDir dir;
    const SampleStore sample(dir.path(), 3);
    {
        store::StoreLock server;
        REQUIRE(server.acquire(dir.path()));
        CHECK(run({"repair", dir.path(), "--apply"}, 1).find(dir.path()) != std::string::npos);
    }
    CHECK(run({"repair", dir.path(), "--apply"}, 0) == "nothing to repair\n");
}

TEST_CASE("store check: knows queues of whole batches", "[storetool][M-24][K-01]") {
    const TempDir dir;
    {
        const SystemClock clock;
        const auto config = storetool::testing::config_of(dir.path());
        store::MessageStore store(config, clock);
        store.set_batch_topics([](std::string_view) { return true; });
        REQUIRE(store.load());
        REQUIRE(store.start());
        for (int i = 0; i < 20; ++i) {
            store::MessageToPut message;
            message.topic = "Batch";
            message.sys_flag = sys_flag::kInnerBatch | sys_flag::kNeedUnwrap;
            message.body = "parts";
            message.properties =
                "INNER_NUM\1"
                "3\2";
            REQUIRE(store.put_message(message).status == store::PutMessageStatus::PUT_OK);
        }
        store.shutdown();
    }
    const auto result = check(dir.path());
    CHECK(faults(result).empty());
    CHECK(result.queue_entries == 20);
    CHECK(result.log.queues.at({"Batch", 0}).end == 60);
    CHECK(run({"dump", dir.path(), "-t", "Batch", "-q", "0", "-i", "58"}, 0).find("Batch/0@57") !=
          std::string::npos);

    spoil(file_of(dir.file("batchconsumequeue/Batch/0"), 0), 5 * store::BatchQueueUnit::kBytes + 37,
          std::string(1, 4));
    const auto found = faults(check(dir.path()));
    REQUIRE(found.size() == 2);  // the other: one record less has a unit
    CHECK(found[0].starts_with("batchconsumequeue/Batch/0: batch 15 -> "));
}

TEST_CASE("store check: records of long topics are whole", "[storetool][K-16]") {
    const TempDir dir;
    const SystemClock clock;
    const auto config = storetool::testing::config_of(dir.path());
    {
        store::MessageStore store(config, clock);
        REQUIRE(store.load());
        REQUIRE(store.start());
        const std::string topic = "%RETRY%" + std::string(200, 'g');
        store::MessageToPut message;
        message.topic = topic;
        message.body = "x";
        for (int i = 0; i < 100; ++i) {
            REQUIRE(store.put_message(message).status == store::PutMessageStatus::PUT_OK);
        }
    }
    CHECK(faults(check(dir.path())) == std::vector<std::string>{});
    CHECK(check(dir.path()).log.records == 100);
}
