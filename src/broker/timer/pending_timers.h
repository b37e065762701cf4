// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace rmq::broker {

class TimerMessageStore;
struct TimerRecord;

// A message that waits in the timer.
struct PendingTimer {
    std::string message_id;  // UNIQ_KEY
    std::string keys;        // KEYS
    std::string tags;        // TAGS
    std::int64_t deliver_ms = 0;
    std::int64_t born_ms = 0;
    std::int64_t body_bytes = 0;
    std::int32_t roll_times = 0;
};
PendingTimer describe(const TimerRecord& record, std::int64_t precision_ms);

struct PendingTimersQuery {
    std::string topic;
    std::int64_t begin_ms = INT64_MIN;  // of delivery, inclusive
    std::int64_t end_ms = INT64_MAX;    // exclusive
    std::size_t max = 100;
};

struct PendingTimers {
    std::int64_t total = 0;              // that match
    std::vector<PendingTimer> messages;  // the earliest of them, in order
};

// What waits for a topic, cancelled messages left out. Reads the whole TimerLog and the records of
// the topic: blocks. What is sent or delivered meanwhile may or may not be in it.
PendingTimers list_pending_timers(const TimerMessageStore& timers, const PendingTimersQuery& query);

// {"total":2,"messages":[{"msgId":…,"keys":…,"tags":…,"deliverTime":ms,…}]}
std::string encode(const PendingTimers& pending);

}  // namespace rmq::broker
