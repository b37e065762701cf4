// SPDX-License-Identifier: Apache-2.0
#include "common/bytes.h"
#include "common/message/message_layout.h"
#include "common/message/message_properties.h"
#include "common/message/message_record.h"
#include "store/index_file.h"

#include "storetool/check_store.h"

#include <optional>

namespace rmq::storetool {

namespace {

using Shape = store::IndexFileShape;

constexpr std::int64_t kCountAt = 36;

// The original's sizes and the smaller ones of tests: slots and entries are in the ratio 1 to 4.
std::optional<Shape> shape_of(std::int64_t bytes) {
    const std::int64_t slots =
        (bytes - Shape::kHeaderBytes) / (Shape::kSlotBytes + 4 * Shape::kEntryBytes);
    const Shape shape{slots, slots * 4};
    return shape.file_bytes() == bytes ? std::optional(shape) : std::nullopt;
}

// Whether one of the record's keys has this hash.
bool has_key_of_hash(const MessageRecord& record, std::int32_t hash) {
    PropertyCursor cursor(record.properties);
    while (const auto pair = cursor.next()) {
        if (pair->name == property::kUniqKey) {
            if (store::index_key_hash(record.topic, pair->value) == hash) {
                return true;
            }
        } else if (pair->name == property::kTags) {
            // Under a key of their own. Source: IndexService.buildIndex (5.5.0).
            if (store::index_key_hash(record.topic, "T#" + std::string(pair->value)) == hash) {
                return true;
            }
        } else if (pair->name == property::kKeys) {
            KeyCursor keys(pair->value);
            while (const auto key = keys.next()) {
                if (store::index_key_hash(record.topic, *key) == hash) {
                    return true;
                }
            }
        }
    }
    return false;
}

std::int64_t check_entries(const StoreDirectory& store, const LogSummary& log,
                           const ReadOnlyFile& file, const Shape& shape, Findings& findings) {
    const char* const data = file.bytes().data();
    const std::int64_t count = load_be<std::int32_t>(data + kCountAt);
    if (count < 1 || count > shape.entries) {
        findings.add(
            {Severity::kWarning, file.path(), "says it has " + std::to_string(count) + " entries",
             "look-ups by key miss its messages; delete it, a start after a crash makes it "
             "anew for what the log still has"});
        return 0;
    }
    Repeated wrong(
        Severity::kWarning, file.path(),
        "look-ups by key miss messages or read others, which are then left out; consumers "
        "do not use it");
    for (std::int64_t number = 1; number < count; ++number) {
        const char* const entry = data + shape.entries_at() + number * Shape::kEntryBytes;
        const auto hash = load_be<std::int32_t>(entry);
        const auto at = load_be<std::int64_t>(entry + 4);
        const std::string text = "entry " + std::to_string(number) + " -> " + std::to_string(at);
        if (load_be<std::int32_t>(entry + 16) >= number) {
            wrong.add(text + ": the chain goes forward");
        }
        if (at < log.begin.value || at >= log.end.value) {
            if (at >= log.end.value) {
                wrong.add(text + ": behind the end of the log");
            }
            continue;
        }
        const auto record = decode_message(store.log().bytes_at(at));
        if (!record || record->physical_offset.value != at) {
            wrong.add(text + ": no record there");
        } else if (!has_key_of_hash(*record, hash)) {
            wrong.add(text + ": the record has no such key");
        }
    }
    for (std::int64_t slot = 0; slot < shape.slots; ++slot) {
        const auto head =
            load_be<std::int32_t>(data + Shape::kHeaderBytes + slot * Shape::kSlotBytes);
        if (head < 0 || head >= count) {
            wrong.add("slot " + std::to_string(slot) + " -> " + std::to_string(head));
        }
    }
    wrong.report(findings);
    return count - 1;
}

}  // namespace

std::int64_t check_indexes(const StoreDirectory& store, const LogSummary& log, Findings& findings) {
    std::int64_t total = 0;
    for (const ReadOnlyFile& file : store.indexes()) {
        const auto shape = shape_of(file.size());
        if (file.size() == 0) {
            findings.add({Severity::kWarning, file.path(), "the index file is empty",
                          "left by a crash while it was made; the next start deletes it"});
        } else if (!shape) {
            findings.add(
                {Severity::kNote, file.path(),
                 "has " + std::to_string(file.size()) + " bytes, an unusual size",
                 "it fits only servers that set maxHashSlotNum and maxIndexNum to match; its "
                 "entries were not looked at"});
        } else {
            total += check_entries(store, log, file, *shape, findings);
        }
    }
    return total;
}

}  // namespace rmq::storetool
