// SPDX-License-Identifier: Apache-2.0
#include "broker/stats/stats_item.h"

namespace rmq::broker {

namespace {

// Source: StatsItem.samplingInSeconds, samplingInMinutes, samplingInHour.
constexpr std::int64_t kPeriodMs[] = {10'000, 600'000, 3'600'000};
constexpr std::size_t kSamplesMax[] = {7, 7, 25};

}  // namespace

std::int64_t sample_period_ms(StatsItem::Window window) {
    return kPeriodMs[window];
}

void StatsItem::sample(Window window, std::int64_t now_ms, const StatsValue& total) {
    auto& samples = samples_[window];
    if (samples.empty()) {
        samples.push_back({now_ms - kPeriodMs[window], {}});
    }
    samples.push_back({now_ms, total});
    if (samples.size() > kSamplesMax[window]) {
        samples.erase(samples.begin());
    }
}

BrokerStatsItem StatsItem::over(Window window) const {
    const auto& samples = samples_[window];
    BrokerStatsItem item;
    if (samples.empty()) {
        return item;
    }
    const auto& first = samples.front();
    const auto& last = samples.back();
    item.sum = last.total.value - first.total.value;
    const auto elapsed_ms = static_cast<double>(last.at_ms - first.at_ms);
    item.tps = elapsed_ms > 0 ? static_cast<double>(item.sum) * 1000.0 / elapsed_ms : 0;
    const std::int64_t times = last.total.times - first.total.times;
    item.avgpt = times > 0 ? static_cast<double>(item.sum) / static_cast<double>(times) : 0;
    return item;
}

BrokerStatsData StatsItem::data() const {
    return {over(kMinute), over(kHour), over(kDay)};
}

}  // namespace rmq::broker
