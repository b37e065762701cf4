// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace rmq::store {

// One slot of the wheel: the timer messages of one precision step, as the ends of a chain of units
// in the TimerLog. Positions are TimerLog positions, -1 none.
struct TimerSlot {
    std::int64_t time_ms = -1;  // start of the step; -1: an empty slot
    std::int64_t first_pos = -1;
    std::int64_t last_pos = -1;
    std::int32_t num = 0;  // messages, less one per delete marker
    std::int32_t magic = 0;

    bool is_empty() const { return time_ms == -1; }
};

// The file `timerwheel`: 2 * kSlotsTotal slots of 32 bytes, big-endian; the slot of a time is
// (time / precision) mod (2 * kSlotsTotal).
//
//   offset  bytes  field
//        0      8  time / precision; another value than the wanted one: the slot is empty
//        8      8  first_pos
//       16      8  last_pos
//       24      4  num
//       28      4  magic
//
// The slots live in memory, of which only touched pages count, and reach the file by flush(): so
// that the file never points at TimerLog units that are not on the disk yet (take_dirty(), force
// the log, write()).
// Thread safety: all members from any thread, but write() and take_dirty() from one.
// Lifecycle: construct, load(). Source: TimerWheel, Slot (5.5.0).
class TimerWheel {
public:
    static constexpr std::int64_t kSlotBytes = 32;
    // Seven days of seconds. Source: TimerMessageStore.TIMER_WHEEL_TTL_DAY.
    static constexpr std::int64_t kSlotsTotal = std::int64_t{7} * 24 * 3600;
    static constexpr std::int64_t kFileBytes = 2 * kSlotsTotal * kSlotBytes;

    TimerWheel(std::string path, std::int64_t precision_ms);
    ~TimerWheel();
    TimerWheel(const TimerWheel&) = delete;
    TimerWheel& operator=(const TimerWheel&) = delete;

    // Reads the file, or makes it. Errors: kMalformed (another length), kIo, kPermissionDenied,
    // kResourceExhausted.
    Status load();
    // Whether load() found no file: the slots must then be rebuilt from the log.
    bool is_new() const { return is_new_; }

    std::int64_t precision_ms() const { return precision_ms_; }
    std::int64_t floor_ms(std::int64_t time_ms) const {
        return time_ms / precision_ms_ * precision_ms_;
    }
    // The slot of this time; empty when it holds another time.
    TimerSlot slot(std::int64_t time_ms) const;
    // Whatever the place of this time holds.
    TimerSlot raw_slot(std::int64_t time_ms) const;
    // Sets the slot of `slot.time_ms`.
    void put_slot(const TimerSlot& slot);
    // Time of the first slot in [from_ms, until_ms) that is not empty, else until_ms.
    std::int64_t next_slot(std::int64_t from_ms, std::int64_t until_ms) const;
    // Empties every slot that points at or behind `end`; returns the lowest first_pos among them,
    // or `end` when there was none.
    std::int64_t clear_behind(std::int64_t end);
    // Sum of `num` over the slots of [from_ms, from_ms + the wheel).
    std::int64_t count_from(std::int64_t from_ms) const;

    struct Page {
        std::int64_t index = 0;
        std::string bytes;
    };
    // Copies of the pages changed since the last call.
    std::vector<Page> take_dirty();
    // They were not written: the next take_dirty() gives them again.
    void mark_dirty(const std::vector<Page>& pages);
    // Writes and forces them. Pages that could not be written are dirty again. Errors: kIo,
    // kResourceExhausted. Blocks.
    Status write(const std::vector<Page>& pages);

private:
    char* at(std::int64_t time_ms) const;
    TimerSlot decode(const char* from) const;

    const std::string path_;
    const std::int64_t precision_ms_;
    bool is_new_ = false;
    char* memory_ = nullptr;  // kFileBytes; contents guarded by mutex_
    mutable std::mutex mutex_;
    std::vector<bool> dirty_;  // by page; guarded by mutex_
};

}  // namespace rmq::store
