// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/processor/admin/admin_handler.h"
#include "common/result.h"
#include "remoting/request_registry.h"

#include <functional>
#include <string_view>
#include <utility>

namespace rmq::store {
class MessageStore;
}

namespace rmq::broker {

struct BrokerConfig;
class ConsumerOffsetManager;
class TopicConfigManager;

// Creates, changes, lists and deletes topics: 17, 18, 21, 215, 305, 351.
// Thread safety: handlers run on the blocking pool's threads, 351 and 305 on network threads.
// Source: AdminBrokerProcessor (5.5.0).
class TopicAdmin {
public:
    // The collaborators outlive this object.
    TopicAdmin(const BrokerConfig& config, TopicConfigManager& topics,
               ConsumerOffsetManager& offsets, store::MessageStore& store);

    // Called with the name of every topic that is about to be deleted.
    void set_pre_deletion_listener(std::function<void(std::string_view)> listener) {
        on_deleting_ = std::move(listener);
    }
    // Called with the name of every deleted topic, to drop its statistics (autoDeleteUnusedStats).
    void set_deletion_listener(std::function<void(std::string_view topic)> listener) {
        on_deleted_ = std::move(listener);
    }

    // Called before a creation or change is answered, to wait for the NameServers.
    void set_change_barrier(std::function<void()> barrier) {
        wait_for_registration_ = std::move(barrier);
    }

    // Adds the handlers; this object and `pool` outlive the registry.
    void register_in(RequestRegistry& registry, const AdminQueue& queue);

private:
    Result<Response> update_and_create_topic(const Request& request);
    Result<Response> update_and_create_topic_list(const Request& request);
    Result<Response> get_all_topic_config(const Request& request);
    Result<Response> delete_topic(const Request& request);
    Result<Response> get_system_topic_list(const Request& request);
    Result<Response> get_topic_config(const Request& request);

    // INVALID_PARAMETER with the reason, or nothing when the name may be changed by administrators.
    Status check_name(std::string_view topic) const;
    void delete_one(std::string_view topic);

    const BrokerConfig& config_;
    TopicConfigManager& topics_;
    ConsumerOffsetManager& offsets_;
    store::MessageStore& store_;
    std::function<void(std::string_view topic)> on_deleting_;
    std::function<void(std::string_view topic)> on_deleted_;
    std::function<void()> wait_for_registration_ = [] {};
};

}  // namespace rmq::broker
