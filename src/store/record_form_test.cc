// SPDX-License-Identifier: Apache-2.0
// Forms of records that settings and topics choose: the property CRC, and version 2 for topics that
// are longer than a byte can say.
#include "common/crc32.h"
#include "common/message/message_layout.h"
#include "common/message/message_properties.h"
#include "common/message/message_record.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "store/recovery.h"
#include "store/testing/fault_store.h"
#include "store/testing/log_fixture.h"

#include <algorithm>
#include <filesystem>

using namespace rmq;
using namespace rmq::store;
using namespace rmq::store::testing;
using rmq::testing::TempDir;

namespace {

std::string bytes_of(const LogFixture& f, const PutMessageResult& put) {
    REQUIRE(put.status == PutMessageStatus::PUT_OK);
    return std::string(f.log.record_at(put.physical_offset)->bytes);
}

// The digits of a sealed record as a number.
std::int64_t crc_in(const std::string& record) {
    std::string digits = record.substr(record.size() - 11, 10);
    std::reverse(digits.begin(), digits.end());
    return std::stoll(digits);
}

}  // namespace

TEST_CASE("property CRC: off, a record is as ever", "[store][K-15]") {
    const TempDir dir;
    LogFixture f(dir.path());
    REQUIRE(f.recover());
    const std::string record = bytes_of(f, f.put("hello", "A\1b\2"));
    CHECK(seal_of(record) == Seal::kNone);
    CHECK(record.size() == static_cast<std::size_t>(layout::kFixedBytes) + 5 + 5 + 4);
}

TEST_CASE("property CRC: on, it ends the properties and covers all that is before it",
          "[store][K-15]") {
    const TempDir dir;
    LogFixture f(dir.path());
    f.config.enabled_append_prop_crc = true;
    REQUIRE(f.recover());
    const std::string properties = GENERATE("", "A\1b\2", "A\1b", "A\1b\2__CRC32#\0010123456789\2");
    const std::string record = bytes_of(f, f.put("hello", properties));
    CHECK(record.substr(record.size() - 20, 9) == "__CRC32#\1");
    CHECK(record.back() == kPropertySeparator);
    CHECK(seal_of(record) == Seal::kRight);
    CHECK(crc_in(record) == crc32_of(record.substr(0, record.size() - 20)));
    const auto decoded = decode_message(record, VerifyCrc::kYes);
    REQUIRE(decoded);
    const auto read = decode_properties(decoded->properties);
    CHECK(read.size() == (properties.empty() ? 1 : 2));
    CHECK((properties.empty() || read.at("A") == "b"));
    CHECK(decoded->properties.find("0123456789") == std::string_view::npos);
}

TEST_CASE("property CRC: the digits are the lowest first, filled with zeros", "[store][K-15]") {
    std::string record(static_cast<std::size_t>(layout::kFixedBytes + kSealBytes), 'r');
    for (int i = 0; i < 200; ++i) {
        record[0] = static_cast<char>(i);
        seal_record(record.data(), static_cast<std::int64_t>(record.size()));
        CHECK(crc_in(record) == crc32_of(record.substr(0, record.size() - 20)));
        CHECK(seal_of(record) == Seal::kRight);
        record[1] = static_cast<char>(record[1] ^ 1);
        CHECK(seal_of(record) == Seal::kWrong);
    }
}

TEST_CASE("property CRC: recovery finds any flipped bit of a record, and takes records without",
          "[store][recovery][K-15]") {
    const TempDir dir;
    std::vector<std::int64_t> ends;
    {
        LogFixture f(dir.path());
        REQUIRE(f.recover());
        ends.push_back(f.put("plain", "A\1b\2").end.value);
        f.config.enabled_append_prop_crc = true;
        for (int i = 0; i < 4; ++i) {
            ends.push_back(f.put("sealed", "A\1b\2").end.value);
        }
    }
    {
        LogFixture f(dir.path());
        CHECK(f.recover()->record_count == 5);
    }
    // Of the third record: its flag, its born time, a property; no other check covers them.
    const std::int64_t at = ends[1] + GENERATE(16, 40, 44, 88 + 6 + 1 + 5 + 2 + 2);
    flip_bit(dir.file("commitlog/00000000000000000000"), at, 3);
    LogFixture f(dir.path());
    CHECK(f.recover()->end == PhysicalOffset{ends[1]});
}

TEST_CASE("property CRC: a batch, and properties that only the append lock knows",
          "[store][K-15]") {
    const TempDir dir;
    const SystemClock clock;
    auto config = fault_config(dir.path());
    config.enabled_append_prop_crc = true;
    config.enable_lmq = true;
    config.enable_multi_dispatch = true;
    MessageStore store(config, clock);
    REQUIRE(store.load());
    REQUIRE(store.start());
    const std::vector<MessageToPut> batch{make_message("one"), make_message("two")};
    const auto put = store.put_messages(batch);
    REQUIRE(put.status == PutMessageStatus::PUT_OK);
    const auto first = store.record_at(put.physical_offset);
    REQUIRE(first);
    CHECK(seal_of(first->bytes) == Seal::kRight);
    const auto second = store.record_at(put.physical_offset + std::ssize(first->bytes));
    REQUIRE(second);
    CHECK(seal_of(second->bytes) == Seal::kRight);

    const MessageToPut light = make_message("x", "Topic", "INNER_MULTI_DISPATCH\1%LMQ%a,%LMQ%b\2");
    const auto late = store.put_message(light);
    REQUIRE(late.status == PutMessageStatus::PUT_OK);
    const auto record = store.record_at(late.physical_offset);
    REQUIRE(record);
    CHECK(seal_of(record->bytes) == Seal::kRight);
    const auto decoded = decode_message(record->bytes, VerifyCrc::kYes);
    REQUIRE(decoded);
    CHECK(find_property(decoded->properties, property::kInnerMultiQueueOffset) == "0,0");
    await_dispatch(store);
    CHECK(store.max_offset("%LMQ%b", 0) == QueueOffset{1});
}

TEST_CASE("long topics: put, read, found by key, and made anew after a crash",
          "[store][recovery][K-16]") {
    const std::string topic = "%RETRY%" + std::string(200, 'g');
    const TempDir dir;
    const SystemClock clock;
    const auto config = fault_config(dir.path());
    const auto check = [&](MessageStore& store) {
        CHECK(store.max_offset(topic, 0) == QueueOffset{3});
        GetMessageRequest request;
        request.topic = topic;
        request.cold_reads = GetMessageRequest::ColdReads::kAllow;
        const auto got = store.get_message(request);
        REQUIRE(got.message_count == 3);
        for_each_record(got.slices.front().bytes, [&](const MessageRecord& record) {
            CHECK(record.magic == layout::kMagicV2);
            CHECK(record.topic == topic);
            CHECK(record.body == "x");
        });
        CHECK(store.query_message(topic, "k", 10, 0, INT64_MAX).slices.size() == 3);
        CHECK(store.max_offset("Topic", 0) == QueueOffset{3});
    };
    {
        MessageStore store(config, clock);
        REQUIRE(store.load());
        REQUIRE(store.start());
        for (int i = 0; i < 3; ++i) {
            const auto put = store.put_message(make_message("x", topic, "KEYS\1k\2"));
            REQUIRE(put.status == PutMessageStatus::PUT_OK);
            CHECK(put.queue_offset == QueueOffset{i});
            // A short topic beside it keeps version 1.
            const auto other = store.put_message(make_message("y"));
            CHECK(decode_message(store.record_at(other.physical_offset)->bytes)->magic ==
                  layout::kMagicV1);
        }
        await_dispatch(store);
        check(store);
    }
    REQUIRE(write_file(dir.file("abort"), "1"));
    std::filesystem::remove_all(dir.file("consumequeue"));
    std::filesystem::remove_all(dir.file("checkpoint"));
    MessageStore store(config, clock);
    REQUIRE(store.load());
    check(store);
}
