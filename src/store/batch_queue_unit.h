// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/offsets.h"
#include "store/get_message.h"

#include <cstdint>

namespace rmq::store {

class UnitFiles;

// One unit of a batch consume queue (topics with queue.type=BatchCQ). Big-endian on the disk:
//
//   offset  bytes  field
//        0      8  CommitLog position of the record
//        8      4  totalSize of the record
//       12      8  tagsCode
//       20      8  store time, ms
//       28      8  msgBaseOffset: queue offset of the record's first message
//       36      2  batchSize: messages in the record
//       38      4  compactedOffset, -1
//       42      4  reserved, 0
//
// Units lie one behind the other; a unit's place says nothing of its queue offset, and a record
// advances the queue by batchSize. Source: BatchConsumeQueue (5.5.0).
struct BatchQueueUnit {
    static constexpr std::int64_t kBytes = 46;

    PhysicalOffset physical_offset;
    std::int32_t size = 0;
    std::int64_t tags_code = 0;
    std::int64_t store_timestamp = 0;
    QueueOffset base;
    std::int16_t count = 1;
    std::int32_t compacted_offset = -1;

    bool is_written() const {
        return physical_offset.value >= 0 && size > 0 && base.value >= 0 && count > 0 &&
               physical_offset.value <= INT64_MAX - INT32_MAX &&
               base.value <= INT64_MAX - INT16_MAX;
    }
    QueueOffset end() const { return base + count; }
};

// Precondition: `at` has BatchQueueUnit::kBytes bytes.
BatchQueueUnit decode_batch_queue_unit(const char* at);
void encode_batch_queue_unit(const BatchQueueUnit& unit, char* at);

// --- searches over the units of one queue, by halving ------------------------------------------
// Each returns the number of a unit, units.end() when there is none, and -1 when a unit cannot be
// read now (logged).

// The unit that holds the message, or the next one when no unit does.
std::int64_t find_batch_unit(const UnitFiles& units, QueueOffset message);
// The first unit whose record lies at or behind this CommitLog position.
std::int64_t first_batch_unit_from(const UnitFiles& units, PhysicalOffset position);
// The queue offset that the original gives for a time; -1 when it finds none.
// Source: BatchConsumeQueue.getOffsetInQueueByTime.
std::int64_t batch_offset_by_time(const UnitFiles& units, std::int64_t timestamp_ms,
                                  BoundaryType boundary);

}  // namespace rmq::store
