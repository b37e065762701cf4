// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"
#include "store/timer/timer_log.h"
#include "store/timer/timer_wheel.h"

#include <cstdint>
#include <optional>

namespace rmq::store {

struct TimerRecovery {
    std::int64_t end = 0;                // of the log
    std::optional<TimerUnit> last_unit;  // in the log, if any
    std::int64_t units = 0;              // that the wheel did not know yet
};

struct TimerRecoveryFrom {
    std::int64_t flush_pos = 0;     // the wheel on the disk is at least as new (TimerCheckpoint)
    std::int64_t from_ms = 0;       // slots before it were served
    PhysicalOffset commit_log_end;  // units about records that were lost are cut off
};

// Makes log and wheel agree after whatever happened: ends the log behind its last valid unit, and
// enters into the wheel every unit that it does not know. The scan begins one file before
// `flush_pos`, as the original's does, and at the start of the log when there is no wheel file.
// Errors: kIo, kResourceExhausted. Blocks. Source: TimerMessageStore.recoverAndRevise.
Result<TimerRecovery> recover_timer(TimerWheel& wheel, TimerLog& log,
                                    const TimerRecoveryFrom& from);

}  // namespace rmq::store
