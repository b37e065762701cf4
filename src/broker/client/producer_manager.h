// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/client/client_channel_info.h"
#include "common/clock.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace rmq::broker {

struct BrokerConfig;

// Which producers of which groups are connected, as heartbeats declare them.
// Thread safety: any thread; one mutex. Source: ProducerManager.
class ProducerManager {
public:
    // Both outlive it.
    ProducerManager(const BrokerConfig& config, const Clock& clock)
        : config_(config), clock_(clock) {}
    ProducerManager(const ProducerManager&) = delete;
    ProducerManager& operator=(const ProducerManager&) = delete;

    // With enableRegisterProducer=false and rejectTransactionMessage=true only those that are known
    // already are kept: nobody asks for the others then.
    void register_producer(std::string_view group, const ClientChannelInfo& channel);
    void unregister_producer(std::string_view group, const Connection& connection);
    void on_connection_closed(const Connection& connection);
    // Drops producers without a heartbeat for channel_expired_ms.
    void scan_not_active_channels();

    bool is_online(std::string_view group) const;
    std::vector<ClientChannelInfo> channels(std::string_view group) const;
    // By the id of its heartbeats, for request-reply.
    std::optional<ClientChannelInfo> find_channel(std::string_view client_id) const;
    // Some open connection of the group, another one each time, for transaction checks.
    std::shared_ptr<Connection> available_connection(std::string_view group) const;
    std::map<std::string, std::vector<ClientChannelInfo>> table() const;

private:
    using Channels = std::unordered_map<std::uint64_t, ClientChannelInfo>;  // by connection id

    const BrokerConfig& config_;
    const Clock& clock_;
    mutable std::mutex mutex_;
    std::map<std::string, Channels, std::less<>> groups_;  // guarded by mutex_
    mutable std::size_t next_pick_ = 0;                    // guarded by mutex_
};

}  // namespace rmq::broker
