// SPDX-License-Identifier: Apache-2.0
#include "broker/timer/pending_timers.h"

#include "broker/timer/timer_message_store.h"
#include "broker/timer/timer_record.h"
#include "common/java_string.h"
#include "common/message/message_properties.h"
#include "common/parse_number.h"
#include "remoting/protocol/body/json_fields.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace rmq::broker {

namespace {

std::string property_of(const TimerRecord& record, std::string_view name) {
    return std::string(find_property(record.message.properties, name).value_or(std::string_view()));
}

bool is_earlier(const PendingTimer& a, const PendingTimer& b) {
    return a.deliver_ms < b.deliver_ms;
}

// The units of one topic that have not fired, and the keys that markers among them cancel.
struct Units {
    std::vector<store::TimerUnit> messages;
    std::set<std::string, std::less<>> cancelled;

    bool is_cancelled(const TimerRecord& record) const {
        return !cancelled.empty() && (cancelled.contains(record.unique_key) ||
                                      cancelled.contains(std::string(record.real_topic) + "+" +
                                                         std::string(record.unique_key)));
    }
};

std::optional<TimerRecord> read(const TimerMessageStore& timers, const store::TimerUnit& unit) {
    auto bytes = timers.store().record(unit.physical_offset);
    auto record = bytes ? read_timer_record(std::move(*bytes), unit.size) : std::nullopt;
    return record && is_unit_of(unit, *record) ? std::move(record) : std::nullopt;
}

Units collect(const TimerMessageStore& timers, std::string_view topic) {
    Units units;
    const std::int32_t hash = java_string_hash(topic);
    const std::int64_t read_ms = timers.read_time_ms();
    timers.log().for_each(0, [&](std::int64_t, const store::TimerUnit& unit) {
        if (unit.topic_hash != hash || unit.slot_time_ms() < read_ms) {
            return true;
        }
        if (!unit.is_delete()) {
            units.messages.push_back(unit);
        } else if (const auto record = read(timers, unit)) {
            units.cancelled.emplace(record->delete_key);
        }
        return true;
    });
    return units;
}

}  // namespace

PendingTimer describe(const TimerRecord& record, std::int64_t precision_ms) {
    return {
        .message_id = std::string(record.unique_key),
        .keys = property_of(record, property::kKeys),
        .tags = property_of(record, property::kTags),
        .deliver_ms = exact_due_ms(record, precision_ms),
        .born_ms = record.message.born_timestamp,
        .body_bytes = static_cast<std::int64_t>(record.message.body.size()),
        .roll_times =
            parse_number<std::int32_t>(property_of(record, property::kTimerRollTimes)).value_or(0)};
}

PendingTimers list_pending_timers(const TimerMessageStore& timers,
                                  const PendingTimersQuery& query) {
    const std::int64_t precision_ms = timers.wheel().precision_ms();
    const Units units = collect(timers, query.topic);
    PendingTimers found;
    for (const auto& unit : units.messages) {
        const auto record = read(timers, unit);
        if (!record || record->real_topic != query.topic || units.is_cancelled(*record)) {
            continue;
        }
        const std::int64_t due_ms = exact_due_ms(*record, precision_ms);
        if (due_ms < query.begin_ms || due_ms >= query.end_ms || due_ms <= timers.now_ms()) {
            continue;
        }
        ++found.total;
        if (found.messages.size() == query.max) {
            if (query.max == 0 || found.messages.front().deliver_ms <= due_ms) {
                continue;
            }
            std::pop_heap(found.messages.begin(), found.messages.end(), is_earlier);
            found.messages.pop_back();
        }
        found.messages.push_back(describe(*record, precision_ms));
        std::push_heap(found.messages.begin(), found.messages.end(), is_earlier);
    }
    std::sort_heap(found.messages.begin(), found.messages.end(), is_earlier);
    return found;
}

std::string encode(const PendingTimers& pending) {
    auto messages = nlohmann::json::array();
    for (const auto& one : pending.messages) {
        messages.push_back({{"msgId", one.message_id},
                            {"keys", one.keys},
                            {"tags", one.tags},
                            {"deliverTime", one.deliver_ms},
                            {"bornTime", one.born_ms},
                            {"bodySize", one.body_bytes},
                            {"rollTimes", one.roll_times}});
    }
    return dump_json({{"total", pending.total}, {"messages", std::move(messages)}});
}

}  // namespace rmq::broker
