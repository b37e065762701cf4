// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>

namespace rmq::broker {

struct BrokerConfig;
class SubscriptionGroupManager;

// Turns off groups that read too far behind the end of the log (consumerFallbehindThreshold), where
// disableConsumeIfConsumerReadSlowly asks for it: each of their pulls would read what nobody else
// reads from the disk. An administrator turns them on again.
// Thread safety: any thread, one mutex. Source: BrokerController.protectBroker.
class SlowConsumers {
public:
    // Both outlive it.
    SlowConsumers(const BrokerConfig& config, SubscriptionGroupManager& groups)
        : config_(config), groups_(groups) {}
    SlowConsumers(const SlowConsumers&) = delete;
    SlowConsumers& operator=(const SlowConsumers&) = delete;

    // A pull read `bytes` before the end of the log. Only remembered while the setting is on.
    void record(std::string_view group, std::string_view topic, std::int32_t queue_id,
                std::int64_t bytes);
    // Every 3 minutes, as the original.
    void run_once();

private:
    using Key = std::tuple<std::string, std::string, std::int32_t>;  // group, topic, queue

    const BrokerConfig& config_;
    SubscriptionGroupManager& groups_;
    std::mutex mutex_;
    std::map<Key, std::int64_t> behind_;  // bytes at the last pull; guarded by mutex_
};

}  // namespace rmq::broker
