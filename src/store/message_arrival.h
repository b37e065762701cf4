// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/offsets.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

namespace rmq::store {

// What the dispatcher just made readable, for long polling.
struct MessageArrival {
    std::string_view topic;
    std::int32_t queue_id = 0;
    QueueOffset queue_offset;  // of the record; the queue's new end is one more
    std::int64_t tags_code = 0;
    std::int64_t store_timestamp = 0;
    std::string_view properties;
};

// Gets a batch of arrivals in store order, on the dispatch thread; must not block. Returns whether
// anybody waited for one of them: the dispatch thread then reacts to the next message at once, and
// otherwise gathers messages for a moment while they come in a stream.
using ArrivalListener = std::function<bool(std::span<const MessageArrival>)>;

// Milliseconds until a record of the schedule topic with this delay level is due, so that its queue
// entry can carry the deliver time. Set by the broker before start().
using DelayLevelMillis = std::function<std::int64_t(std::int32_t level)>;

}  // namespace rmq::store
