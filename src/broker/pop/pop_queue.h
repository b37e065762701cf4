// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace rmq::broker {

// One queue as one group pops it. Source: "topic@group@queueId", the lock key.
struct PopQueue {
    std::string topic{};  // a retry topic's own name
    std::string group{};
    std::int32_t queue_id = 0;

    friend auto operator<=>(const PopQueue&, const PopQueue&) = default;
};

}  // namespace rmq::broker
