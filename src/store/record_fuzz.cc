// SPDX-License-Identifier: Apache-2.0
// Any bytes as records of the CommitLog: one, a row of them, and one step of a recovery.

#include "common/assert.h"
#include "common/bytes.h"
#include "common/crc32.h"
#include "common/message/message_properties.h"
#include "common/message/message_record.h"
#include "store/recovery.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace rmq;

bool lies_in(std::string_view part, std::string_view whole) {
    return part.empty() || (part.data() >= whole.data() &&
                            part.data() + part.size() <= whole.data() + whole.size());
}

void check_properties(std::string_view encoded) {
    PropertyCursor cursor(encoded);
    while (const auto pair = cursor.next()) {
        RMQ_ASSERT(lies_in(pair->name, encoded) && lies_in(pair->value, encoded),
                   "a property lies in its string");
        RMQ_ASSERT(!pair->name.empty() && !pair->value.empty(), "what readers skip is skipped");
        RMQ_ASSERT(find_property(encoded, pair->name), "every property can be found");
    }
}

void check_record(std::string_view input, const MessageRecord& record) {
    const std::string_view bytes = input.substr(0, static_cast<std::size_t>(record.total_size));
    RMQ_ASSERT(bytes.size() == static_cast<std::size_t>(record.total_size), "it lies in the input");
    RMQ_ASSERT(lies_in(record.body, bytes) && lies_in(record.topic, bytes) &&
                   lies_in(record.properties, bytes),
               "no field lies outside of its record");
    RMQ_ASSERT(encoded_size(record) == record.total_size, "its lengths add up");
    std::string again = encode_message(record);
    const bool has_right_crc = crc32_of(record.body) == record.body_crc;
    store_be(again.data() + 8, record.body_crc);
    RMQ_ASSERT(again == bytes, "decoded and encoded, it is the same");
    RMQ_ASSERT(bool(decode_message(input, VerifyCrc::kYes)) == has_right_crc,
               "the CRC alone decides what verifying refuses");
    for (const std::size_t cut : {std::size_t{1}, bytes.size() / 2, bytes.size() - 1}) {
        RMQ_ASSERT(!decode_message(bytes.substr(0, cut)), "a part of a record is none");
    }
    check_properties(record.properties);
}

// A scan takes what the decoder takes, at the position that the record names.
void check_scan(std::string_view input, PhysicalOffset position) {
    const auto scanned = store::scan_record(input, position, true);
    if (scanned.step != store::ScanStep::kRecord) {
        return;
    }
    RMQ_ASSERT(scanned.record.physical_offset == position, "it lies where it says");
    RMQ_ASSERT(bool(decode_message(input, VerifyCrc::kYes)), "what a scan takes, readers take");
    RMQ_ASSERT(store::scan_record(input, position + 1, true).step == store::ScanStep::kEnd,
               "and nowhere else");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    if (const auto record = decode_message(input)) {
        check_record(input, *record);
        check_scan(input, record->physical_offset);
    } else {
        check_scan(input, {0});
    }
    check_properties(input);
    std::size_t passed = 0;
    for_each_record(input, [&](const MessageRecord& record) {
        check_record(input.substr(passed), record);
        passed += static_cast<std::size_t>(record.total_size);
    });
    RMQ_ASSERT(passed <= size, "records lie in the input, one behind the other");
    return 0;
}
