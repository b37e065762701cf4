// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/timer/timer_store.h"
#include "store/timer/timer_log.h"
#include "store/timer/timer_wheel.h"

#include <cstdint>
#include <functional>
#include <queue>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::broker {

struct TimerRecord;

// A message of the slot being served.
struct TimerRequest {
    std::int64_t due_ms = 0;
    std::int64_t position = 0;  // in the TimerLog; the order of those due at the same time
    store::TimerUnit unit;
};

// The messages of one slot in the order in which they are due, and what its delete markers cancel.
// Units that join the slot while it is served are found by load().
// Thread safety: none; the timer thread's.
class TimerSlotQueue {
public:
    // Everything outlives this object.
    TimerSlotQueue(const store::TimerWheel& wheel, const store::TimerLog& log,
                   const TimerStore& store)
        : wheel_(wheel), log_(log), store_(store) {}

    // Called for each delete marker that takes effect.
    void set_marker_listener(std::function<void(const TimerRecord&)> listener) {
        on_marker_ = std::move(listener);
    }

    // Goes to another slot, the queue is empty.
    void open(std::int64_t slot_ms);
    std::int64_t slot_ms() const { return slot_ms_; }
    // Takes in the units that are new since the last call. When the whole step lies before `now_ms`
    // the order within it does not matter any more, and records are not read for it.
    void load(std::int64_t now_ms);
    // Reads the pages of a slot to come, so that they are in memory when it begins. At most
    // `records_max` records.
    void warm(std::int64_t slot_ms, int records_max) const;

    bool is_empty() const { return requests_.empty(); }
    const TimerRequest& top() const { return requests_.top(); }
    void pop() { requests_.pop(); }
    // Whether a marker of this slot cancels the message, by either form of the key.
    bool is_deleted(std::string_view real_topic, std::string_view unique_key) const;

private:
    struct Later {
        bool operator()(const TimerRequest& a, const TimerRequest& b) const {
            return a.due_ms != b.due_ms ? a.due_ms > b.due_ms : a.position > b.position;
        }
    };
    // The chain of a slot down to `known`, oldest first.
    std::vector<TimerRequest> chain(std::int64_t slot_ms, std::int64_t known) const;
    void take(TimerRequest request, bool is_past);

    const store::TimerWheel& wheel_;
    const store::TimerLog& log_;
    const TimerStore& store_;
    std::function<void(const TimerRecord&)> on_marker_;
    std::int64_t slot_ms_ = -1;
    std::int64_t loaded_pos_ = -1;  // newest unit taken in
    std::priority_queue<TimerRequest, std::vector<TimerRequest>, Later> requests_;
    std::set<std::string, std::less<>> deleted_;
};

}  // namespace rmq::broker
