// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/processor/admin/admin_handler.h"
#include "common/result.h"
#include "remoting/request_registry.h"

#include <functional>
#include <string_view>

namespace rmq::broker {

struct BrokerConfig;
class ConsumerOffsetManager;
class SubscriptionGroupManager;

// Creates, changes, lists and deletes consumer groups: 200, 201, 207, 225, 352, 353.
// Thread safety: as TopicAdmin. Source: AdminBrokerProcessor (5.5.0).
class SubscriptionGroupAdmin {
public:
    // The collaborators outlive this object.
    SubscriptionGroupAdmin(const BrokerConfig& config, SubscriptionGroupManager& groups,
                           ConsumerOffsetManager& offsets);

    // Called with the name of every deleted group, to drop its statistics (autoDeleteUnusedStats).
    void set_deletion_listener(std::function<void(std::string_view group)> listener) {
        on_deleted_ = std::move(listener);
    }

    void register_in(RequestRegistry& registry, const AdminQueue& queue);

private:
    Result<Response> update_and_create_group(const Request& request);
    Result<Response> update_and_create_group_list(const Request& request);
    Result<Response> get_all_groups(const Request& request);
    Result<Response> delete_group(const Request& request);
    Result<Response> get_group(const Request& request);
    Result<Response> update_and_get_forbidden(const Request& request);

    const BrokerConfig& config_;
    SubscriptionGroupManager& groups_;
    ConsumerOffsetManager& offsets_;
    std::function<void(std::string_view group)> on_deleted_;
};

}  // namespace rmq::broker
