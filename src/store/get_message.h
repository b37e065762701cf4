// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/offsets.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace rmq::store {

// Part of a mapped file. `owner` keeps the mapping alive.
struct MappedSlice {
    std::shared_ptr<const void> owner;
    std::string_view bytes;
};

// Source: GetMessageStatus (5.5.0).
enum class GetMessageStatus {
    FOUND,
    NO_MATCHED_MESSAGE,
    MESSAGE_WAS_REMOVING,
    OFFSET_FOUND_NULL,
    OFFSET_OVERFLOW_BADLY,
    OFFSET_OVERFLOW_ONE,
    OFFSET_TOO_SMALL,
    NO_MATCHED_LOGIC_QUEUE,
    NO_MESSAGE_IN_QUEUE,
    OFFSET_RESET,
};
const char* get_message_status_name(GetMessageStatus status);

// Which message of a queue search_offset_by_time looks for. Source: BoundaryType.
enum class BoundaryType { LOWER, UPPER };

// Decides by the queue entry's tag code, before the record is read. Empty: everything matches.
using TagsCodeFilter = std::function<bool(std::int64_t tags_code)>;
// Decides by the record (its properties), after the tag code matched. Empty: everything matches.
using RecordFilter = std::function<bool(std::string_view record)>;

struct GetMessageRequest {
    std::string_view topic;
    std::int32_t queue_id = 0;
    QueueOffset offset;
    std::int32_t max_count = 32;
    const TagsCodeFilter* tags_filter = nullptr;
    const RecordFilter* record_filter = nullptr;
    // On a network thread: give up with `is_cold` instead of touching pages that may not be in
    // memory. The caller repeats the request with kAllow on a blocking thread.
    enum class ColdReads { kRefuse, kAllow } cold_reads = ColdReads::kRefuse;
};

struct GetMessageResult {
    GetMessageStatus status = GetMessageStatus::NO_MATCHED_LOGIC_QUEUE;
    bool is_cold = false;  // nothing was read, repeat with ColdReads::kAllow
    QueueOffset next_begin_offset;
    QueueOffset min_offset;
    QueueOffset max_offset;
    bool suggest_pulling_from_slave = false;
    std::int32_t message_count = 0;
    std::int64_t total_bytes = 0;
    std::int64_t cold_bytes = 0;  // of these, not in memory; with coldDataFlowControlEnable
    // With ColdReads::kAllow the slices are copies in memory, safe to write from a network thread.
    std::vector<MappedSlice> slices;
};

struct QueryMessageResult {
    std::vector<MappedSlice> slices;  // one record each, newest index file first
    std::int64_t index_last_update_timestamp = 0;
    PhysicalOffset index_last_update_physical_offset;
};

}  // namespace rmq::store
