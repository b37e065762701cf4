// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/processor/admin/admin_handler.h"
#include "common/result.h"
#include "remoting/request_registry.h"

namespace rmq::store {
class MessageStore;
struct MessageStoreConfig;
}  // namespace rmq::store

namespace rmq::broker {

// Finds messages by key or unique id (12) and by CommitLog offset (33). Both may read old files, so
// they run on the blocking pool; the records leave straight from the mapped files.
// Source: QueryMessageProcessor (5.5.0).
class QueryMessageProcessor {
public:
    // The collaborators outlive this object.
    QueryMessageProcessor(store::MessageStore& store, const store::MessageStoreConfig& store_config)
        : store_(store), store_config_(store_config) {}

    void register_in(RequestRegistry& registry, const AdminQueue& queue);

private:
    Result<Response> query_message(const Request& request);
    Result<Response> view_message_by_id(const Request& request);

    store::MessageStore& store_;
    const store::MessageStoreConfig& store_config_;
};

}  // namespace rmq::broker
