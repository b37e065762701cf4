// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/unique_function.h"
#include "store/get_message.h"
#include "store/put_message.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rmq::store {
class MessageStore;
}

namespace rmq::broker {

class ScheduleRewrite;

// What pop needs of a store, narrow so that tests can make one fail. Thread safety: any thread.
class PopStore {
public:
    virtual ~PopStore() = default;

    virtual QueueOffset min_offset(std::string_view topic, std::int32_t queue_id) const = 0;
    virtual QueueOffset max_offset(std::string_view topic, std::int32_t queue_id) const = 0;
    virtual bool is_offset_in_memory(std::string_view topic, std::int32_t queue_id,
                                     QueueOffset offset) const = 0;
    // Of a queue entry; nothing outside the queue.
    virtual std::optional<std::int64_t> tags_code(std::string_view topic, std::int32_t queue_id,
                                                  QueueOffset offset) const = 0;
    // Store time of a message; -1 when there is none. May block.
    virtual std::int64_t store_timestamp(std::string_view topic, std::int32_t queue_id,
                                         QueueOffset offset) const = 0;
    // Every queue there is.
    virtual std::vector<std::pair<std::string, std::int32_t>> queues() const = 0;
    virtual void delete_topic(std::string_view topic) = 0;
    virtual store::GetMessageResult get(const store::GetMessageRequest& request) = 0;
    virtual store::PutMessageResult put(const store::MessageToPut& message) = 0;
    // The same, readable in the message's queue not before `deliver_ms` and soon after.
    virtual store::PutMessageResult put_at(const store::MessageToPut& message,
                                           std::int64_t deliver_ms) = 0;
    // Whether put_at() has nothing left to deliver that was due a second ago.
    virtual bool is_delivery_current() const = 0;
    // Runs `done` once everything before `end` is as safe as this store makes it: inline without
    // SYNC_FLUSH.
    virtual void when_safe(PhysicalOffset end, UniqueFunction<void()> done) = 0;
};

// The real one. What put_at() puts waits in the timer wheel, of which `is_current` tells whether
// it delivered all that was due a second ago. Everything outlives the store.
std::unique_ptr<PopStore> make_pop_store(store::MessageStore& store,
                                         const ScheduleRewrite& schedule,
                                         std::function<bool()> is_current);

}  // namespace rmq::broker
