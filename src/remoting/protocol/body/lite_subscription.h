// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rmq {

// Where a client that subscribes to a lite topic wants to begin. Source: OffsetOption.
struct LiteOffsetOption {
    enum class Type { kPolicy, kOffset, kTailN, kTimestamp };
    static constexpr std::int64_t kPolicyMin = 1;
    static constexpr std::int64_t kPolicyMax = 2;

    Type type = Type::kPolicy;
    std::int64_t value = 0;
};

// One change of what a client subscribes to. Source: LiteSubscriptionDTO.
struct LiteSubscriptionChange {
    enum class Action { kPartialAdd, kPartialRemove, kCompleteAdd, kCompleteRemove };

    std::optional<Action> action{};  // none: no name that the original knows
    std::string client_id{};
    std::string group{};
    std::string topic{};                     // the parent
    std::vector<std::string> lite_topics{};  // sorted, each once
    std::optional<LiteOffsetOption> offset_option{};
};

// A request that has more of either is refused.
inline constexpr std::size_t kLiteChangesMax = 1000;
inline constexpr std::size_t kLiteTopicsPerRequestMax = 100'000;

// Body of LITE_SUBSCRIPTION_CTL (200071). Errors: kMalformed. Source:
// LiteSubscriptionCtlRequestBody.
Result<std::vector<LiteSubscriptionChange>> parse_lite_subscription_ctl(std::string_view body);

}  // namespace rmq
