// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/processor/admin/admin_handler.h"
#include "common/result.h"
#include "remoting/request_registry.h"

#include <functional>
#include <string>

namespace rmq::store {
class MessageStore;
struct MessageStoreConfig;
}  // namespace rmq::store

namespace rmq::broker {

struct BrokerConfig;
class Broker2Client;
class ConsumerManager;
class ConsumerOffsetManager;
class SubscriptionGroupManager;
class TopicConfigManager;

// What a queue holds and where groups stand in it: 29, 30, 31, 32, 43, 45, 222, 308, 314.
// Thread safety: 30 and 31 run on network threads, the rest on the blocking pool.
// Source: AdminBrokerProcessor (5.5.0).
class OffsetAdmin {
public:
    struct Parts {
        const BrokerConfig& config;
        const store::MessageStoreConfig& store_config;
        TopicConfigManager& topics;
        SubscriptionGroupManager& groups;
        ConsumerOffsetManager& offsets;
        ConsumerManager& consumers;
        store::MessageStore& store;
        Broker2Client& to_clients;
        // JSON of the delay levels' positions (delayOffset.json); empty: 45 is refused.
        std::function<std::string()> delay_offsets;
    };

    // The parts outlive this object.
    explicit OffsetAdmin(Parts parts) : parts_(std::move(parts)) {}

    void register_in(RequestRegistry& registry, const AdminQueue& queue);

private:
    struct ResetWish;

    Result<Response> search_offset_by_timestamp(const Request& request);
    Result<Response> get_max_offset(const Request& request);
    Result<Response> get_min_offset(const Request& request);
    Result<Response> get_earliest_store_time(const Request& request);
    Result<Response> get_all_consumer_offset(const Request& request);
    Result<Response> get_all_delay_offset(const Request& request);
    Result<Response> query_correction_offset(const Request& request);
    Result<Response> clone_group_offset(const Request& request);
    void reset_offset(const Request& request, Responder responder);
    Result<Response> reset_in_broker(const ResetWish& wish);

    const Parts parts_;
};

}  // namespace rmq::broker
