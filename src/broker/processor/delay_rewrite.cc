// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/delay_rewrite.h"

#include "broker/topic/topic_validator.h"
#include "common/message/message_properties.h"

#include <algorithm>

namespace rmq::broker {

DelayTarget rewrite_for_delay(std::int32_t level, std::int32_t max_level,
                              std::string_view real_topic, std::int32_t real_queue_id,
                              std::string& properties) {
    const auto clamped = std::min(level, max_level);
    if (clamped != level) {
        set_property(properties, property::kDelayLevel, std::to_string(clamped));
    }
    set_property(properties, property::kRealTopic, real_topic);
    set_property(properties, property::kRealQueueId, std::to_string(real_queue_id));
    return {topic_name::kSchedule, clamped - 1};
}

}  // namespace rmq::broker
