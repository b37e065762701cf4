// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/offset/consumer_offset_manager.h"

#include <compare>
#include <cstdint>
#include <string>

namespace rmq::broker {

// One queue as one group pops it. Source: "topic@group@queueId", the lock key.
struct PopQueue {
    std::string topic{};  // a retry topic's own name
    std::string group{};
    std::int32_t queue_id = 0;

    GroupQueue view() const { return {group, topic, queue_id}; }

    friend auto operator<=>(const PopQueue&, const PopQueue&) = default;
};

}  // namespace rmq::broker
