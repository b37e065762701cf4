// SPDX-License-Identifier: Apache-2.0
#include "store/timer/timer_recovery.h"

#include "common/log.h"

#include <algorithm>

namespace rmq::store {

namespace {

// Enters one unit, unless the slot has it already: positions of a slot only grow.
bool revise_slot(TimerWheel& wheel, std::int64_t position, const TimerUnit& unit) {
    const std::int64_t time = wheel.floor_ms(unit.slot_time_ms());
    TimerSlot slot = wheel.raw_slot(time);
    if (slot.time_ms > time || (slot.time_ms == time && slot.last_pos >= position)) {
        return false;
    }
    if (slot.time_ms != time) {
        slot = TimerSlot{.time_ms = time, .first_pos = position};
    }
    if (slot.first_pos < 0) {
        slot.first_pos = position;
    }
    slot.last_pos = position;
    slot.num += unit.is_delete() ? -1 : 1;
    wheel.put_slot(slot);
    return true;
}

}  // namespace

Result<TimerRecovery> recover_timer(TimerWheel& wheel, TimerLog& log,
                                    const TimerRecoveryFrom& from) {
    TimerRecovery result;
    const auto enter = [&](std::int64_t position, const TimerUnit& unit) {
        if (unit.physical_offset >= from.commit_log_end) {
            return false;
        }
        result.last_unit = unit;
        if (unit.slot_time_ms() >= from.from_ms && revise_slot(wheel, position, unit)) {
            ++result.units;
        }
        return true;
    };
    const std::int64_t begin =
        wheel.is_new() ? 0 : std::max<std::int64_t>(from.flush_pos - log.file_size(), 0);
    result.end = log.for_each(begin, enter);
    if (!log.is_empty()) {
        RMQ_CHECK(log.truncate(result.end));
    }
    // Only a log that lost its tail leaves slots that point behind its end.
    const std::int64_t lowest = wheel.clear_behind(result.end);
    if (lowest < result.end) {
        log_of("store").warn("timer_wheel_revised from={} to={}", lowest, result.end);
        log.for_each(lowest, enter);
    }
    return result;
}

}  // namespace rmq::store
