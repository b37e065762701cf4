// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/client/broker2client.h"
#include "broker/processor/admin/config_admin.h"
#include "broker/processor/admin/connection_admin.h"
#include "broker/processor/admin/offset_admin.h"
#include "broker/processor/admin/runtime_info.h"
#include "broker/processor/admin/stats_admin.h"
#include "broker/processor/admin/store_admin.h"
#include "broker/processor/admin/subscription_group_admin.h"
#include "broker/processor/admin/topic_admin.h"
#include "broker/processor/query_message.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::broker {

// Everything that administration needs of a broker; all of it outlives AdminProcessors.
struct AdminCollaborators {
    const BrokerConfig& config;
    const store::MessageStoreConfig& store_config;
    Configuration& configuration;
    const Clock& clock;
    store::MessageStore& store;
    const StoreStatsService& store_stats;
    TopicConfigManager& topics;
    SubscriptionGroupManager& groups;
    ConsumerOffsetManager& offsets;
    ConsumerManager& consumers;
    ProducerManager& producers;
    ColdDataControl& cold_data;
    StatsSource stats;
    std::function<std::string()> delay_offsets;  // delayOffset.json; may be empty
    std::vector<RuntimeInfo::Contributor> runtime_contributors;
    std::function<void()> register_all;  // with the NameServers, after brokerPermission changed
    std::function<void()> wait_for_changed_topics;                  // to be in the routes
    std::function<void(std::string_view topic)> on_topic_deleting;  // before anything of it goes
    std::function<void(std::string_view topic)> on_topic_deleted;
    std::function<void(std::string_view group)> on_group_deleted;
};

// The processors of administration and message queries, put together: 12, 17, 18, 21, 25, 26,
// 28-33, 43, 45, 200-204, 207, 208, 215, 222, 223, 225, 300, 303, 305-309, 314-317, 321, 328, 329,
// 343, 345, 351-353, 2001-2003. Each gets only what it uses.
class AdminProcessors {
public:
    explicit AdminProcessors(AdminCollaborators collaborators);
    AdminProcessors(const AdminProcessors&) = delete;
    AdminProcessors& operator=(const AdminProcessors&) = delete;

    // This object and what `queue` refers to outlive the registry.
    void register_in(RequestRegistry& registry, const AdminQueue& queue);

private:
    Broker2Client to_clients_;
    TopicAdmin topics_;
    SubscriptionGroupAdmin groups_;
    OffsetAdmin offsets_;
    StatsAdmin stats_;
    ConnectionAdmin connections_;
    ConfigAdmin config_;
    StoreAdmin store_;
    RuntimeInfo runtime_;
    QueryMessageProcessor query_;
};

}  // namespace rmq::broker
