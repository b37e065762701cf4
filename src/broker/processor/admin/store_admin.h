// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/processor/admin/admin_handler.h"
#include "common/result.h"
#include "remoting/request_registry.h"

namespace rmq::store {
class MessageStore;
}

namespace rmq::broker {

class ConsumerManager;
class TopicConfigManager;

// Manual cleaning and a look into queue files: 306, 316, 321, 329; the replication state of a
// master without slaves: 907, 1007. Blocking pool.
// Source: AdminBrokerProcessor (5.5.0).
class StoreAdmin {
public:
    // The collaborators outlive this object.
    StoreAdmin(store::MessageStore& store, TopicConfigManager& topics, ConsumerManager& consumers)
        : store_(store), topics_(topics), consumers_(consumers) {}

    void register_in(RequestRegistry& registry, const AdminQueue& queue);

private:
    Result<Response> clean_unused_topic(const Request& request);
    Result<Response> query_consume_queue(const Request& request);
    Result<Response> get_ha_status(const Request& request);

    store::MessageStore& store_;
    TopicConfigManager& topics_;
    ConsumerManager& consumers_;
};

}  // namespace rmq::broker
