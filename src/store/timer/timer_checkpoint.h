// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace rmq::store {

// How far the timer is: the file `config/timercheck` (4096 bytes, big-endian, the rest zero) and,
// as its first 56 bytes, the answer to GET_TIMER_CHECK_POINT. A value.
// Source: TimerCheckpoint (5.5.0).
struct TimerCheckpoint {
    static constexpr std::size_t kWireBytes = 56;
    static constexpr std::size_t kFileBytes = 4096;

    std::int64_t last_read_time_ms = 0;  // the slot to serve next; all before it were served
    std::int64_t last_timer_log_flush_pos = 0;
    std::int64_t last_timer_queue_offset = 0;    // next entry of rmq_sys_wheel_timer to take in
    std::int64_t master_timer_queue_offset = 0;  // the same, of the master
    std::int64_t state_version = 0;              // these three: DataVersion
    std::int64_t timestamp = 0;
    std::int64_t counter = 0;

    bool operator==(const TimerCheckpoint&) const = default;

    std::string encode() const;
    // Missing bytes read as 0.
    static TimerCheckpoint decode(std::string_view bytes);
    // A missing file gives zeros. Errors: kIo, kPermissionDenied.
    static Result<TimerCheckpoint> load(const std::string& path);
    // Writes in place and forces it. Errors: kIo, kResourceExhausted. Blocks.
    Status save(const std::string& path) const;
};

}  // namespace rmq::store
