// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/offsets.h"
#include "store/get_message.h"
#include "store/log_source.h"
#include "store/message_store.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace rmq::store {

class ConsumeQueue;
class ConsumeQueueTable;
class IndexService;
class MessageReader;
struct ConsumeQueueEntry;

// The lookups beside the pull path: by key, by time, by queue offset. They may have to read old
// pages, so they run on a thread that may block.
// Thread safety: all members from any thread. Source: DefaultMessageStore, ConsumeQueue (5.5.0).
class MessageQuery {
public:
    // `index` may be null when messageIndexEnable is off.
    MessageQuery(const LogSource& log, const ConsumeQueueTable& queues, const IndexService* index,
                 const MessageReader& reader);

    // See MessageStore::query_message. The newest `max` matches, in log order. Source:
    // DefaultMessageStore.queryMessage.
    QueryMessageResult query_message(std::string_view topic, std::string_view key, int max,
                                     std::int64_t begin_ms, std::int64_t end_ms) const;

    // LOWER: the first message stored at or after the time, or the queue's end. UPPER: the last one
    // stored at or before it, or the queue's first. 0 for an unknown queue.
    QueueOffset search_offset_by_time(std::string_view topic, std::int32_t queue_id,
                                      std::int64_t timestamp_ms, BoundaryType boundary) const;
    // -1 when there is no such message.
    std::int64_t store_timestamp_at(std::string_view topic, std::int32_t queue_id,
                                    QueueOffset offset) const;
    // Whether the message is still in the log and near its end. Does not block on the log; may on
    // the queue.
    bool is_offset_in_memory(std::string_view topic, std::int32_t queue_id,
                             QueueOffset offset) const;

private:
    std::int64_t timestamp_of(const ConsumeQueue& queue, QueueOffset number) const;
    // The whole record at this position, by its own size.
    MappedSlice record_at(PhysicalOffset at) const;

    const LogSource& log_;
    const ConsumeQueueTable& queues_;
    const IndexService* const index_;
    const MessageReader& reader_;
};

}  // namespace rmq::store
