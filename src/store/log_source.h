// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/offsets.h"
#include "store/get_message.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace rmq::store {

// What the queue half of the store needs of the CommitLog; tests give it a list of files in memory.
// Thread safety: all members from any thread.
class LogSource {
public:
    virtual ~LogSource() = default;
    // First byte still in the log, and the written end.
    virtual PhysicalOffset min_offset() const = 0;
    virtual PhysicalOffset max_offset() const = 0;
    // Up to here records may be dispatched: the written end, or the flushed position with
    // SYNC_FLUSH, so that nobody consumes what a power loss could take back.
    virtual PhysicalOffset dispatch_limit() const = 0;
    // The bytes from `from` to the end of its file or to dispatch_limit(), whichever comes first.
    // Empty outside [min, limit).
    virtual MappedSlice read(PhysicalOffset from) const = 0;
    // Start of the file behind the one that holds `offset`.
    virtual PhysicalOffset next_file_start(PhysicalOffset offset) const = 0;
};

using DispatchSource = LogSource;

// The record of totalSize `size` at `at`; empty when the log no longer has it or has other bytes
// there. Touches the record's first page.
MappedSlice read_record(const LogSource& log, PhysicalOffset at, std::int32_t size);

// storeTimestamp of the record, or -1. Source: CommitLog.pickupStoreTimestamp.
std::int64_t store_timestamp_of(const LogSource& log, PhysicalOffset at, std::int32_t size);

// storeTimestamp of a complete record. Precondition: at least layout::kFixedBytes bytes.
std::int64_t store_timestamp_of(std::string_view record);

}  // namespace rmq::store
