// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/message/message_record.h"
#include "store/get_message.h"
#include "store/timer/timer_log.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rmq::broker {

// A stored message of rmq_sys_wheel_timer, read. Views live as long as `bytes`.
struct TimerRecord {
    store::MappedSlice bytes;
    MessageRecord message;
    std::string_view real_topic;
    std::int32_t real_queue_id = 0;
    std::string_view unique_key;  // empty when absent
    std::string_view delete_key;  // TIMER_DEL_UNIQKEY: this is a marker
    std::int64_t out_ms = 0;      // TIMER_OUT_MS: the slot
};

// Nothing when the bytes are no complete timer message of this size.
std::optional<TimerRecord> read_timer_record(store::MappedSlice bytes, std::int32_t size);

// Whether a unit is about this record: after a power loss it may point at another one that was
// appended in the same place.
bool is_unit_of(const store::TimerUnit& unit, const TimerRecord& record);

// When the sender wants it, by the properties that asked for it; always inside
// (out_ms, out_ms + precision_ms], and the end of that when they do not say. Never earlier than
// what was asked for: relative times count from when the record was stored.
std::int64_t exact_due_ms(const TimerRecord& record, std::int64_t precision_ms);

// The properties of the message when it leaves the wheel. `enqueue_ms`: when it entered, INT64_MAX
// when it never did. Source: TimerMessageStore.convert.
std::string delivery_properties(const TimerRecord& record, std::int64_t enqueue_ms,
                                std::int64_t now_ms, bool is_roll);

}  // namespace rmq::broker
