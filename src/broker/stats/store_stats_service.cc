// SPDX-License-Identifier: Apache-2.0
#include "broker/stats/store_stats_service.h"

#include "common/config_table.h"
#include "store/message_store.h"

#include <array>

namespace rmq::broker {

namespace {

constexpr std::array<std::size_t, 3> kSpans{10, 60, 600};  // seconds

}  // namespace

StoreStatsService::StoreStatsService(const store::MessageStore& store, const Clock& clock)
    : store_(store), clock_(clock), boot_ms_(clock.now_ms()) {}

void StoreStatsService::run_once() {
    const auto now = store_.runtime();
    const std::lock_guard lock(mutex_);
    samples_.push_back({.at_ms = clock_.now_ms(),
                        .puts = now.put_messages,
                        .found = now.get_found,
                        .missed = now.get_miss,
                        .transferred = now.get_messages});
    if (samples_.size() > kSamplesMax) {
        samples_.pop_front();
    }
}

double StoreStatsService::rate(std::size_t seconds, std::int64_t Sample::*counter) const {
    if (!has_rate(seconds)) {
        return 0;
    }
    const Sample& last = samples_.back();
    const Sample& before = samples_[samples_.size() - 1 - seconds];
    const auto elapsed_ms = last.at_ms - before.at_ms;
    return elapsed_ms <= 0 ? 0
                           : static_cast<double>(last.*counter - before.*counter) * 1000.0 /
                                 static_cast<double>(elapsed_ms);
}

std::string StoreStatsService::rates(std::int64_t Sample::*counter) const {
    std::string text;
    for (const auto span : kSpans) {
        text += has_rate(span) ? config_text(rate(span, counter)) : std::string();
        text += span == kSpans.back() ? "" : " ";
    }
    return text;
}

std::string StoreStatsService::total_get_rates() const {
    std::string text;
    for (const auto span : kSpans) {
        text += config_text(rate(span, &Sample::found) + rate(span, &Sample::missed));
        text += span == kSpans.back() ? "" : " ";
    }
    return text;
}

std::string StoreStatsService::runtime_text() const {
    const auto seconds = (clock_.now_ms() - boot_ms_) / 1000;
    return "[ " + std::to_string(seconds / 86400) + " days, " +
           std::to_string(seconds % 86400 / 3600) + " hours, " +
           std::to_string(seconds % 3600 / 60) + " minutes, " + std::to_string(seconds % 60) +
           " seconds ]";
}

void StoreStatsService::add_runtime_info(Table& table) const {
    table["bootTimestamp"] = std::to_string(boot_ms_);
    table["runtime"] = runtime_text();
    const std::lock_guard lock(mutex_);
    table["putTps"] = rates(&Sample::puts);
    table["getFoundTps"] = rates(&Sample::found);
    table["getMissTps"] = rates(&Sample::missed);
    table["getTransferredTps"] = rates(&Sample::transferred);
    table["getTotalTps"] = total_get_rates();
}

}  // namespace rmq::broker
