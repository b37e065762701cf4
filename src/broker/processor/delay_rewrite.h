// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rmq::broker {

struct DelayTarget {
    std::string_view topic;  // static text
    std::int32_t queue_id = 0;
};

// Where a message with this delay level (1 and up, clamped to max_level) is kept until it is due;
// REAL_TOPIC and REAL_QID are set in `properties` to where it goes then.
// Source: HookUtils.transformDelayLevelMessage.
DelayTarget rewrite_for_delay(std::int32_t level, std::int32_t max_level,
                              std::string_view real_topic, std::int32_t real_queue_id,
                              std::string& properties);

}  // namespace rmq::broker
