// SPDX-License-Identifier: Apache-2.0
#include "common/bytes.h"
#include "common/java_string.h"
#include "common/message/message_layout.h"
#include "common/message/message_properties.h"
#include "common/message/message_record.h"
#include "store/consume_queue.h"

#include "storetool/check_store.h"

#include <algorithm>

namespace rmq::storetool {

namespace {

constexpr std::int64_t kEntryBytes = store::ConsumeQueueEntry::kBytes;
constexpr std::string_view kScheduleTopic = "SCHEDULE_TOPIC_XXXX";
// A tag code below this is the address of a unit of the queue's extension file.
// Source: ConsumeQueueExt.MAX_ADDR.
constexpr std::int64_t kExtensionAddressMax = -2147483649LL;

std::string name_of(const QueueKey& key, std::string_view directory = "consumequeue") {
    return std::string(directory) + "/" + key.first + "/" + std::to_string(key.second);
}

bool has_tags_code(const MessageRecord& record, std::int64_t tags_code) {
    if (record.topic == kScheduleTopic || tags_code <= kExtensionAddressMax) {
        return true;  // a deliver time, or an address
    }
    const auto tags = find_property(record.properties, property::kTags);
    return tags_code == rmq::tags_code(tags.value_or(std::string_view{}));
}

class QueueCheck {
public:
    QueueCheck(const StoreDirectory& store, const LogSummary& log, const QueueKey& key)
        : store_(store),
          log_(log),
          key_(key),
          wrong_(
              Severity::kDamage, name_of(key),
              "consumers get other messages than they should; move the queue's directory away and "
              "start after an unclean stop (raptormq store repair does both)"),
          beyond_(Severity::kWarning, name_of(key),
                  "the log ends earlier, as after a crash; the next start drops these entries"),
          gap_(
              Severity::kNote, name_of(key),
              "the messages with these numbers were lost earlier; consumers pass over the copies") {
    }

    // Returns the number of entries that point at a record of this queue.
    std::int64_t run(const Segments& queue, Findings& findings) {
        for (const Segment& file : queue.files()) {
            if (file.file.size() % kEntryBytes != 0) {
                findings.add({Severity::kDamage, file.file.path(),
                              std::to_string(file.file.size()) + " bytes are no whole entries",
                              "neither server starts with it; move the queue's directory away"});
                continue;
            }
            check_file(file);
            if (is_ended_) {
                break;
            }
        }
        wrong_.report(findings);
        beyond_.report(findings);
        gap_.report(findings);
        return entries_;
    }
    std::int64_t end() const { return end_; }

private:
    void check_file(const Segment& file) {
        const std::string_view bytes = file.file.bytes();
        for (std::int64_t at = 0; at < file.file.size() && !is_ended_; at += kEntryBytes) {
            const auto entry = store::decode_consume_queue_entry(bytes.data() + at);
            if (entry.is_filler()) {
                continue;
            }
            if (entry.size <= 0) {
                is_ended_ = true;  // never written
                return;
            }
            const std::int64_t number = (file.start + at) / kEntryBytes;
            end_ = number + 1;
            if (entry.physical_offset >= log_.begin) {
                check_entry(entry, number);
            }
        }
    }

    void check_entry(const store::ConsumeQueueEntry& entry, std::int64_t number) {
        const std::int64_t at = entry.physical_offset.value;
        const std::string text = "entry " + std::to_string(number) + " -> " + std::to_string(at);
        if (at >= log_.end.value) {
            beyond_.add(text);
            return;
        }
        const std::string_view rest = store_.log().bytes_at(at);
        const auto record = decode_message(rest);
        if (!record || record->physical_offset != entry.physical_offset) {
            wrong_.add(text + ": no record there");
        } else if (record->topic != key_.first || record->queue_id != key_.second) {
            if (!is_multi_dispatched(*record)) {
                wrong_.add(text + ": a record of " + std::string(record->topic) + "/" +
                           std::to_string(record->queue_id));
            }
        } else if (record->queue_offset.value > number) {
            gap_.add(text + " stands for it, whose number is " +
                     std::to_string(record->queue_offset.value));
        } else if (record->queue_offset.value < number) {
            wrong_.add(text + ": the record's number is " +
                       std::to_string(record->queue_offset.value));
        } else if (record->total_size != entry.size) {
            wrong_.add(text + ": the record has " + std::to_string(record->total_size) +
                       " bytes, the entry says " + std::to_string(entry.size));
        } else if (!has_tags_code(*record, entry.tags_code)) {
            wrong_.add(text + ": the tag code is not that of the record");
        } else {
            ++entries_;
        }
    }

    // One record in several queues. Source: MultiDispatchUtils.
    static bool is_multi_dispatched(const MessageRecord& record) {
        return find_property(record.properties, property::kInnerMultiDispatch).has_value();
    }

    const StoreDirectory& store_;
    const LogSummary& log_;
    const QueueKey& key_;
    Repeated wrong_;
    Repeated beyond_;
    Repeated gap_;
    std::int64_t entries_ = 0;
    std::int64_t end_ = 0;
    bool is_ended_ = false;
};

// The queue of a topic with queue.type=BatchCQ.
class BatchQueueCheck {
public:
    BatchQueueCheck(const StoreDirectory& store, const LogSummary& log, const QueueKey& key)
        : store_(store),
          log_(log),
          key_(key),
          wrong_(
              Severity::kDamage, name_of(key, "batchconsumequeue"),
              "consumers get other messages than they should; move the queue's directory away and "
              "start after an unclean stop (raptormq store repair does both)"),
          beyond_(Severity::kWarning, name_of(key, "batchconsumequeue"),
                  "the log ends earlier, as after a crash; the next start drops these units"),
          gap_(Severity::kNote, name_of(key, "batchconsumequeue"),
               "no unit covers these numbers: the original writes none for single messages") {}

    // Returns the number of units that point at a record of this queue.
    std::int64_t run(const Segments& queue, Findings& findings) {
        for (const Segment& file : queue.files()) {
            if (file.file.size() % store::BatchQueueUnit::kBytes != 0) {
                findings.add({Severity::kDamage, file.file.path(),
                              std::to_string(file.file.size()) + " bytes are no whole units",
                              "neither server starts with it; move the queue's directory away"});
                continue;
            }
            const char* at = file.file.bytes().data();
            const char* const end = at + file.file.size();
            for (; at < end && !is_ended_; at += store::BatchQueueUnit::kBytes) {
                check_unit(store::decode_batch_queue_unit(at));
            }
        }
        wrong_.report(findings);
        beyond_.report(findings);
        gap_.report(findings);
        return units_;
    }

private:
    void check_unit(const store::BatchQueueUnit& unit) {
        if (!unit.is_written()) {
            is_ended_ = true;
            return;
        }
        const std::string text = "batch " + std::to_string(unit.base.value) + " -> " +
                                 std::to_string(unit.physical_offset.value);
        if (end_ >= 0 && unit.base.value < end_) {
            wrong_.add(text + ": the batch before ends at " + std::to_string(end_));
        } else if (end_ >= 0 && unit.base.value > end_) {
            gap_.add(text + " follows " + std::to_string(end_));
        }
        end_ = unit.end().value;
        if (unit.physical_offset < log_.begin) {
            return;
        }
        if (unit.physical_offset >= log_.end) {
            beyond_.add(text);
            return;
        }
        check_record(unit, text);
    }

    void check_record(const store::BatchQueueUnit& unit, const std::string& text) {
        const auto record = decode_message(store_.log().bytes_at(unit.physical_offset.value));
        if (!record || record->physical_offset != unit.physical_offset) {
            wrong_.add(text + ": no record there");
        } else if (record->topic != key_.first || record->queue_id != key_.second) {
            wrong_.add(text + ": a record of " + std::string(record->topic) + "/" +
                       std::to_string(record->queue_id));
        } else if (record->queue_offset != unit.base || record->total_size != unit.size ||
                   record->store_timestamp != unit.store_timestamp ||
                   find_property(record->properties, property::kInnerNum).value_or("1") !=
                       std::to_string(unit.count)) {
            wrong_.add(text + ": the record's offset, size, time or number of messages differs");
        } else if (!has_tags_code(*record, unit.tags_code)) {
            wrong_.add(text + ": the tag code is not that of the record");
        } else {
            ++units_;
        }
    }

    const StoreDirectory& store_;
    const LogSummary& log_;
    const QueueKey& key_;
    Repeated wrong_;
    Repeated beyond_;
    Repeated gap_;
    std::int64_t units_ = 0;
    std::int64_t end_ = -1;
    bool is_ended_ = false;
};

}  // namespace

std::int64_t check_queues(const StoreDirectory& store, const LogSummary& log, Findings& findings) {
    std::int64_t total = 0;
    for (const std::string& stranger : store.strangers()) {
        findings.add(
            {Severity::kNote, stranger, "neither a queue nor an index", "it is left alone"});
    }
    std::map<QueueKey, std::int64_t> found;
    for (const auto& [key, queue] : store.queues()) {
        QueueCheck check(store, log, key);
        found[key] = check.run(queue, findings);
        total += found[key];
    }
    for (const auto& [key, queue] : store.batch_queues()) {
        const std::int64_t units = BatchQueueCheck(store, log, key).run(queue, findings);
        found[key] += units;
        total += units;
    }
    for (const auto& [key, in_log] : log.queues) {
        const auto queue = found.find(key);
        const std::int64_t entries = queue == found.end() ? 0 : queue->second;
        if (entries < in_log.records) {
            findings.add({Severity::kWarning, name_of(key),
                          std::to_string(in_log.records - entries) + " of " +
                              std::to_string(in_log.records) + " records of the log have no entry",
                          "a start after a crash adds what is missing at the end; a topic that was "
                          "deleted leaves its records in the log without entries"});
        }
    }
    return total;
}

}  // namespace rmq::storetool
