// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/offsets.h"
#include "store/get_message.h"
#include "store/put_message.h"

#include <memory>
#include <optional>
#include <string_view>

namespace rmq::store {
class MessageStore;
}

namespace rmq::broker {

// What transactions need of a store, narrow so that tests can make one fail; the queue is always
// kHalfQueue. Thread safety: one thread.
class TransactionStore {
public:
    virtual ~TransactionStore() = default;
    virtual QueueOffset min_offset(std::string_view topic) const = 0;  // 0 for an unknown queue
    virtual QueueOffset max_offset(std::string_view topic) const = 0;
    // Nothing outside the queue, and when the record is gone. May block on the disk.
    virtual std::optional<store::MappedSlice> record(std::string_view topic,
                                                     QueueOffset offset) const = 0;
    // Not awaited: neither flush nor replication hold it up.
    virtual store::PutMessageResult put(const store::MessageToPut& message) = 0;
};

// The real one. `store` outlives it.
std::unique_ptr<TransactionStore> make_transaction_store(store::MessageStore& store);

}  // namespace rmq::broker
