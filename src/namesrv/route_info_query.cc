// SPDX-License-Identifier: Apache-2.0
// The reading half of RouteInfoManager: routes and lists.
#include "namesrv/namesrv_config.h"
#include "namesrv/route_info_manager.h"

#include <set>
#include <utility>

namespace rmq::namesrv {

namespace {

// Source: TopicValidator.SYNC_BROKER_MEMBER_GROUP_PREFIX.
constexpr std::string_view kSyncBrokerMemberGroupPrefix = "rmq_sys_SYNC_BROKER_MEMBER_";

TopicList sorted(const std::set<std::string>& names) {
    return TopicList{.topic_list = {names.begin(), names.end()}};
}

}  // namespace

std::shared_ptr<const std::string> RouteInfoManager::route_body(std::string_view topic,
                                                                IntegerKeys keys) const {
    std::lock_guard lock(mutex_);
    const auto entry = topic_queue_table_.find(topic);
    if (entry == topic_queue_table_.end()) {
        return nullptr;
    }
    const TopicQueues& queues = entry->second;
    // Acting masters depend on a live setting; such routes are made afresh.
    const bool may_keep = !config_.support_acting_master;
    auto& kept = queues.encoded[static_cast<std::size_t>(keys)];
    if (queues.encoded_at != brokers_generation_) {
        queues.encoded[0] = queues.encoded[1] = nullptr;
        queues.encoded_at = brokers_generation_;
    }
    if (may_keep && kept) {
        return kept;
    }
    const auto route = pickup_locked(topic, queues);
    if (!route) {
        return nullptr;
    }
    auto body = std::make_shared<const std::string>(encode(*route, keys));
    if (may_keep) {
        kept = body;
    }
    return body;
}

std::optional<TopicRouteData> RouteInfoManager::pickup_topic_route_data(
    std::string_view topic) const {
    std::lock_guard lock(mutex_);
    const auto entry = topic_queue_table_.find(topic);
    return entry == topic_queue_table_.end() ? std::nullopt : pickup_locked(topic, entry->second);
}

std::optional<TopicRouteData> RouteInfoManager::pickup_locked(std::string_view topic,
                                                              const TopicQueues& queues) const {
    TopicRouteData route;
    for (const auto& [broker_name, queue] : queues.by_broker) {
        route.queue_datas.push_back(queue);
        const auto broker = broker_addr_table_.find(broker_name);
        if (broker == broker_addr_table_.end()) {
            continue;
        }
        route.broker_datas.push_back(broker->second);
        for (const auto& [id, address] : broker->second.broker_addrs) {
            const auto filters = filter_server_table_.find({broker->second.cluster, address});
            if (filters != filter_server_table_.end()) {
                route.filter_server_table[address] = filters->second;
            }
        }
    }
    if (route.broker_datas.empty()) {
        return std::nullopt;
    }
    if (const auto mappings = topic_queue_mapping_info_table_.find(topic);
        mappings != topic_queue_mapping_info_table_.end()) {
        route.topic_queue_mapping_by_broker = mappings->second;
    }
    if (config_.support_acting_master && !topic.starts_with(kSyncBrokerMemberGroupPrefix)) {
        show_acting_master(route);
    }
    return route;
}

// A broker group without a master shows its lowest slave as one, provided that its queues are not
// writable, so that consumers go on. Source: RouteInfoManager.pickupTopicRouteData.
void RouteInfoManager::show_acting_master(TopicRouteData& route) {
    for (auto& broker : route.broker_datas) {
        auto& addrs = broker.broker_addrs;
        if (addrs.empty() || addrs.contains(kMasterId) || !broker.enable_acting_master) {
            continue;
        }
        for (const auto& queue : route.queue_datas) {
            if (queue.broker_name == broker.broker_name && (queue.perm & perm::kWrite) == 0) {
                auto lowest = addrs.extract(addrs.begin());
                lowest.key() = kMasterId;
                addrs.insert(std::move(lowest));
                break;
            }
        }
    }
}

ClusterInfo RouteInfoManager::cluster_info() const {
    std::lock_guard lock(mutex_);
    return {{broker_addr_table_.begin(), broker_addr_table_.end()},
            {cluster_addr_table_.begin(), cluster_addr_table_.end()}};
}

BrokerMemberGroup RouteInfoManager::broker_member_group(std::string_view cluster_name,
                                                        std::string_view broker_name) const {
    BrokerMemberGroup group{std::string(cluster_name), std::string(broker_name), {}};
    std::lock_guard lock(mutex_);
    if (const auto broker = broker_addr_table_.find(broker_name);
        broker != broker_addr_table_.end()) {
        group.broker_addrs = broker->second.broker_addrs;
    }
    return group;
}

TopicList RouteInfoManager::all_topics() const {
    std::set<std::string> names;
    std::lock_guard lock(mutex_);
    for (const auto& [topic, queues] : topic_queue_table_) {
        names.insert(topic);
    }
    return sorted(names);
}

TopicList RouteInfoManager::system_topics() const {
    std::set<std::string> names;
    std::optional<std::string> address;
    std::lock_guard lock(mutex_);
    for (const auto& [cluster, broker_names] : cluster_addr_table_) {
        names.insert(cluster);
        names.insert(broker_names.begin(), broker_names.end());
    }
    for (const auto& [name, data] : broker_addr_table_) {
        if (!data.broker_addrs.empty()) {
            address = data.broker_addrs.begin()->second;
            break;
        }
    }
    auto list = sorted(names);
    list.broker_addr = std::move(address);
    return list;
}

TopicList RouteInfoManager::topics_by_cluster(std::string_view cluster_name) const {
    std::set<std::string> names;
    std::lock_guard lock(mutex_);
    const auto cluster = cluster_addr_table_.find(cluster_name);
    if (cluster == cluster_addr_table_.end()) {
        return {};
    }
    for (const auto& [topic, queues] : topic_queue_table_) {
        for (const auto& [broker_name, queue] : queues.by_broker) {
            if (cluster->second.contains(broker_name)) {
                names.insert(topic);
                break;
            }
        }
    }
    return sorted(names);
}

TopicList RouteInfoManager::topics_by_sys_flag(std::int32_t mask, std::int32_t value) const {
    std::set<std::string> names;
    std::lock_guard lock(mutex_);
    for (const auto& [topic, queues] : topic_queue_table_) {
        // The first broker speaks for all, as in the original.
        if (!queues.by_broker.empty() &&
            (queues.by_broker.begin()->second.topic_sys_flag & mask) == value) {
            names.insert(topic);
        }
    }
    return sorted(names);
}

}  // namespace rmq::namesrv
