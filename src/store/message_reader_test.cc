// SPDX-License-Identifier: Apache-2.0
#include "store/message_reader.h"

#include "common/java_string.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "store/consume_queue_table.h"
#include "store/dispatcher.h"
#include "store/index_service.h"
#include "store/message_query.h"
#include "store/testing/memory_log.h"

#include <string>
#include <vector>

using namespace rmq;
using namespace rmq::store;
using rmq::store::testing::encode_properties;
using rmq::store::testing::MemoryLog;
using Got = GetMessageStatus;

namespace {

constexpr std::int64_t kEntriesPerFile = 50;

struct Fixture {
    rmq::testing::TempDir dir;
    ManualClock clock;
    MessageStoreConfig config;
    MemoryLog log{64 * 1024};
    ConsumeQueueTable queues{{dir.file("consumequeue"), kEntriesPerFile}};
    IndexService index{dir.file("index"), {100, 1000}, clock};
    Dispatcher dispatcher{{}, log, queues, &index};
    MessageReaderOptions options{1'000'000'000, true};
    MessageReader reader{config, options, log, queues};
    MessageQuery query{log, queues, &index, reader};

    explicit Fixture(const MessageReaderOptions& wanted = {1'000'000'000, true})
        : options(wanted) {}

    // `count` messages of queue 0, stored at 1000, 2000, …; every other one with TagB.
    void append(std::int64_t count, std::size_t body_bytes = 100) {
        const std::string body(body_bytes, 'x');
        for (; count > 0; --count, ++next) {
            const std::string properties =
                encode_properties(next % 2 == 0 ? "TAGS TagA" : "TAGS TagB") +
                encode_properties("KEYS K" + std::to_string(next));
            log.append({.queue_offset = next,
                        .store_timestamp = (next + 1) * 1000,
                        .properties = properties,
                        .body = body});
        }
        while (dispatcher.run_once() > 0) {
        }
    }
    GetMessageResult get(std::int64_t offset, std::int32_t max_count = 32) const {
        return reader.get({.topic = "TopicA", .offset = {offset}, .max_count = max_count});
    }
    std::int64_t next = 0;
};

std::vector<std::int64_t> queue_offsets(const GetMessageResult& result) {
    std::vector<std::int64_t> offsets;
    for (const MappedSlice& slice : result.slices) {
        for (std::string_view rest = slice.bytes; !rest.empty();) {
            const auto record = decode_message(rest);
            REQUIRE(record);
            offsets.push_back(record->queue_offset.value);
            rest.remove_prefix(static_cast<std::size_t>(record->total_size));
        }
    }
    return offsets;
}

std::vector<std::int64_t> range(std::int64_t from, std::int64_t to) {
    std::vector<std::int64_t> numbers;
    for (; from < to; ++from) {
        numbers.push_back(from);
    }
    return numbers;
}

}  // namespace

// --- the table of statuses -----------------------------------------------------------------------

TEST_CASE("MessageReader: an unknown queue", "[store][message_reader][C-03]") {
    Fixture f;
    f.append(1);
    const auto result = f.reader.get({.topic = "TopicA", .queue_id = 9, .offset = {7}});
    CHECK(result.status == Got::NO_MATCHED_LOGIC_QUEUE);
    CHECK(result.next_begin_offset == QueueOffset{0});
}

TEST_CASE("MessageReader: offsets outside the queue", "[store][message_reader][C-03]") {
    Fixture f;
    f.append(100);
    f.queues.find("TopicA", 0)
        ->correct_min_offset(f.queues.find("TopicA", 0)->entry({10})->physical_offset);
    struct Row {
        std::int64_t offset;
        Got status;
        std::int64_t next;
    };
    const auto row = GENERATE(values<Row>({{-1, Got::OFFSET_TOO_SMALL, 10},
                                           {0, Got::OFFSET_TOO_SMALL, 10},
                                           {9, Got::OFFSET_TOO_SMALL, 10},
                                           {10, Got::FOUND, 42},
                                           {99, Got::FOUND, 100},
                                           {100, Got::OFFSET_OVERFLOW_ONE, 100},
                                           {101, Got::OFFSET_OVERFLOW_BADLY, 100},
                                           {INT64_MAX, Got::OFFSET_OVERFLOW_BADLY, 100}}));
    const auto result = f.get(row.offset);
    CHECK(result.status == row.status);
    CHECK(result.next_begin_offset.value == row.next);
    CHECK(result.min_offset == QueueOffset{10});
    CHECK(result.max_offset == QueueOffset{100});
    CHECK(result.slices.empty() == (row.status != Got::FOUND));
}

TEST_CASE("MessageReader: a slave leaves the caller's offset as it is",
          "[store][message_reader][C-03]") {
    Fixture f({1'000'000'000, false});
    f.append(10);
    CHECK(f.get(11).next_begin_offset == QueueOffset{11});
    CHECK(f.get(-5).next_begin_offset == QueueOffset{-5});
    CHECK(f.reader.get({.topic = "none", .offset = {7}}).next_begin_offset == QueueOffset{7});
}

TEST_CASE("MessageReader: everything filtered away by tags", "[store][message_reader][C-03]") {
    Fixture f;
    f.append(10);
    const TagsCodeFilter none = [](std::int64_t) { return false; };
    const auto result = f.reader.get({.topic = "TopicA", .offset = {3}, .tags_filter = &none});
    CHECK(result.status == Got::NO_MATCHED_MESSAGE);
    CHECK(result.next_begin_offset == QueueOffset{10});
}

TEST_CASE("MessageReader: everything filtered away by the record",
          "[store][message_reader][C-03]") {
    Fixture f;
    f.append(10);
    int seen = 0;
    const RecordFilter none = [&](std::string_view record) {
        seen += decode_message(record) ? 1 : 0;
        return false;
    };
    const auto result = f.reader.get({.topic = "TopicA", .offset = {3}, .record_filter = &none});
    CHECK(result.status == Got::NO_MATCHED_MESSAGE);
    CHECK(result.next_begin_offset == QueueOffset{10});
    CHECK(seen == 7);
}

TEST_CASE("MessageReader: records whose log file is gone", "[store][message_reader][C-03]") {
    Fixture f;
    f.append(800);
    f.log.delete_before({2 * 64 * 1024});
    // The queue's minimum has not followed yet.
    const auto result = f.get(0, 2000);
    CHECK(result.status == Got::MESSAGE_WAS_REMOVING);
    CHECK(result.next_begin_offset == QueueOffset{kEntriesPerFile});
    REQUIRE(f.log.min_offset() < f.log.max_offset());
    const QueueOffset first = [&] {
        QueueOffset offset{0};
        while (f.queues.find("TopicA", 0)->entry(offset)->physical_offset < f.log.min_offset()) {
            offset = offset + 1;
        }
        return offset;
    }();
    const auto later = f.get(first.value - 2, 3);
    CHECK(later.status == Got::FOUND);
    CHECK(queue_offsets(later).front() == first.value);
}

TEST_CASE("MessageReader: a record that the log holds no longer in that form is not served",
          "[store][message_reader][K-03]") {
    Fixture f;
    f.append(3);
    const auto second = *f.queues.find("TopicA", 0)->entry({1});
    f.log.truncate(second.physical_offset);
    f.log.append_raw(std::string(5000, 'z'));
    const auto result = f.get(0);
    CHECK(queue_offsets(result) == range(0, 1));
    CHECK(result.next_begin_offset == QueueOffset{3});
    CHECK(f.get(1).status == Got::MESSAGE_WAS_REMOVING);
}

// --- what is taken -------------------------------------------------------------------------------

TEST_CASE("MessageReader: neighbouring records are one slice", "[store][message_reader][C-01]") {
    Fixture f;
    f.append(40);
    const auto result = f.get(5, 20);
    CHECK(result.status == Got::FOUND);
    CHECK(result.message_count == 20);
    CHECK(result.slices.size() == 1);
    CHECK(queue_offsets(result) == range(5, 25));
    CHECK(result.next_begin_offset == QueueOffset{25});
    CHECK(result.total_bytes == static_cast<std::int64_t>(result.slices[0].bytes.size()));
    CHECK_FALSE(result.suggest_pulling_from_slave);
}

TEST_CASE("MessageReader: records of a filtered queue, and of two log files, are apart",
          "[store][message_reader][C-01]") {
    Fixture f;
    f.append(8);
    const TagsCodeFilter tag_b = [](std::int64_t code) { return code == tags_code("TagB"); };
    const auto odd = f.reader.get({.topic = "TopicA", .offset = {0}, .tags_filter = &tag_b});
    CHECK(queue_offsets(odd) == std::vector<std::int64_t>{1, 3, 5, 7});
    CHECK(odd.slices.size() == 4);
    CHECK(odd.next_begin_offset == QueueOffset{8});
    f.log.roll();
    f.append(8);
    const auto both = f.get(4);
    CHECK(queue_offsets(both) == range(4, 16));
    CHECK(both.slices.size() == 2);
}

TEST_CASE("MessageReader: an answer ends with the queue file", "[store][message_reader][C-01]") {
    Fixture f;
    f.append(60);
    CHECK(queue_offsets(f.get(45)) == range(45, 50));
    CHECK(queue_offsets(f.get(50)) == range(50, 60));
}

TEST_CASE("MessageReader: takes at most what was asked and the limits of the memory",
          "[store][message_reader][C-01]") {
    Fixture f;
    f.append(50);
    CHECK(f.get(0, 1).message_count == 1);
    CHECK(f.get(0, 0).message_count == 1);  // the first is always taken
    CHECK(f.get(0, 32).message_count == 32);
    CHECK(f.get(0, 160).message_count == 32);
    f.config.max_transfer_count_on_message_in_memory = 1000;
    CHECK(f.get(0, 160).message_count == 50);
    f.config.max_transfer_bytes_on_message_in_memory = 1000;
    const auto bytes = f.get(0, 160);
    CHECK(bytes.total_bytes <= 1000);
    CHECK(bytes.message_count > 1);
    f.config.max_transfer_bytes_on_message_in_memory = 1;
    CHECK(f.get(0, 160).message_count == 1);
}

TEST_CASE("MessageReader: 256 KiB from memory, 64 KiB and 8 messages from the disk",
          "[store][message_reader][C-01]") {
    Fixture f;
    f.append(40, 16 * 1024);
    const auto near = f.get(0);
    CHECK(near.message_count == 15);
    CHECK(near.total_bytes <= 256 * 1024);
    Fixture far({100, true});
    far.append(40, 16 * 1024);
    GetMessageRequest request{.topic = "TopicA", .offset = {0}};
    request.cold_reads = GetMessageRequest::ColdReads::kAllow;
    CHECK(far.reader.get(request).message_count == 3);
    CHECK(far.reader.get(request).suggest_pulling_from_slave);
    Fixture small({100, true});
    small.append(40);
    CHECK(small.reader.get(request).message_count == 8);
}

TEST_CASE("MessageReader: a scan without matches ends after 16000 bytes of queue",
          "[store][message_reader][C-01]") {
    Fixture f;
    f.config.max_filter_message_size = 400;
    f.append(45);
    const TagsCodeFilter none = [](std::int64_t) { return false; };
    GetMessageRequest request{.topic = "TopicA", .offset = {1}, .tags_filter = &none};
    CHECK(f.reader.get(request).next_begin_offset == QueueOffset{33});  // 32 messages asked
    request.max_count = 1;
    CHECK(f.reader.get(request).next_begin_offset == QueueOffset{21});
    f.append(55);
    f.config.max_filter_message_size = 16'000;
    CHECK(f.reader.get(request).next_begin_offset == QueueOffset{kEntriesPerFile});
    f.config.travel_cq_file_num_when_get_message = 2;
    CHECK(f.reader.get(request).next_begin_offset == QueueOffset{100});
}

// --- hot and cold --------------------------------------------------------------------------------

TEST_CASE("MessageReader: what this process did not write is cold",
          "[store][message_reader][C-01]") {
    Fixture f;
    f.append(10);
    f.queues.assign_next_offsets({0});
    f.reader.set_start_offset(f.log.max_offset());
    f.append(10);
    const auto refused = f.get(9);
    CHECK(refused.is_cold);
    CHECK(refused.slices.empty());
    GetMessageRequest request{.topic = "TopicA", .offset = {9}, .max_count = 4};
    request.cold_reads = GetMessageRequest::ColdReads::kAllow;
    auto allowed = f.reader.get(request);
    CHECK_FALSE(allowed.is_cold);
    CHECK(queue_offsets(allowed) == range(9, 13));
    REQUIRE(allowed.slices.size() == 1);
    const std::string_view in_log =
        f.log.read(f.queues.find("TopicA", 0)->entry({9})->physical_offset).bytes;
    CHECK(allowed.slices[0].bytes.data() != in_log.data());
    CHECK(in_log.starts_with(allowed.slices[0].bytes));
    const auto hot = f.get(10);
    CHECK_FALSE(hot.is_cold);
    CHECK(queue_offsets(hot) == range(10, 20));
    CHECK_FALSE(f.get(20).is_cold);
    CHECK(f.reader.counters().found == 2);
}

TEST_CASE("MessageReader: what lies too far behind the end is cold",
          "[store][message_reader][C-01]") {
    Fixture f({10'000, true});  // 40 % of 10,000 bytes are in memory
    f.append(100);
    CHECK(f.get(0).is_cold);
    CHECK_FALSE(f.get(95).is_cold);
    CHECK(f.reader.is_cold({0}));
    CHECK_FALSE(f.reader.is_cold(f.log.max_offset() - 4000));
    CHECK(f.reader.is_cold(f.log.max_offset() - 4001));
    CHECK_FALSE(f.query.is_offset_in_memory("TopicA", 0, {0}));
    CHECK(f.query.is_offset_in_memory("TopicA", 0, {99}));
    CHECK_FALSE(f.query.is_offset_in_memory("TopicA", 0, {100}));
    CHECK_FALSE(f.query.is_offset_in_memory("TopicB", 0, {0}));
}

// --- lookups -------------------------------------------------------------------------------------

TEST_CASE("MessageQuery: searches by time at both boundaries", "[store][message_query][C-16]") {
    Fixture f;
    // Store times 10, 20, 20, 20, 30, 50 (s).
    std::int64_t number = 0;
    for (const std::int64_t time : {10, 20, 20, 20, 30, 50}) {
        f.log.append({.queue_offset = number++, .store_timestamp = time * 1000});
    }
    while (f.dispatcher.run_once() > 0) {
    }
    struct Row {
        std::int64_t seconds;
        std::int64_t lower;
        std::int64_t upper;
    };
    const auto row = GENERATE(values<Row>({{0, 0, 0},
                                           {9, 0, 0},
                                           {10, 0, 0},
                                           {15, 1, 0},
                                           {20, 1, 3},
                                           {25, 4, 3},
                                           {30, 4, 4},
                                           {40, 5, 4},
                                           {50, 5, 5},
                                           {51, 6, 5}}));
    const auto search = [&](BoundaryType boundary) {
        return f.query.search_offset_by_time("TopicA", 0, row.seconds * 1000, boundary).value;
    };
    CHECK(search(BoundaryType::LOWER) == row.lower);
    CHECK(search(BoundaryType::UPPER) == row.upper);
}

TEST_CASE("MessageQuery: a search by time stays in the queue", "[store][message_query][C-16]") {
    Fixture f;
    f.append(120);
    ConsumeQueue& queue = *f.queues.find("TopicA", 0);
    queue.correct_min_offset(queue.entry({30})->physical_offset);
    const auto search = [&](std::int64_t time, BoundaryType boundary) {
        return f.query.search_offset_by_time("TopicA", 0, time, boundary).value;
    };
    CHECK(search(0, BoundaryType::LOWER) == 30);
    CHECK(search(0, BoundaryType::UPPER) == 30);
    CHECK(search(77'500, BoundaryType::LOWER) == 77);
    CHECK(search(77'500, BoundaryType::UPPER) == 76);
    CHECK(search(1'000'000, BoundaryType::LOWER) == 120);
    CHECK(search(1'000'000, BoundaryType::UPPER) == 119);
    CHECK(f.query.search_offset_by_time("none", 0, 5, BoundaryType::LOWER) == QueueOffset{0});
    CHECK(f.query.store_timestamp_at("TopicA", 0, {77}) == 78'000);
    CHECK(f.query.store_timestamp_at("TopicA", 0, {120}) == -1);
    CHECK(f.query.store_timestamp_at("none", 0, {0}) == -1);
}

TEST_CASE("MessageQuery: finds records by key, in log order",
          "[store][message_query][V-06][K-06]") {
    Fixture f;
    f.append(20);
    const auto one = f.query.query_message("TopicA", "K7", 32, 0, INT64_MAX);
    REQUIRE(one.slices.size() == 1);
    CHECK(decode_message(one.slices[0].bytes)->queue_offset == QueueOffset{7});
    CHECK(one.index_last_update_timestamp == 20'000);
    const auto tagged = f.query.query_message("TopicA", "T#TagA", 3, 0, INT64_MAX);
    REQUIRE(tagged.slices.size() == 3);
    CHECK(decode_message(tagged.slices[0].bytes)->queue_offset == QueueOffset{14});
    CHECK(decode_message(tagged.slices[2].bytes)->queue_offset == QueueOffset{18});
    CHECK(f.query.query_message("TopicA", "K7", 32, 0, 7'999).slices.empty());
    CHECK(f.query.query_message("TopicA", "K7", 32, 8'000, 8'000).slices.size() == 1);
    CHECK(f.query.query_message("TopicA", "none", 32, 0, INT64_MAX).slices.empty());
}

TEST_CASE("MessageQuery: records that retention took are left out",
          "[store][message_query][V-06]") {
    Fixture f;
    f.append(800);
    f.log.delete_before({2 * 64 * 1024});
    CHECK(f.query.query_message("TopicA", "K7", 32, 0, INT64_MAX).slices.empty());
    CHECK(f.query.query_message("TopicA", "K799", 32, 0, INT64_MAX).slices.size() == 1);
}
