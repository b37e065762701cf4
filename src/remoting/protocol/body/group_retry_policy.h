// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace rmq {

// How long a group's message waits before each retry. A value. Source: GroupRetryPolicy,
// CustomizedRetryPolicy, ExponentialRetryPolicy.
class GroupRetryPolicy {
public:
    enum class Type { CUSTOMIZED, EXPONENTIAL };

    // CUSTOMIZED with the original's 18 steps, 1 s to 2 h.
    GroupRetryPolicy();
    // From the compact JSON that a group keeps; what is missing or no policy is the default.
    static GroupRetryPolicy parse(std::string_view json);

    Type type() const { return type_; }
    // Milliseconds until the retry of a message that was retried `reconsume_times` times.
    // CUSTOMIZED skips the first two steps, as they are too short for a retry.
    std::int64_t next_delay_ms(std::int32_t reconsume_times) const;

private:
    Type type_ = Type::CUSTOMIZED;
    std::vector<std::int64_t> steps_ms_;
    std::int64_t initial_ms_ = 5'000;
    std::int64_t max_ms_ = 2 * 3'600'000LL;
    std::int64_t multiplier_ = 2;
};

}  // namespace rmq
