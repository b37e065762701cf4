// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/offsets.h"
#include "common/result.h"
#include "store/mapped_file_queue.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace rmq::store {

// Bits of TimerUnit::magic. Source: TimerMessageStore.MAGIC_*.
namespace timer_magic {
inline constexpr std::int32_t kDefault = 1;
inline constexpr std::int32_t kRoll = 2;    // due beyond the window: put again when the slot fires
inline constexpr std::int32_t kDelete = 4;  // a marker that cancels another message
inline constexpr std::int32_t kBlank = static_cast<std::int32_t>(0xCBD43194);
}  // namespace timer_magic

// One entry of the TimerLog.
struct TimerUnit {
    std::int64_t prev_pos = -1;  // the unit before it in its slot, -1 none
    std::int32_t magic = timer_magic::kDefault;
    std::int64_t write_time_ms = 0;
    std::int32_t delay_ms = 0;
    PhysicalOffset physical_offset;  // of the message in rmq_sys_wheel_timer
    std::int32_t size = 0;           // of its record
    std::int32_t topic_hash = 0;     // of the real topic

    // Of the slot it is in.
    std::int64_t slot_time_ms() const { return write_time_ms + delay_ms; }
    bool is_roll() const { return (magic & timer_magic::kRoll) != 0; }
    // A marker that takes effect in its slot; one that rolls is put again like a message.
    bool is_delete() const { return (magic & timer_magic::kDelete) != 0; }
};

// The files below `timerlog/`: units of 52 bytes, big-endian, one behind the other; none crosses
// from one file to the next.
//
//   offset  bytes  field                    offset  bytes  field
//        0      4  size, 52                     28      8  physical_offset
//        4      8  prev_pos                     36      4  size of the record
//       12      4  magic                        40      4  topic_hash
//       16      8  write_time_ms                44      8  reserved, 0
//       24      4  delay_ms
//
// When a unit and a blank do not fit into the rest of a file, a blank fills it: i32 bytes left,
// i64 0, i32 kBlank.
// Thread safety: append() from one thread, flush() and delete_below() from one, reads from any.
// Lifecycle: construct, load(), recover by for_each() and truncate(). Source: TimerLog (5.5.0).
class TimerLog {
public:
    static constexpr std::int64_t kUnitBytes = 52;
    static constexpr std::int64_t kBlankBytes = 16;

    TimerLog(std::string directory, std::int64_t file_size, FileOps& ops);

    // Errors: as MappedFileQueue::load.
    Status load();
    // Position of the new unit. Errors: as MappedFile::create; nothing was written then.
    Result<std::int64_t> append(const TimerUnit& unit);
    // The unit at exactly this position; nothing when its file is gone or it is none.
    std::optional<TimerUnit> at(std::int64_t position) const;
    bool is_empty() const { return files_.empty(); }
    std::int64_t min_position() const { return files_.min_position(); }
    std::int64_t file_size() const { return files_.options().file_size; }
    std::int64_t end() const;

    // Calls `visit` for each unit from the first one of the file that holds `position` (or the
    // first file) until it returns false or a unit is not valid; returns the position behind the
    // last valid one. While the log is written to, units appended meanwhile may be left out.
    using Visit = std::function<bool(std::int64_t position, const TimerUnit& unit)>;
    std::int64_t for_each(std::int64_t position, const Visit& visit) const;

    // Recovery: ends the log at `end`. Errors: as MappedFileQueue::truncate.
    Status truncate(std::int64_t end) { return files_.truncate(end); }
    // Forces everything to the disk; returns the position up to which. Errors: kIo. Blocks.
    Result<std::int64_t> flush() { return files_.flush(); }
    // Deletes the oldest files whose messages all lie below `min`, except the last file. Blocks.
    // Source: MappedFileQueue.deleteExpiredFileByOffsetForTimerLog.
    void delete_below(PhysicalOffset min);

private:
    Result<MappedFileQueue::File> writable_file();

    MappedFileQueue files_;
};

}  // namespace rmq::store
