// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "store/put_message.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace rmq::store {
struct MessageStoreConfig;
}

namespace rmq::broker {

// Where a message is put. `topic` may not point into the properties that are rewritten.
struct ScheduleTarget {
    std::string_view topic;
    std::int32_t queue_id = 0;
};

// What every put of the broker goes through before the store: a message that asks for a delay
// level or a delivery time is moved to the topic where it waits, with the real one in its
// properties. Half messages stay where they are; the delay begins with their commit.
// Thread safety: any thread; const. Source: HookUtils.handleScheduleMessage (5.5.0).
class ScheduleRewrite {
public:
    // Everything outlives this object.
    struct Collaborators {
        const store::MessageStoreConfig& config;
        const Clock& clock;
        std::int32_t max_delay_level = 18;
        // Messages waiting in the timer slot of this time; may be empty.
        std::function<std::int64_t(std::int64_t slot_ms)> slot_count{};
    };
    explicit ScheduleRewrite(Collaborators collaborators) : c_(std::move(collaborators)) {}

    // PUT_OK: to be stored as `target` and `properties` say now, whether changed or not. Otherwise
    // not to be stored: WHEEL_TIMER_MSG_ILLEGAL, WHEEL_TIMER_FLOW_CONTROL, WHEEL_TIMER_NOT_ENABLE,
    // PROPERTIES_SIZE_EXCEEDED (no room for what delivery adds), or MESSAGE_ILLEGAL (DELAY is no
    // number). `properties` is the encoded string.
    store::PutMessageStatus rewrite(std::int32_t sys_flag, ScheduleTarget& target,
                                    std::string& properties) const;

private:
    store::PutMessageStatus to_timer(ScheduleTarget& target, std::string& properties) const;
    bool is_congested(std::int64_t slot_ms) const;

    const Collaborators c_;
};

// Longest that delivery and rolls make the properties of a timer message.
inline constexpr std::size_t kTimerPropertiesReserve = 128;

}  // namespace rmq::broker
