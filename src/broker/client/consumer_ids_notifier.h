// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "remoting/connection.h"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::broker {

struct BrokerConfig;

// Tells the members of a group that its membership or its topics changed, so that they rebalance:
// NOTIFY_CONSUMER_IDS_CHANGED (40), oneway; at once, or gathered every 15 s with
// realTimeNotifyConsumerChange off, or never with notifyConsumerIdsChangedEnable off of the broker
// or the group's heartbeats.
// Thread safety: any thread; does not block. Source: DefaultConsumerIdsChangeListener.
class ConsumerIdsNotifier {
public:
    using Members = std::vector<std::shared_ptr<Connection>>;

    // Both outlive it.
    ConsumerIdsNotifier(const BrokerConfig& config, const Clock& clock)
        : config_(config), clock_(clock) {}

    void on_change(std::string_view group, const Members& members);
    // Sends what was gathered, when it is time.
    void run_once();

private:
    const BrokerConfig& config_;
    const Clock& clock_;
    std::mutex mutex_;
    std::map<std::string, Members> gathered_;  // by group; guarded by mutex_
    std::int64_t next_ms_ = 0;                 // guarded by mutex_
};

}  // namespace rmq::broker
