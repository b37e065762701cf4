// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "namesrv/namesrv_config.h"
#include "namesrv/route_info_manager.h"

#include <cstdint>

namespace rmq::namesrv {

// Looks for silent brokers every scanNotActiveBrokerInterval, first after 5 s.
// Thread safety: one thread, an io thread of the NameServer.
// Source: NamesrvController.startScheduleService.
class BrokerScan {
public:
    BrokerScan(const NamesrvConfig& config, RouteInfoManager& routes, const Clock& clock)
        : config_(config), routes_(routes), clock_(clock) {}

    // Scans when it is time; call it often. Intervals are measured with the monotonic clock,
    // silence with the wall clock, as it is recorded.
    void run_once() {
        const std::int64_t now = clock_.monotonic_ms();
        if (next_ms_ == 0) {
            next_ms_ = now + kFirstScanMs;
        }
        if (now >= next_ms_) {
            routes_.scan_not_active_broker(clock_.now_ms());
            next_ms_ = now + config_.scan_not_active_broker_interval;
        }
    }

private:
    static constexpr std::int64_t kFirstScanMs = 5000;

    const NamesrvConfig& config_;
    RouteInfoManager& routes_;
    const Clock& clock_;
    std::int64_t next_ms_ = 0;
};

}  // namespace rmq::namesrv
