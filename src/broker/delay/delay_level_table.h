// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace rmq::broker {

// messageDelayLevel: level 1, 2, … to its delay. A value, immutable once parsed; safe from any
// thread. Source: ScheduleMessageService.parseDelayLevel.
class DelayLevelTable {
public:
    // "1s 5s 10m 2h 1d". Errors: kInvalidArgument naming the bad word.
    static Result<DelayLevelTable> parse(std::string_view levels);

    // 0 when there are none.
    std::int32_t max_level() const { return static_cast<std::int32_t>(delays_ms_.size()); }

    // Delay of a level; levels above the highest count as the highest. 1000 for a level below 1 or
    // in an empty table, as in the original.
    std::int64_t delay_ms(std::int32_t level) const {
        if (level < 1 || delays_ms_.empty()) {
            return 1000;
        }
        const auto index =
            level > max_level() ? delays_ms_.size() : static_cast<std::size_t>(level);
        return delays_ms_[index - 1];
    }

private:
    std::vector<std::int64_t> delays_ms_;
};

}  // namespace rmq::broker
