// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace rmq {

// One statistic over one stretch of time. Source: BrokerStatsItem.
struct BrokerStatsItem {
    std::int64_t sum = 0;
    double tps = 0;    // per second
    double avgpt = 0;  // value per event
};

// Body of VIEW_BROKER_STATS_DATA (315). Source: BrokerStatsData.
struct BrokerStatsData {
    BrokerStatsItem minute;
    BrokerStatsItem hour;
    BrokerStatsItem day;
};
std::string encode(const BrokerStatsData& data);

}  // namespace rmq
