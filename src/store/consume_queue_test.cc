// SPDX-License-Identifier: Apache-2.0
#include "store/consume_queue.h"

#include "common/bytes.h"
#include "common/java_string.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "store/consume_queue_table.h"

#include <filesystem>
#include <thread>

using namespace rmq;
using namespace rmq::store;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kEntriesPerFile = 10;

// A queue with records of 100 bytes, entry n at position 100 * n.
struct Fixture {
    testing::TempDir dir;
    ConsumeQueueOptions options{dir.file("consumequeue"), kEntriesPerFile};
    std::unique_ptr<ConsumeQueue> queue = open();

    std::unique_ptr<ConsumeQueue> open() const {
        return std::make_unique<ConsumeQueue>(options, "TopicA", 3);
    }
    ConsumeQueue::PutOutcome put(std::int64_t number) const {
        const auto outcome = queue->put({{number * 100}, 100, number + 7}, {number});
        REQUIRE(outcome);
        return *outcome;
    }
    void put_range(std::int64_t from, std::int64_t to) const {
        for (std::int64_t i = from; i < to; ++i) {
            REQUIRE(put(i) == ConsumeQueue::PutOutcome::kWritten);
        }
    }
    void reopen(PhysicalOffset log_min = {0}) {
        queue = open();
        REQUIRE(queue->load());
        REQUIRE(queue->recover());
        queue->finish_recovery(log_min);
    }
    std::string file(std::int64_t first_entry) const {
        const std::string digits = std::to_string(first_entry * ConsumeQueueEntry::kBytes);
        return queue->directory() + "/" + std::string(20 - digits.size(), '0') + digits;
    }
    void overwrite(std::int64_t first_entry, const std::string& bytes) const {
        REQUIRE(write_file(file(first_entry), bytes));
    }
};

std::string encoded(std::int64_t at, std::int32_t size, std::int64_t tags) {
    std::string bytes(ConsumeQueueEntry::kBytes, '\0');
    store_be(bytes.data(), at);
    store_be(bytes.data() + 8, size);
    store_be(bytes.data() + 12, tags);
    return bytes;
}

}  // namespace

TEST_CASE("ConsumeQueue: a queue without a put has no files and no entries",
          "[store][consume_queue]") {
    const Fixture f;
    CHECK_FALSE(f.queue->exists());
    CHECK(f.queue->min_offset() == QueueOffset{0});
    CHECK(f.queue->max_offset() == QueueOffset{0});
    CHECK(f.queue->max_physical_offset() == PhysicalOffset{-1});
    CHECK_FALSE(f.queue->entry({0}));
    CHECK(f.queue->read({0}).bytes.empty());
    CHECK_FALSE(fs::exists(f.queue->directory()));
}

TEST_CASE("ConsumeQueue: entries have the original's 20 bytes in files of full length",
          "[store][consume_queue][K-01]") {
    const Fixture f;
    REQUIRE(f.queue->put({{0x0102030405}, 0x1234, tags_code("TagA")}, {0}));
    const auto text = read_file(f.file(0));
    REQUIRE(text);
    CHECK(text->size() == kEntriesPerFile * 20);
    CHECK(text->substr(0, 20) == std::string("\0\0\0\x01\x02\x03\x04\x05\0\0\x12\x34"
                                             "\0\0\0\0\x00\x27\xA8\x07",
                                             20));
    CHECK(text->substr(20) == std::string((kEntriesPerFile - 1) * 20, '\0'));
    CHECK(2598919 == 0x27A807);
}

TEST_CASE("ConsumeQueue: puts are read back across files", "[store][consume_queue][K-01]") {
    const Fixture f;
    f.put_range(0, 25);
    CHECK(f.queue->max_offset() == QueueOffset{25});
    CHECK(f.queue->max_physical_offset() == PhysicalOffset{2500});
    CHECK(fs::exists(f.file(20)));
    for (std::int64_t i = 0; i < 25; ++i) {
        const auto entry = f.queue->entry({i});
        REQUIRE(entry);
        CHECK(entry->physical_offset.value == i * 100);
        CHECK(entry->tags_code == i + 7);
    }
    CHECK_FALSE(f.queue->entry({25}));
    CHECK_FALSE(f.queue->entry({-1}));
    CHECK(f.queue->read({7}).bytes.size() == 3 * 20);
    CHECK(f.queue->read({22}).bytes.size() == 3 * 20);
    CHECK(f.queue->next_file_start({9}) == QueueOffset{10});
    CHECK(f.queue->next_file_start({10}) == QueueOffset{20});
}

TEST_CASE("ConsumeQueue: a repeated put changes nothing", "[store][consume_queue][K-03]") {
    Fixture f;
    f.put_range(0, 12);
    CHECK(f.put(11) == ConsumeQueue::PutOutcome::kRepeated);
    CHECK(f.put(3) == ConsumeQueue::PutOutcome::kRepeated);
    // Numbered below the end though its position is new: taken for done, as the original does.
    CHECK(*f.queue->put({{99'000}, 100, 0}, {5}) == ConsumeQueue::PutOutcome::kRepeated);
    CHECK(f.queue->max_offset() == QueueOffset{12});
    f.reopen();
    CHECK(f.put(11) == ConsumeQueue::PutOutcome::kRepeated);
    CHECK(f.put(12) == ConsumeQueue::PutOutcome::kWritten);
}

TEST_CASE("ConsumeQueue: a queue may begin at any number; filler comes before it",
          "[store][consume_queue][K-01]") {
    Fixture f;
    f.put_range(13, 15);
    CHECK(f.queue->min_offset() == QueueOffset{13});
    CHECK(f.queue->max_offset() == QueueOffset{15});
    CHECK_FALSE(fs::exists(f.file(0)));
    const auto text = read_file(f.file(10));
    REQUIRE(text);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(text->substr(i * 20, 20) == encoded(0, INT32_MAX, 0));
    }
    f.reopen();
    CHECK(f.queue->min_offset() == QueueOffset{13});
    CHECK(f.queue->max_offset() == QueueOffset{15});
    CHECK(f.queue->max_physical_offset() == PhysicalOffset{1500});
    f.put_range(15, 31);
    CHECK(f.queue->entry({30})->physical_offset == PhysicalOffset{3000});
}

TEST_CASE("ConsumeQueue: a gap does not shift what follows", "[store][consume_queue][K-03]") {
    const Fixture f;
    f.put_range(0, 4);
    REQUIRE(f.put(14) == ConsumeQueue::PutOutcome::kWritten);
    CHECK(f.queue->max_offset() == QueueOffset{15});
    CHECK(f.queue->entry({14})->physical_offset == PhysicalOffset{1400});
    CHECK(f.queue->entry({9})->physical_offset == PhysicalOffset{1400});
    CHECK(f.queue->entry({3})->physical_offset == PhysicalOffset{300});
}

TEST_CASE("ConsumeQueue: recovery finds the end of every number of entries",
          "[store][consume_queue][K-03]") {
    for (std::int64_t count = 0; count < 55; ++count) {
        Fixture f;
        f.put_range(0, count);
        f.reopen();
        CHECK(f.queue->max_offset() == QueueOffset{count});
        CHECK(f.queue->next_offset() == QueueOffset{count});
        CHECK(f.queue->start_offset() == QueueOffset{count});
        CHECK(f.queue->max_physical_offset().value == (count == 0 ? -1 : count * 100));
        f.put_range(count, count + 3);
        CHECK(f.queue->entry({count + 2})->tags_code == count + 9);
    }
}

TEST_CASE("ConsumeQueue: an empty or all-zero last file is removed at load",
          "[store][consume_queue][K-03]") {
    Fixture f;
    f.put_range(0, 10);
    const std::string leftover = GENERATE(std::string(), std::string(kEntriesPerFile * 20, '\0'));
    f.overwrite(10, leftover);
    f.reopen();
    CHECK(f.queue->max_offset() == QueueOffset{10});
    CHECK_FALSE(fs::exists(f.file(10)));
    CHECK(fs::exists(f.file(0)));
}

TEST_CASE("ConsumeQueue: several unwritten files at the end are removed, earlier ones stay",
          "[store][consume_queue][K-03]") {
    Fixture f;
    f.put_range(0, 17);
    for (const std::int64_t start : {20, 30, 40, 50}) {
        f.overwrite(start, std::string(kEntriesPerFile * 20, '\0'));
    }
    f.reopen();
    CHECK(f.queue->max_offset() == QueueOffset{17});
    CHECK_FALSE(fs::exists(f.file(20)));
    CHECK(fs::exists(f.file(10)));
}

TEST_CASE("ConsumeQueue: a file of nothing but filler is not kept",
          "[store][consume_queue][K-03]") {
    Fixture f;
    f.put_range(13, 14);
    REQUIRE(f.queue->truncate({1300}));
    CHECK_FALSE(f.queue->exists());
    CHECK_FALSE(fs::exists(f.file(10)));
    f.reopen();
    CHECK(f.queue->max_physical_offset() == PhysicalOffset{-1});
    CHECK(f.queue->max_offset() == QueueOffset{0});
}

TEST_CASE("ConsumeQueue: a file of another length stops the load and is named",
          "[store][consume_queue][K-03]") {
    Fixture f;
    f.put_range(0, 25);
    const std::int64_t damaged = GENERATE(0, 10, 20);
    f.overwrite(damaged, "short");
    const auto status = f.open()->load();
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::kMalformed);
    CHECK(status.error().remark.find(f.file(damaged)) != std::string::npos);
}

TEST_CASE("ConsumeQueue: truncation keeps what lies before the position",
          "[store][consume_queue][K-03]") {
    for (std::int64_t end = 0; end <= 26; ++end) {
        Fixture f;
        f.put_range(0, 25);
        f.reopen();
        REQUIRE(f.queue->truncate({end * 100}));
        const std::int64_t kept = std::min<std::int64_t>(end, 25);
        CHECK(f.queue->max_offset() == QueueOffset{kept});
        CHECK(f.queue->max_physical_offset().value == (kept == 0 ? -1 : kept * 100));
        CHECK(f.queue->exists() == (kept > 0));
        f.reopen();
        CHECK(f.queue->max_offset() == QueueOffset{kept});
    }
}

TEST_CASE("ConsumeQueue: leftovers behind the end are cleared", "[store][consume_queue][K-03]") {
    Fixture f;
    f.put_range(0, 9);
    // The original truncates without clearing: entry 3 ends the queue, old ones follow it.
    auto text = *read_file(f.file(0));
    text.replace(3 * 20, 20, encoded(50, 100, 0));
    f.overwrite(0, text);
    f.reopen();
    CHECK(f.queue->max_offset() == QueueOffset{3});
    CHECK(read_file(f.file(0))->substr(3 * 20) == std::string(7 * 20, '\0'));
}

TEST_CASE("ConsumeQueue: leftovers behind a hole are cleared too", "[store][consume_queue][K-03]") {
    Fixture f;
    f.put_range(0, 2);
    // A page that the disk never got, then one of a time before the log was cut.
    std::string bytes = *read_file(f.file(0));
    bytes.replace(5 * 20, 20, encoded(900, 100, 1));
    f.overwrite(0, bytes);
    f.reopen();
    CHECK(f.queue->max_offset() == QueueOffset{2});
    f.put_range(2, 5);
    f.reopen();
    CHECK(f.queue->max_offset() == QueueOffset{5});
}

TEST_CASE("ConsumeQueue: the minimum follows the CommitLog", "[store][consume_queue][K-03]") {
    Fixture f;
    f.put_range(0, 25);
    for (const std::int64_t log_min : {0, 1, 99, 100, 101, 950, 1000, 1001, 2399, 2400}) {
        f.queue->correct_min_offset({log_min});
        CHECK(f.queue->min_offset().value == (log_min + 99) / 100);
    }
    f.queue->correct_min_offset({2401});
    CHECK(f.queue->min_offset() == f.queue->max_offset());
    f.reopen({1234});
    CHECK(f.queue->min_offset() == QueueOffset{13});
}

TEST_CASE("ConsumeQueue: files are deleted when their last record is gone, but never the last",
          "[store][consume_queue][K-03]") {
    const Fixture f;
    f.put_range(0, 25);
    const ConsumeQueueWindow window = f.queue->read({4});
    CHECK(f.queue->delete_expired_files({900}) == 0);
    CHECK(f.queue->min_offset() == QueueOffset{9});
    CHECK(f.queue->delete_expired_files({901}) == 1);
    CHECK(f.queue->min_offset() == QueueOffset{10});
    CHECK_FALSE(fs::exists(f.file(0)));
    CHECK(f.queue->delete_expired_files({1'000'000}) == 1);
    CHECK(fs::exists(f.file(20)));
    CHECK(f.queue->min_offset() == QueueOffset{25});
    CHECK(f.queue->max_offset() == QueueOffset{25});
    CHECK_FALSE(f.queue->entry({4}));
    CHECK(decode_consume_queue_entry(window.bytes.data()).physical_offset == PhysicalOffset{400});
    f.put_range(25, 35);
    CHECK(f.queue->entry({34})->tags_code == 41);
}

TEST_CASE("ConsumeQueue: flush forces what was put, before and after a restart",
          "[store][consume_queue][K-03]") {
    Fixture f;
    f.put_range(0, 25);
    CHECK(f.queue->flush(2));
    CHECK(f.queue->flush(0));
    CHECK(f.queue->flush(0));
    f.reopen();
    CHECK(f.queue->flush(0));
}

TEST_CASE("ConsumeQueue: a destroyed queue is as new", "[store][consume_queue]") {
    const Fixture f;
    f.put_range(0, 15);
    f.queue->set_next_offset({15});
    f.queue->destroy();
    CHECK_FALSE(f.queue->exists());
    CHECK(f.queue->next_offset() == QueueOffset{0});
    CHECK(f.queue->max_offset() == QueueOffset{0});
    CHECK_FALSE(fs::exists(f.queue->directory()));
    f.put_range(0, 3);
    CHECK(f.queue->entry({2})->tags_code == 9);
}

TEST_CASE("ConsumeQueue: readers run beside the writer and retention", "[store][consume_queue]") {
    const Fixture f;
    constexpr std::int64_t kCount = 3000;
    std::atomic<bool> done{false};
    std::thread reader([&] {
        while (!done) {
            const QueueOffset max = f.queue->max_offset();
            const ConsumeQueueWindow window = f.queue->read({max.value / 2});
            for (std::size_t at = 0; at < window.bytes.size(); at += 20) {
                const auto entry = decode_consume_queue_entry(window.bytes.data() + at);
                if (entry.size != 100) {
                    std::abort();
                }
            }
        }
    });
    std::thread retention([&] {
        while (!done) {
            f.queue->delete_expired_files({f.queue->max_offset().value * 50});
        }
    });
    for (std::int64_t i = 0; i < kCount; ++i) {
        (void)f.queue->put({{i * 100}, 100, i}, {i});
    }
    done = true;
    reader.join();
    retention.join();
    CHECK(f.queue->max_offset() == QueueOffset{kCount});
}

// --- the table -----------------------------------------------------------------------------------

TEST_CASE("ConsumeQueueTable: knows queues by topic and id, at stable addresses",
          "[store][consume_queue_table]") {
    const testing::TempDir dir;
    ConsumeQueueTable table({dir.file("consumequeue"), kEntriesPerFile});
    CHECK(table.find("TopicA", 0) == nullptr);
    std::vector<ConsumeQueue*> queues;
    for (int i = 0; i < 3000; ++i) {
        queues.push_back(&table.queue("Topic" + std::to_string(i % 1000), i / 1000));
    }
    for (int i = 0; i < 3000; ++i) {
        CHECK(&table.queue("Topic" + std::to_string(i % 1000), i / 1000) ==
              queues[static_cast<std::size_t>(i)]);
    }
    CHECK(table.find("Topic0", 0) == nullptr);  // known to the append path only
    REQUIRE(queues[0]->put({{0}, 100, 0}, {0}));
    CHECK(table.find("Topic0", 0) == queues[0]);
    int visited = 0;
    table.for_each([&](ConsumeQueue&) { ++visited; });
    CHECK(visited == 1);
}

TEST_CASE("ConsumeQueueTable: lookups run beside insertions", "[store][consume_queue_table]") {
    const testing::TempDir dir;
    ConsumeQueueTable table({dir.file("consumequeue"), kEntriesPerFile});
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 2000; ++i) {
                const std::string topic = "T" + std::to_string(i);
                ConsumeQueue& queue = table.queue(topic, t % 2);
                if (queue.topic() != topic || queue.queue_id() != t % 2 ||
                    &table.queue(topic, t % 2) != &queue) {
                    std::abort();
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(table.find("T1", 0) == nullptr);
}

TEST_CASE("ConsumeQueueTable: loads, recovers and truncates the directory tree",
          "[store][consume_queue_table][K-03]") {
    const testing::TempDir dir;
    const ConsumeQueueOptions options{dir.file("consumequeue"), kEntriesPerFile};
    {
        ConsumeQueueTable table(options);
        REQUIRE(table.load());
        CHECK(table.recover({})->end == PhysicalOffset{-1});
        for (int i = 0; i < 40; ++i) {
            REQUIRE(table.queue(i % 2 == 0 ? "A" : "%RETRY%B", i % 4)
                        .put({{i * 100}, 100, 0}, {i / 4}));
        }
    }
    REQUIRE(write_file(options.root + "/A/stray", "x"));
    REQUIRE(create_directories(options.root + "/A/notanumber"));
    ConsumeQueueTable table(options);
    REQUIRE(table.load());
    CHECK(table.recover({})->end == PhysicalOffset{4000});
    REQUIRE(table.truncate({3900}));
    table.assign_next_offsets({400});
    CHECK(table.queue("A", 0).next_offset() == QueueOffset{10});
    CHECK(table.queue("%RETRY%B", 3).next_offset() == QueueOffset{9});
    CHECK(table.find("A", 2)->min_offset() == QueueOffset{1});
    CHECK(table.flush(0));
}

TEST_CASE("ConsumeQueueTable: many queues are forced together",
          "[store][consume_queue_table][K-02]") {
    const testing::TempDir dir;
    const ConsumeQueueOptions options{dir.file("consumequeue"), kEntriesPerFile};
    ConsumeQueueTable table(options);
    CHECK(table.flush(0));
    for (int i = 0; i < 100; ++i) {
        REQUIRE(table.queue("A", i).put({{i * 100}, 100, 0}, {0}));
        CHECK_FALSE(table.queue("A", i).dirty(0).parts.empty());
    }
    CHECK(table.flush(0));
    for (int i = 0; i < 100; ++i) {
        CHECK(table.queue("A", i).dirty(0).parts.empty());
    }
}

TEST_CASE("ConsumeQueueTable: deletes a topic, unused topics and expired queues",
          "[store][consume_queue_table][K-03]") {
    const testing::TempDir dir;
    const ConsumeQueueOptions options{dir.file("consumequeue"), kEntriesPerFile};
    ConsumeQueueTable table(options);
    std::int64_t at = 0;
    for (const char* topic : {"A", "B", "C", "SCHEDULE_TOPIC_XXXX", "%LMQ%q", "rmq_sys_x"}) {
        REQUIRE(table.queue(topic, 0).put({{at}, 100, 0}, {0}));
        at += 100;
    }
    table.delete_topic("A");
    CHECK(table.find("A", 0) == nullptr);
    CHECK_FALSE(fs::exists(options.root + "/A"));
    CHECK(table.clean_unused({"C"}) == 1);
    CHECK(table.find("B", 0) == nullptr);
    CHECK(table.find("C", 0) != nullptr);
    CHECK(table.find("SCHEDULE_TOPIC_XXXX", 0) != nullptr);
    CHECK(table.find("%LMQ%q", 0) != nullptr);
    CHECK(table.clean_expired({301}) == 1);
    CHECK(table.find("C", 0) == nullptr);
    CHECK(table.find("SCHEDULE_TOPIC_XXXX", 0) != nullptr);
    table.destroy_all();
    CHECK(table.find("%LMQ%q", 0) == nullptr);
}
