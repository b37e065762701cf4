// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/protocol/body/broker_stats_data.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace rmq::broker {

// A running total: what was counted, in how many events.
struct StatsValue {
    std::int64_t value = 0;
    std::int64_t times = 0;

    StatsValue& operator+=(const StatsValue& other) {
        value += other.value;
        times += other.times;
        return *this;
    }
};

// The totals of one statistic at past moments, from which sums and rates over the last minute
// (sampled every 10 s), hour (10 min) and day (1 h) follow. Thread safety: none.
// Source: StatsItem.
class StatsItem {
public:
    enum Window { kMinute, kHour, kDay };

    void sample(Window window, std::int64_t now_ms, const StatsValue& total);
    BrokerStatsData data() const;
    BrokerStatsItem over(Window window) const;

private:
    struct Sample {
        std::int64_t at_ms = 0;
        StatsValue total;
    };
    // Oldest first, at most 25. There are items by queue: an empty deque takes half a kilobyte.
    std::vector<Sample> samples_[3];
};

using StatsItemSet = std::map<std::string, StatsItem, std::less<>>;

// Milliseconds between two samples of a window.
std::int64_t sample_period_ms(StatsItem::Window window);

}  // namespace rmq::broker
