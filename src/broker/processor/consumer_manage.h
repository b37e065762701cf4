// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/request_registry.h"

#include <cstdint>
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

// GET_CONSUMER_LIST_BY_GROUP (38), QUERY_CONSUMER_OFFSET (14), UPDATE_CONSUMER_OFFSET (15): all
// from memory, as rebalances wait for them. Thread safety: any io thread.
// Source: ConsumerManageProcessor.
class ConsumerManageProcessor {
public:
    struct Collaborators {
        const BrokerConfig& config;
        store::MessageStore& store;
        TopicConfigManager& topics;
        SubscriptionGroupManager& groups;
        ConsumerManager& consumers;
        ConsumerOffsetManager& offsets;
    };

    explicit ConsumerManageProcessor(Collaborators collaborators) : c_(collaborators) {}
    ConsumerManageProcessor(const ConsumerManageProcessor&) = delete;
    ConsumerManageProcessor& operator=(const ConsumerManageProcessor&) = delete;

    void get_consumer_list_by_group(const Request& request, Responder responder);
    void query_consumer_offset(const Request& request, Responder responder);
    void update_consumer_offset(const Request& request, Responder responder);

private:
    bool starts_at_zero(std::string_view topic, std::int32_t queue_id) const;

    const Collaborators c_;
};

}  // namespace rmq::broker
