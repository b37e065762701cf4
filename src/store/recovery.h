// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/message/message_record.h"
#include "common/offsets.h"
#include "common/result.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace rmq::store {

class MappedFileQueue;

// What the rest of the store knows before the CommitLog is scanned.
struct RecoveryStart {
    bool is_abnormal = false;        // `abort` was there: the last stop was not clean
    PhysicalOffset queues_end{-1};   // largest record end over all queues, -1 when there is none
    std::int64_t min_timestamp = 0;  // StoreCheckpoint::min_timestamp
    std::int64_t flushed_timestamp = 0;     // physicMsgTimestamp
    PhysicalOffset flushed_position;        // the log was on the disk up to here; 0: not known
    PhysicalOffset logics_physical_offset;  // 0: not known
    // A queue lacks entries from here on: the scan begins early enough. -1: none does.
    PhysicalOffset rebuild_from{-1};
    bool check_crc = true;  // checkCRCOnRecover
    // Given the records that the queues should have and so are not dispatched, from this many bytes
    // before queues_end on. May be null.
    std::function<void(const MessageRecord&)> check_queued{};
    static constexpr std::int64_t kCheckedBytes = 8 * 1024 * 1024;
};

struct RecoveryReport {
    PhysicalOffset end;  // behind the last valid record (or the blank of its file)
    PhysicalOffset scanned_from;
    std::int64_t record_count = 0;  // valid records scanned
    std::int64_t dispatched_count = 0;
    std::int64_t damaged_count = 0;  // stretches flushed earlier, unreadable now; stepped over
    std::int64_t last_store_timestamp = 0;
};

// Why a scan cannot go on at a position.
enum class ScanStep { kRecord, kBlank, kEnd };

// One step of a scan: what is at the start of `rest`, the bytes from `position` to the end of its
// file. A record counts only when its lengths add up, it says that it lies at `position`, its CRC
// agrees (when asked) and no sector of it was lost. Bytes are never trusted.
struct Scanned {
    ScanStep step = ScanStep::kEnd;
    MessageRecord record;
};
Scanned scan_record(std::string_view rest, PhysicalOffset position, bool check_crc);

// Whether a part of the record that a power loss may have taken back is all zero: a whole 512-byte
// sector of topic or properties, or their end. The body's CRC and the lengths cover the rest.
// Properties never hold such zeros: they are text, and end in a separator or in what the broker
// added.
bool has_lost_sector(std::string_view record_bytes, const MessageRecord& record,
                     PhysicalOffset position);

// Where the scan begins: 0 when there are no files. Behind it nothing is known of the queues.
PhysicalOffset find_scan_start(const MappedFileQueue& files, const RecoveryStart& start);
// The first position at or behind `from` at which a whole record of the file lies that begins at
// `start`; -1: none.
std::int64_t find_record(std::string_view file, std::int64_t start, std::int64_t from,
                         bool check_crc);

// Finds the end of the log, and passes the records that the queues may lack to `dispatch`, which
// must not mind repeats. Changes nothing; the caller then truncates log and queues at the end.
//   - clean stop: scans from the newest file that begins at or before queues_end; dispatches what
//     begins at or behind queues_end;
//   - otherwise: scans from the newest file whose first record the checkpoint says is on the disk
//     with its queue entries, and dispatches everything.
// A first record that fails the checks disqualifies its file as a start. Bytes that are no record
// end the log, unless they were on the disk once: then they are damage, and the scan goes on at the
// next record. Errors: what `dispatch`
// gives. Blocks. Source: CommitLog.recoverNormally, recoverAbnormally (5.5.0).
Result<RecoveryReport> recover_commit_log(
    const MappedFileQueue& files, const RecoveryStart& start,
    const std::function<Status(const MessageRecord&)>& dispatch);

}  // namespace rmq::store
