// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/blocking_pool.h"
#include "common/result.h"
#include "remoting/request_registry.h"

#include <cstdint>

namespace rmq::store {
class MessageStore;
}

namespace rmq::broker {

// Finds messages by key or unique id (12) and by CommitLog offset (33). Both may read old files, so
// they run on the blocking pool; the records leave straight from the mapped files.
// Source: QueryMessageProcessor (5.5.0).
class QueryMessageProcessor {
public:
    // `default_query_max_num`: records of a query by unique id (MessageStoreConfig). The store
    // outlives this object.
    QueryMessageProcessor(store::MessageStore& store, std::int32_t default_query_max_num)
        : store_(store), default_query_max_num_(default_query_max_num) {}

    void register_in(RequestRegistry& registry, BlockingPool& pool);

private:
    Result<Response> query_message(const Request& request);
    Result<Response> view_message_by_id(const Request& request);

    store::MessageStore& store_;
    const std::int32_t default_query_max_num_;
};

}  // namespace rmq::broker
