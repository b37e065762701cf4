// SPDX-License-Identifier: Apache-2.0
#include "store/message_query.h"

#include "common/message/message_record.h"
#include "store/consume_queue_table.h"
#include "store/index_service.h"
#include "store/message_reader.h"

#include <algorithm>

namespace rmq::store {

MessageQuery::MessageQuery(const LogSource& log, const ConsumeQueueTable& queues,
                           const IndexService* index, const MessageReader& reader)
    : log_(log), queues_(queues), index_(index), reader_(reader) {}

MappedSlice MessageQuery::record_at(PhysicalOffset at) const {
    MappedSlice slice = log_.read(at);
    const auto record = decode_message(slice.bytes);
    if (!record || record->physical_offset != at) {
        return {};
    }
    slice.bytes = slice.bytes.substr(0, static_cast<std::size_t>(record->total_size));
    return slice;
}

QueryMessageResult MessageQuery::query_message(std::string_view topic, std::string_view key,
                                               int max, std::int64_t begin_ms,
                                               std::int64_t end_ms) const {
    QueryMessageResult result;
    if (index_ == nullptr || max <= 0) {
        return result;
    }
    // A round that found only records which retention took looks further back.
    constexpr int kRounds = 3;
    std::int64_t last_ms = end_ms;
    for (int round = 0; round < kRounds && result.slices.empty() && last_ms >= begin_ms; ++round) {
        IndexQueryResult found =
            index_->query({topic, key, static_cast<std::size_t>(max), begin_ms, last_ms});
        if (found.offsets.empty()) {
            break;
        }
        result.index_last_update_timestamp = found.last_update_timestamp;
        result.index_last_update_physical_offset = found.last_update_offset;
        std::sort(found.offsets.begin(), found.offsets.end());
        // Two keys of one record may have the same hash.
        found.offsets.erase(std::unique(found.offsets.begin(), found.offsets.end()),
                            found.offsets.end());
        for (const PhysicalOffset at : found.offsets) {
            MappedSlice record = record_at(at);
            if (record.bytes.empty()) {
                continue;
            }
            if (at == found.offsets.front()) {
                last_ms = store_timestamp_of(record.bytes);
            }
            result.slices.push_back(std::move(record));
        }
    }
    return result;
}

std::int64_t MessageQuery::timestamp_of(const ConsumeQueue& queue, QueueOffset number) const {
    const auto entry = queue.entry(number);
    return entry ? store_timestamp_of(log_, entry->physical_offset, entry->size) : -1;
}

// The original searches one queue file, chosen by its first and last times; over the whole queue
// the answer is the same, as store times do not fall along a queue.
QueueOffset MessageQuery::search_offset_by_time(std::string_view topic, std::int32_t queue_id,
                                                std::int64_t timestamp_ms,
                                                BoundaryType boundary) const {
    const ConsumeQueue* const queue = queues_.find(topic, queue_id);
    if (queue == nullptr) {
        return {0};
    }
    if (queue->type() == QueueType::kBatch) {
        return queue->batch_offset_at(timestamp_ms, boundary);
    }
    const QueueOffset min = queue->min_offset();
    const QueueOffset max = queue->max_offset();
    // Invariant: entries before `low` belong to the left part, those from `high` on to the right.
    QueueOffset low = min;
    QueueOffset high = max;
    while (low < high) {
        const QueueOffset middle = low + (high - low) / 2;
        const auto entry = queue->entry(middle);
        const bool is_gone = !entry || entry->physical_offset < log_.min_offset();
        const std::int64_t time =
            is_gone ? INT64_MIN : store_timestamp_of(log_, entry->physical_offset, entry->size);
        if (!is_gone && time < 0) {
            return min;  // Source: binarySearchInQueueByTime gives 0, which is clamped
        }
        const bool is_left =
            boundary == BoundaryType::LOWER ? time < timestamp_ms : time <= timestamp_ms;
        if (is_left) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (boundary == BoundaryType::LOWER) {
        return low;
    }
    return low > min ? low + -1 : min;
}

std::int64_t MessageQuery::store_timestamp_at(std::string_view topic, std::int32_t queue_id,
                                              QueueOffset offset) const {
    const ConsumeQueue* const queue = queues_.find(topic, queue_id);
    return queue == nullptr ? -1 : timestamp_of(*queue, offset);
}

bool MessageQuery::is_offset_in_memory(std::string_view topic, std::int32_t queue_id,
                                       QueueOffset offset) const {
    const ConsumeQueue* const queue = queues_.find(topic, queue_id);
    if (queue == nullptr) {
        return false;
    }
    const auto entry = queue->entry(offset);
    return entry && entry->physical_offset >= log_.min_offset() &&
           reader_.is_near_end(entry->physical_offset);
}

}  // namespace rmq::store
