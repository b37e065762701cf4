// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace rmq {

// Light message queues (LMQ): queues that exist without a topic, filled with messages of other
// topics that name them. Groups of such a name exist without configuration too.
// Source: MixAll.LMQ_PREFIX, LMQ_QUEUE_ID (5.5.0).
inline constexpr std::string_view kLightQueuePrefix = "%LMQ%";
inline constexpr std::int32_t kLightQueueId = 0;

inline bool is_light_queue(std::string_view name) {
    return name.starts_with(kLightQueuePrefix);
}

}  // namespace rmq
