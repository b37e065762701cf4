// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/processor/admin/admin_handler.h"
#include "common/clock.h"
#include "common/result.h"
#include "remoting/protocol/body/broker_stats_data.h"
#include "remoting/protocol/body/queue_stats.h"
#include "remoting/request_registry.h"

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace rmq::store {
class MessageStore;
}

namespace rmq::broker {

struct BrokerConfig;
class ConsumerManager;
class ConsumerOffsetManager;
class SubscriptionGroupManager;
class TopicConfigManager;

// What StatsAdmin asks of the statistics (BrokerStatsManager). An empty function means that they
// are switched off: rates are 0 and no item exists.
struct StatsSource {
    std::function<double(std::string_view topic)> topic_put_tps;
    std::function<double(std::string_view group, std::string_view topic)> group_get_tps;
    std::function<std::optional<BrokerStatsData>(std::string_view name, std::string_view key)> item;
};

// Positions, lags and rates: 202, 208, 303, 315, 317. All on the blocking pool, as they read store
// times. Source: AdminBrokerProcessor (5.5.0).
class StatsAdmin {
public:
    struct Parts {
        const BrokerConfig& config;
        TopicConfigManager& topics;
        SubscriptionGroupManager& groups;
        ConsumerOffsetManager& offsets;
        ConsumerManager& consumers;
        store::MessageStore& store;
        const Clock& clock;
        StatsSource stats;
    };

    // The parts outlive this object.
    explicit StatsAdmin(Parts parts) : parts_(std::move(parts)) {}

    void register_in(RequestRegistry& registry, const AdminQueue& queue);

private:
    Result<Response> get_topic_stats(const Request& request);
    Result<Response> get_consume_stats(const Request& request);
    Result<Response> query_consume_time_span(const Request& request);
    Result<Response> view_broker_stats(const Request& request);
    Result<Response> get_broker_consume_stats(const Request& request);

    // Without those that the group, when online, does not subscribe to.
    std::set<std::string> subscribed_only(std::set<std::string> topics,
                                          std::string_view group) const;
    OffsetWrapper offsets_of(std::string_view group, std::string_view topic,
                             std::int32_t queue_id) const;
    double group_tps(std::string_view group, std::string_view topic) const;

    const Parts parts_;
};

}  // namespace rmq::broker
