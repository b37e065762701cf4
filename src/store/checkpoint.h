// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

namespace rmq::store {

// How far the parts of the store are on the disk; what recovery after a crash starts from. A file
// of 4096 bytes, big-endian, the rest zero:
//
//   offset  bytes  field
//        0      8  physicMsgTimestamp: store time of the newest flushed CommitLog record
//        8      8  logicsMsgTimestamp: store time of the newest record whose queue entry is flushed
//       16      8  indexMsgTimestamp: the same for index files
//       24      8  masterFlushedOffset
//       32      8  confirmPhyOffset
//       40      8  logicsPhysicalOffset: CommitLog position up to which queue entries are flushed
//       48      8  flushedPhysicalOffset: the same of the CommitLog itself; RaptorMQ's own
//       56      8  a tag and the CRC of what is before it; RaptorMQ's own
//
// The original leaves the last two as they are. The flushed position counts only while the CRC is
// right: nobody else has written the file since.
// Thread safety: any thread. Source: StoreCheckpoint (5.5.0).
class StoreCheckpoint {
public:
    static constexpr std::int64_t kFileBytes = 4096;
    enum Field : std::size_t {
        kPhysicMsgTimestamp,
        kLogicsMsgTimestamp,
        kIndexMsgTimestamp,
        kMasterFlushedOffset,
        kConfirmPhyOffset,
        kLogicsPhysicalOffset,
        kFlushedPhysicalOffset,
        kFieldCount,
    };

    explicit StoreCheckpoint(std::string path) : path_(std::move(path)) {}

    // Reads the file; a missing or short one gives zeros, from which recovery scans everything.
    // Errors: kIo, kPermissionDenied.
    Status load();
    std::int64_t get(Field field) const { return fields_[field].load(std::memory_order_relaxed); }
    void set(Field field, std::int64_t value) {
        fields_[field].store(value, std::memory_order_relaxed);
    }
    // Writes and forces the file when a field changed. Errors: kIo, kResourceExhausted. Blocks.
    Status flush();

    // Every record older than this is on the disk with its queue entries: the older of the two
    // times (three with the index), less 3 s for clock jitter; at least 0.
    std::int64_t min_timestamp(bool with_index) const;

private:
    const std::string path_;
    std::array<std::atomic<std::int64_t>, kFieldCount> fields_{};
    std::mutex flush_mutex_;
    std::array<std::int64_t, kFieldCount> flushed_{};  // guarded by flush_mutex_
    bool is_flushed_ = false;                          // guarded by flush_mutex_
};

}  // namespace rmq::store
