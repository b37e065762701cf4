// SPDX-License-Identifier: Apache-2.0
#include "namesrv/route_info_manager.h"

#include "common/log.h"
#include "namesrv/namesrv_config.h"

#include <algorithm>
#include <utility>

namespace rmq::namesrv {

namespace {

// Source: RouteInfoManager.DEFAULT_BROKER_CHANNEL_EXPIRED_TIME.
constexpr std::int64_t kBrokerExpiredMs = 120'000;

Logger& logger() {
    static Logger& instance = log_of("namesrv");
    return instance;
}

}  // namespace

RouteInfoManager::RouteInfoManager(const NamesrvConfig& config, const Clock& clock)
    : config_(config), clock_(clock) {}

void RouteInfoManager::notify(const Notices& notices) const {
    if (!notify_ || !config_.notify_min_broker_id_changed) {
        return;
    }
    for (const auto& notice : notices) {
        notify_(notice);
    }
}

// A live broker of the same id at another address with a larger stateVersion wins.
bool RouteInfoManager::conflicts(const BrokerRegistration& registration,
                                 const BrokerData& data) const {
    const auto old = data.broker_addrs.find(registration.broker.broker_id);
    if (old == data.broker_addrs.end() || old->second == registration.broker.broker_addr) {
        return false;
    }
    const auto live = broker_live_table_.find({registration.broker.cluster_name, old->second});
    return live != broker_live_table_.end() &&
           live->second.data_version.state_version >
               registration.body.topic_config_serialize_wrapper.data_version.state_version;
}

RegisterBrokerResult RouteInfoManager::register_broker(const BrokerRegistration& registration) {
    Notices notices;
    RegisterBrokerResult result;
    {
        std::lock_guard lock(mutex_);
        result = register_locked(registration, notices);
    }
    notify(notices);
    return result;
}

RegisterBrokerResult RouteInfoManager::register_locked(const BrokerRegistration& registration,
                                                       Notices& notices) {
    const BrokerIdentity& broker = registration.broker;
    const auto known = broker_addr_table_.find(broker.broker_name);
    BrokerData data =
        known != broker_addr_table_.end()
            ? known->second
            : BrokerData{.cluster = broker.cluster_name, .broker_name = broker.broker_name};
    data.enable_acting_master = registration.enable_acting_master.value_or(false);
    data.zone_name = registration.zone_name;
    const bool lowest_id_changes =
        !data.broker_addrs.empty() && broker.broker_id < data.broker_addrs.begin()->first;
    // A slave that became master first loses its old id: an address stands there once.
    std::erase_if(data.broker_addrs, [&](const auto& entry) {
        return entry.second == broker.broker_addr && entry.first != broker.broker_id;
    });
    if (conflicts(registration, data)) {
        broker_live_table_.erase({broker.cluster_name, broker.broker_addr});
        logger().warn("register_ignored broker={} id={} addr={} reason=older_state_version",
                      broker.broker_name, broker.broker_id, broker.broker_addr);
        return {.outcome = RegisterOutcome::kIgnored};
    }
    const bool first = data.broker_addrs.count(broker.broker_id) == 0;
    if (first && registration.body.topic_config_serialize_wrapper.topic_config_table.size() == 1) {
        return {.outcome = RegisterOutcome::kRefused};
    }
    data.broker_addrs[broker.broker_id] = broker.broker_addr;
    cluster_addr_table_[broker.cluster_name].insert(broker.broker_name);
    if (known == broker_addr_table_.end() || known->second != data) {
        broker_addr_table_.insert_or_assign(broker.broker_name, data);
        brokers_changed();
    }
    const bool is_prime_slave = registration.enable_acting_master.has_value() &&
                                broker.broker_id == data.broker_addrs.begin()->first;
    if (broker.broker_id == kMasterId || is_prime_slave) {
        take_topics(registration, data, first);
    }
    record_liveness(registration);
    if (lowest_id_changes) {
        MinBrokerIdNotice notice{.min_broker_id = broker.broker_id,
                                 .min_broker_addr = broker.broker_addr,
                                 .ha_broker_addr = registration.ha_server_addr};
        for (const auto& [id, addr] : data.broker_addrs) {
            if (id != broker.broker_id || data.broker_addrs.size() == 1) {
                notice.notify_addrs.push_back(addr);
            }
        }
        notices.push_back(std::move(notice));
    }
    return master_of(broker, data);
}

void RouteInfoManager::record_liveness(const BrokerRegistration& registration) {
    const BrokerIdentity& broker = registration.broker;
    const auto& wrapper = registration.body.topic_config_serialize_wrapper;
    const BrokerAddr address{broker.cluster_name, broker.broker_addr};
    const auto [live, is_new] = broker_live_table_.try_emplace(address);
    if (is_new) {
        logger().info("broker_registered cluster={} broker={} id={} addr={} topics={}",
                      broker.cluster_name, broker.broker_name, broker.broker_id, broker.broker_addr,
                      wrapper.topic_config_table.size());
    }
    live->second = {clock_.now_ms(),
                    registration.heartbeat_timeout_millis.value_or(kBrokerExpiredMs),
                    wrapper.data_version, registration.connection, registration.ha_server_addr};
    if (!registration.has_filter_server_list) {
        return;
    }
    const auto& filters = registration.body.filter_server_list;
    if (filters.empty() ? filter_server_table_.erase(address) > 0
                        : std::exchange(filter_server_table_[address], filters) != filters) {
        brokers_changed();
    }
}

// What a slave is told of its master.
RegisterBrokerResult RouteInfoManager::master_of(const BrokerIdentity& broker,
                                                 const BrokerData& data) const {
    const auto master = data.broker_addrs.find(kMasterId);
    if (broker.broker_id == kMasterId || master == data.broker_addrs.end()) {
        return {};
    }
    const auto live = broker_live_table_.find({broker.cluster_name, master->second});
    if (live == broker_live_table_.end()) {
        return {};
    }
    return {.ha_server_addr = live->second.ha_server_addr, .master_addr = master->second};
}

void RouteInfoManager::take_topics(const BrokerRegistration& registration, const BrokerData& data,
                                   bool first) {
    const auto& wrapper = registration.body.topic_config_serialize_wrapper;
    const std::string& broker_name = registration.broker.broker_name;
    // Static topics are left alone, as in the original.
    if (config_.delete_topic_with_broker_registration &&
        wrapper.topic_queue_mapping_info_map.empty()) {
        delete_vanished_topics(broker_name, wrapper.topic_config_table);
    }
    const auto live = broker_live_table_.find(
        {registration.broker.cluster_name, registration.broker.broker_addr});
    const bool changed = first || live == broker_live_table_.end() ||
                         live->second.data_version != wrapper.data_version;
    // The lowest slave stands in for a missing master, for reading only.
    const bool read_only = registration.broker.broker_id != kMasterId && data.enable_acting_master;
    for (const auto& [name, config] : wrapper.topic_config_table) {
        if (!changed) {
            const auto queues = topic_queue_table_.find(config.topic_name);
            if (queues != topic_queue_table_.end() &&
                queues->second.by_broker.contains(broker_name)) {
                continue;
            }
        }
        put_queue_data(broker_name, config, read_only ? config.perm & ~perm::kWrite : config.perm);
    }
    if (changed && !wrapper.topic_queue_mapping_info_map.empty()) {
        put_mappings(registration);
    }
}

void RouteInfoManager::put_mappings(const BrokerRegistration& registration) {
    for (const auto& [topic, info] :
         registration.body.topic_config_serialize_wrapper.topic_queue_mapping_info_map) {
        topic_queue_mapping_info_table_[topic][info.bname] = info;
    }
    brokers_changed();
}

void RouteInfoManager::delete_vanished_topics(const std::string& broker_name,
                                              const TopicConfigTable& topics) {
    for (auto entry = topic_queue_table_.begin(); entry != topic_queue_table_.end();) {
        auto& queues = entry->second;
        if (!topics.contains(entry->first) && queues.by_broker.erase(broker_name) > 0) {
            queues.changed();
            logger().info("topic_vanished broker={} topic={}", broker_name, entry->first);
        }
        entry = queues.by_broker.empty() ? topic_queue_table_.erase(entry) : std::next(entry);
    }
}

void RouteInfoManager::put_queue_data(const std::string& broker_name, const TopicConfig& config,
                                      std::int32_t perm) {
    QueueData data{.broker_name = broker_name,
                   .read_queue_nums = config.read_queue_nums,
                   .write_queue_nums = config.write_queue_nums,
                   .perm = perm,
                   .topic_sys_flag = config.topic_sys_flag};
    auto& queues = topic_queue_table_[config.topic_name];
    const auto [entry, is_new] = queues.by_broker.try_emplace(broker_name, data);
    if (is_new || entry->second != data) {
        entry->second = std::move(data);
        queues.changed();
    }
}

void RouteInfoManager::unregister_broker(const BrokerIdentity& broker) {
    Notices notices;
    {
        std::lock_guard lock(mutex_);
        unregister_locked(broker, notices);
    }
    notify(notices);
}

void RouteInfoManager::unregister_locked(const BrokerIdentity& broker, Notices& notices) {
    const BrokerAddr address{broker.cluster_name, broker.broker_addr};
    const bool was_live = broker_live_table_.erase(address) > 0;
    if (filter_server_table_.erase(address) > 0) {
        brokers_changed();
    }
    const auto entry = broker_addr_table_.find(broker.broker_name);
    if (entry == broker_addr_table_.end()) {
        return;
    }
    auto& data = entry->second;
    const bool was_lowest =
        !data.broker_addrs.empty() && data.broker_addrs.begin()->first == broker.broker_id;
    if (std::erase_if(data.broker_addrs,
                      [&](const auto& item) { return item.second == broker.broker_addr; }) > 0) {
        brokers_changed();
        logger().info("broker_unregistered cluster={} broker={} id={} addr={} was_live={}",
                      broker.cluster_name, broker.broker_name, broker.broker_id, broker.broker_addr,
                      was_live);
    }
    if (data.broker_addrs.empty()) {
        forget_broker_name(broker);
    } else if (data.enable_acting_master) {
        if (was_lowest) {
            MinBrokerIdNotice notice{.min_broker_id = data.broker_addrs.begin()->first,
                                     .min_broker_addr = data.broker_addrs.begin()->second,
                                     .offline_broker_addr = broker.broker_addr};
            for (const auto& [id, addr] : data.broker_addrs) {
                notice.notify_addrs.push_back(addr);
            }
            notices.push_back(std::move(notice));
        }
        if (data.broker_addrs.begin()->first != kMasterId) {
            clean_topics_of(broker.broker_name, false);
        }
    }
}

void RouteInfoManager::forget_broker_name(const BrokerIdentity& broker) {
    broker_addr_table_.erase(broker.broker_name);
    brokers_changed();
    if (const auto cluster = cluster_addr_table_.find(broker.cluster_name);
        cluster != cluster_addr_table_.end()) {
        cluster->second.erase(broker.broker_name);
        if (cluster->second.empty()) {
            cluster_addr_table_.erase(cluster);
        }
    }
    clean_topics_of(broker.broker_name, true);
}

// After the last address went (`removed`), or when only slaves are left of an acting-master broker:
// its queues go, or lose their write permission.
void RouteInfoManager::clean_topics_of(const std::string& broker_name, bool removed) {
    for (auto entry = topic_queue_table_.begin(); entry != topic_queue_table_.end();) {
        auto& queues = entry->second;
        if (const auto queue = queues.by_broker.find(broker_name);
            queue != queues.by_broker.end()) {
            queues.changed();
            if (removed) {
                queues.by_broker.erase(queue);
            } else {
                queue->second.perm &= ~perm::kWrite;
            }
        }
        entry = queues.by_broker.empty() ? topic_queue_table_.erase(entry) : std::next(entry);
    }
}

std::optional<BrokerIdentity> RouteInfoManager::identity_of(const BrokerAddr& address) const {
    for (const auto& [name, data] : broker_addr_table_) {
        if (data.cluster != address.first) {
            continue;
        }
        for (const auto& [id, addr] : data.broker_addrs) {
            if (addr == address.second) {
                return BrokerIdentity{address.first, addr, name, id};
            }
        }
    }
    return std::nullopt;
}

void RouteInfoManager::on_connection_closed(const Connection& connection) {
    Notices notices;
    {
        std::lock_guard lock(mutex_);
        std::vector<BrokerAddr> gone;
        for (const auto& [address, live] : broker_live_table_) {
            const auto registered = live.connection.lock();
            if (registered && registered->id() == connection.id()) {
                gone.push_back(address);
            }
        }
        for (const auto& address : gone) {
            if (const auto broker = identity_of(address)) {
                unregister_locked(*broker, notices);
            } else {
                broker_live_table_.erase(address);
            }
        }
    }
    notify(notices);
}

int RouteInfoManager::scan_not_active_broker(std::int64_t now_ms) {
    Notices notices;
    std::vector<std::shared_ptr<Connection>> to_close;
    int expired = 0;
    {
        std::lock_guard lock(mutex_);
        std::vector<BrokerAddr> silent;
        for (const auto& [address, live] : broker_live_table_) {
            if (live.last_update_ms + live.heartbeat_timeout_ms < now_ms) {
                logger().warn("broker_expired cluster={} addr={} timeout_ms={}", address.first,
                              address.second, live.heartbeat_timeout_ms);
                to_close.push_back(live.connection.lock());
                silent.push_back(address);
            }
        }
        for (const auto& address : silent) {
            if (const auto broker = identity_of(address)) {
                unregister_locked(*broker, notices);
            } else {
                broker_live_table_.erase(address);
            }
            ++expired;
        }
    }
    for (const auto& connection : to_close) {
        if (connection) {
            connection->close("broker was silent for too long");
        }
    }
    notify(notices);
    return expired;
}

void RouteInfoManager::update_broker_timestamp(const BrokerIdentity& broker) {
    std::lock_guard lock(mutex_);
    const auto live = broker_live_table_.find({broker.cluster_name, broker.broker_addr});
    if (live != broker_live_table_.end()) {
        live->second.last_update_ms = clock_.now_ms();
    }
}

std::optional<DataVersion> RouteInfoManager::broker_data_version(
    const BrokerIdentity& broker) const {
    std::lock_guard lock(mutex_);
    const auto live = broker_live_table_.find({broker.cluster_name, broker.broker_addr});
    return live == broker_live_table_.end() ? std::nullopt
                                            : std::optional(live->second.data_version);
}

void RouteInfoManager::register_topic(std::string_view topic,
                                      const std::vector<QueueData>& queues) {
    std::lock_guard lock(mutex_);
    const auto is_known = [this](const QueueData& queue) {
        return broker_addr_table_.contains(queue.broker_name);
    };
    const auto first_unknown = std::find_if_not(queues.begin(), queues.end(), is_known);
    const auto existing = topic_queue_table_.find(topic);
    // A new topic is taken whole or not at all; an existing one up to the unknown broker.
    if (queues.begin() == first_unknown ||
        (existing == topic_queue_table_.end() && first_unknown != queues.end())) {
        return;
    }
    auto& entry = existing != topic_queue_table_.end() ? existing->second
                                                       : topic_queue_table_[std::string(topic)];
    for (auto queue = queues.begin(); queue != first_unknown; ++queue) {
        entry.by_broker.insert_or_assign(queue->broker_name, *queue);
    }
    entry.changed();
}

void RouteInfoManager::delete_topic(std::string_view topic) {
    std::lock_guard lock(mutex_);
    if (const auto entry = topic_queue_table_.find(topic); entry != topic_queue_table_.end()) {
        topic_queue_table_.erase(entry);
        logger().info("topic_deleted topic={}", topic);
    }
}

void RouteInfoManager::delete_topic(std::string_view topic, std::string_view cluster_name) {
    std::lock_guard lock(mutex_);
    const auto cluster = cluster_addr_table_.find(cluster_name);
    const auto entry = topic_queue_table_.find(topic);
    if (cluster == cluster_addr_table_.end() || entry == topic_queue_table_.end()) {
        return;
    }
    for (const auto& broker_name : cluster->second) {
        entry->second.by_broker.erase(broker_name);
    }
    entry->second.changed();
    if (entry->second.by_broker.empty()) {
        topic_queue_table_.erase(entry);
    }
    logger().info("topic_deleted topic={} cluster={}", topic, cluster_name);
}

std::int32_t RouteInfoManager::change_perm(std::string_view broker_name, std::int32_t keep,
                                           std::int32_t set) {
    std::lock_guard lock(mutex_);
    std::int32_t topics = 0;
    for (auto& [topic, queues] : topic_queue_table_) {
        if (const auto queue = queues.by_broker.find(broker_name);
            queue != queues.by_broker.end()) {
            queue->second.perm = (queue->second.perm & keep) | set;
            queues.changed();
            ++topics;
        }
    }
    return topics;
}

std::int32_t RouteInfoManager::wipe_write_perm_of_broker(std::string_view broker_name) {
    return change_perm(broker_name, ~perm::kWrite, 0);
}

std::int32_t RouteInfoManager::add_write_perm_of_broker(std::string_view broker_name) {
    return change_perm(broker_name, 0, perm::kRead | perm::kWrite);
}

}  // namespace rmq::namesrv
