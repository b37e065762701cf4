// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/processor/admin/admin_handler.h"
#include "remoting/request_registry.h"

#include <string>
#include <string_view>

namespace rmq::store {
struct MessageStoreConfig;
}

namespace rmq::broker {

class ConsumerOffsetManager;
class ConsumerOrderInfoManager;
class LiteConsumerLag;
class LiteEventDispatcher;
class LiteLifecycleManager;
class LiteMetadata;
class LiteSubscriptionRegistry;
class PopStore;

// What administrators ask about lite topics (200074-200079). Thread safety: any thread.
// Source: LiteManagerProcessor (5.5.0).
class LiteManagerProcessor {
public:
    // Everything outlives the processor.
    struct Collaborators {
        const store::MessageStoreConfig& store_config;
        const PopStore& store;
        const LiteMetadata& metadata;
        const LiteSubscriptionRegistry& registry;
        const LiteLifecycleManager& lifecycle;
        const LiteConsumerLag& lag;
        LiteEventDispatcher& events;
        const ConsumerOffsetManager& offsets;
        const ConsumerOrderInfoManager& order_infos;
    };
    explicit LiteManagerProcessor(Collaborators collaborators) : c_(collaborators) {}
    LiteManagerProcessor(const LiteManagerProcessor&) = delete;
    LiteManagerProcessor& operator=(const LiteManagerProcessor&) = delete;

    // This object and what `queue` refers to outlive the registry.
    void register_in(RequestRegistry& registry, const AdminQueue& queue);

private:
    Result<Response> get_broker_lite_info(const Request& request) const;
    Result<Response> get_parent_topic_info(const Request& request) const;
    Result<Response> get_lite_topic_info(const Request& request) const;
    Result<Response> get_lite_client_info(const Request& request) const;
    Result<Response> get_lite_group_info(const Request& request) const;
    Result<Response> trigger_lite_dispatch(const Request& request) const;

    // Why a parent topic cannot be looked at, if so.
    std::optional<Response> refuse_topic(std::string_view topic) const;
    // The parent that the group reads, or why there is none.
    struct Bound {
        std::string topic{};
        std::optional<Response> refusal{};
    };
    Bound bound_topic(std::string_view group) const;

    const Collaborators c_;
};

}  // namespace rmq::broker
