// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/body/group_retry_policy.h"

#include "remoting/protocol/body/json_fields.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace rmq {
namespace {

constexpr std::int64_t kSecondMs = 1000;
constexpr std::int64_t kMinuteMs = 60 * kSecondMs;
constexpr std::int64_t kHourMs = 60 * kMinuteMs;
constexpr std::int32_t kExponentMax = 32;
constexpr std::int32_t kSkippedSteps = 2;

}  // namespace

GroupRetryPolicy::GroupRetryPolicy()
    : steps_ms_{1 * kSecondMs,  5 * kSecondMs, 10 * kSecondMs, 30 * kSecondMs, 1 * kMinuteMs,
                2 * kMinuteMs,  3 * kMinuteMs, 4 * kMinuteMs,  5 * kMinuteMs,  6 * kMinuteMs,
                7 * kMinuteMs,  8 * kMinuteMs, 9 * kMinuteMs,  10 * kMinuteMs, 20 * kMinuteMs,
                30 * kMinuteMs, 1 * kHourMs,   2 * kHourMs} {}

GroupRetryPolicy GroupRetryPolicy::parse(std::string_view json) {
    GroupRetryPolicy policy;
    const auto parsed = parse_body_json(json);
    if (!parsed) {
        return policy;
    }
    if (json_string(*parsed, "type") == "EXPONENTIAL") {
        const auto& exponential = json_member(*parsed, "exponentialRetryPolicy");
        if (exponential.is_object()) {  // without one the original takes its default policy
            policy.type_ = Type::EXPONENTIAL;
            policy.initial_ms_ = json_int64(exponential, "initial", policy.initial_ms_);
            policy.max_ms_ = json_int64(exponential, "max", policy.max_ms_);
            policy.multiplier_ = json_int64(exponential, "multiplier", policy.multiplier_);
        }
        return policy;
    }
    std::vector<std::int64_t> steps;
    for (const auto& step : json_member(json_member(*parsed, "customizedRetryPolicy"), "next")) {
        if (step.is_number_integer()) {
            steps.push_back(step.get<std::int64_t>());
        }
    }
    if (!steps.empty()) {
        policy.steps_ms_ = std::move(steps);
    }
    return policy;
}

std::int64_t GroupRetryPolicy::next_delay_ms(std::int32_t reconsume_times) const {
    reconsume_times = std::max(reconsume_times, 0);
    if (type_ == Type::EXPONENTIAL) {
        const double factor =
            std::pow(static_cast<double>(multiplier_),
                     static_cast<double>(std::min(reconsume_times, kExponentMax)));
        const double delay_ms = static_cast<double>(initial_ms_) * factor;
        return delay_ms >= static_cast<double>(max_ms_) ? max_ms_
                                                        : static_cast<std::int64_t>(delay_ms);
    }
    const auto index = static_cast<std::size_t>(reconsume_times) + kSkippedSteps;
    return steps_ms_[std::min(index, steps_ms_.size() - 1)];
}

}  // namespace rmq
