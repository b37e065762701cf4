// SPDX-License-Identifier: Apache-2.0
#include "broker/timer/timer_slot_queue.h"

#include "broker/timer/timer_record.h"
#include "common/log.h"

#include <algorithm>
#include <utility>

namespace rmq::broker {

void TimerSlotQueue::open(std::int64_t slot_ms) {
    slot_ms_ = slot_ms;
    loaded_pos_ = -1;
    requests_ = {};
    deleted_.clear();
}

std::vector<TimerRequest> TimerSlotQueue::chain(std::int64_t slot_ms, std::int64_t known) const {
    std::vector<TimerRequest> units;
    std::int64_t position = wheel_.slot(slot_ms).last_pos;
    while (position > known) {
        const auto unit = log_.at(position);
        if (!unit || wheel_.floor_ms(unit->slot_time_ms()) != slot_ms) {
            // Its file was deleted, or it is a leftover of another turn of the wheel.
            log_of("broker").warn("timer_chain_ends slot={} position={}", slot_ms, position);
            break;
        }
        units.push_back({slot_ms + wheel_.precision_ms(), position, *unit});
        if (unit->prev_pos >= position) {
            log_of("broker").error("timer_chain_broken slot={} position={}", slot_ms, position);
            break;
        }
        position = unit->prev_pos;
    }
    std::reverse(units.begin(), units.end());
    return units;
}

void TimerSlotQueue::load(std::int64_t now_ms) {
    const auto slot = wheel_.slot(slot_ms_);
    if (slot.is_empty() || slot.last_pos <= loaded_pos_) {
        return;
    }
    const bool is_past = slot_ms_ + wheel_.precision_ms() <= now_ms;
    for (auto& request : chain(slot_ms_, loaded_pos_)) {
        take(std::move(request), is_past);
    }
    loaded_pos_ = slot.last_pos;
}

void TimerSlotQueue::take(TimerRequest request, bool is_past) {
    const bool is_marker = request.unit.is_delete() && !request.unit.is_roll();
    if (!is_marker && (is_past || request.unit.is_roll())) {
        requests_.push(std::move(request));
        return;
    }
    auto bytes = store_.record(request.unit.physical_offset);
    const auto record =
        bytes ? read_timer_record(std::move(*bytes), request.unit.size) : std::nullopt;
    if (!record || !is_unit_of(request.unit, *record)) {
        log_of("broker").warn("timer_message_gone physical_offset={}",
                              request.unit.physical_offset.value);
        return;
    }
    if (!is_marker) {
        request.due_ms = exact_due_ms(*record, wheel_.precision_ms());
        requests_.push(std::move(request));
    } else if (!record->delete_key.empty()) {
        deleted_.emplace(record->delete_key);
        on_marker_(*record);
    }
}

void TimerSlotQueue::warm(std::int64_t slot_ms, int records_max) const {
    for (const auto& request : chain(slot_ms, -1)) {
        if (records_max-- <= 0) {
            return;
        }
        const auto bytes = store_.record(request.unit.physical_offset);
        volatile char touched = 0;
        constexpr std::size_t kPage = 4096;
        for (std::size_t at = 0; bytes && at < bytes->bytes.size(); at += kPage) {
            touched = bytes->bytes[at];
        }
        static_cast<void>(touched);
    }
}

bool TimerSlotQueue::is_deleted(std::string_view real_topic, std::string_view unique_key) const {
    if (deleted_.empty() || unique_key.empty()) {
        return false;
    }
    return deleted_.contains(unique_key) ||
           deleted_.contains(std::string(real_topic) + "+" + std::string(unique_key));
}

}  // namespace rmq::broker
