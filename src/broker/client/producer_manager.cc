// SPDX-License-Identifier: Apache-2.0
#include "broker/client/producer_manager.h"

#include "broker/broker_config.h"
#include "common/log.h"

#include <memory>

namespace rmq::broker {

namespace {

constexpr std::int64_t kChannelExpiredMs = 120'000;  // Source: ProducerManager

}  // namespace

void ProducerManager::register_producer(std::string_view group, const ClientChannelInfo& channel) {
    const bool is_for_all = config_.enable_register_producer || !config_.reject_transaction_message;
    bool is_new = false;
    {
        const std::lock_guard lock(mutex_);
        auto found = groups_.find(group);
        if (!is_for_all &&
            (found == groups_.end() || !found->second.contains(channel.connection->id()))) {
            return;
        }
        if (found == groups_.end()) {
            found = groups_.emplace(group, Channels{}).first;
        }
        const auto inserted = found->second.try_emplace(channel.connection->id(), channel);
        inserted.first->second.last_update_ms = clock_.now_ms();
        is_new = inserted.second;
    }
    if (is_new) {
        log_of("broker").info("producer_registered group={} client={} peer={}", group,
                              channel.client_id, channel.connection->peer().to_string());
    }
}

void ProducerManager::unregister_producer(std::string_view group, const Connection& connection) {
    const std::lock_guard lock(mutex_);
    if (const auto found = groups_.find(group); found != groups_.end()) {
        found->second.erase(connection.id());
        if (found->second.empty()) {
            groups_.erase(found);
        }
    }
}

void ProducerManager::on_connection_closed(const Connection& connection) {
    const std::lock_guard lock(mutex_);
    for (auto it = groups_.begin(); it != groups_.end();) {
        it->second.erase(connection.id());
        it = it->second.empty() ? groups_.erase(it) : std::next(it);
    }
}

void ProducerManager::scan_not_active_channels() {
    const auto now = clock_.now_ms();
    std::vector<std::shared_ptr<Connection>> expired;
    {
        const std::lock_guard lock(mutex_);
        for (auto it = groups_.begin(); it != groups_.end();) {
            std::erase_if(it->second, [&](const auto& entry) {
                const bool is_old = now - entry.second.last_update_ms > kChannelExpiredMs;
                if (is_old) {
                    expired.push_back(entry.second.connection);
                }
                return is_old;
            });
            it = it->second.empty() ? groups_.erase(it) : std::next(it);
        }
    }
    for (const auto& connection : expired) {
        log_of("broker").warn("producer_expired peer={}", connection->peer().to_string());
        connection->close("no producer heartbeat");
    }
}

bool ProducerManager::is_online(std::string_view group) const {
    const std::lock_guard lock(mutex_);
    return groups_.find(group) != groups_.end();
}

std::vector<ClientChannelInfo> ProducerManager::channels(std::string_view group) const {
    std::vector<ClientChannelInfo> channels;
    const std::lock_guard lock(mutex_);
    if (const auto found = groups_.find(group); found != groups_.end()) {
        for (const auto& [id, channel] : found->second) {
            channels.push_back(channel);
        }
    }
    return channels;
}

std::optional<ClientChannelInfo> ProducerManager::find_channel(std::string_view client_id) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [group, channels] : groups_) {
        for (const auto& [id, channel] : channels) {
            if (channel.client_id == client_id) {
                return channel;
            }
        }
    }
    return std::nullopt;
}

std::shared_ptr<Connection> ProducerManager::available_connection(std::string_view group) const {
    const std::lock_guard lock(mutex_);
    const auto found = groups_.find(group);
    if (found == groups_.end()) {
        return nullptr;
    }
    std::vector<std::shared_ptr<Connection>> open;
    for (const auto& [id, channel] : found->second) {
        if (channel.connection->is_open()) {
            open.push_back(channel.connection);
        }
    }
    return open.empty() ? nullptr : open[next_pick_++ % open.size()];
}

std::map<std::string, std::vector<ClientChannelInfo>> ProducerManager::table() const {
    std::map<std::string, std::vector<ClientChannelInfo>> table;
    const std::lock_guard lock(mutex_);
    for (const auto& [group, channels] : groups_) {
        auto& list = table[group];
        for (const auto& [id, channel] : channels) {
            list.push_back(channel);
        }
    }
    return table;
}

}  // namespace rmq::broker
