// SPDX-License-Identifier: Apache-2.0
#include "broker/transaction/half_message.h"
#include "broker/transaction/transaction_store.h"
#include "store/message_store.h"

#include <algorithm>

namespace rmq::broker {
namespace {

class MessageStoreTransactions final : public TransactionStore {
public:
    explicit MessageStoreTransactions(store::MessageStore& store) : store_(store) {}

    QueueOffset min_offset(std::string_view topic) const override {
        return std::max(QueueOffset{0}, store_.min_offset(topic, kHalfQueue));
    }
    QueueOffset max_offset(std::string_view topic) const override {
        return store_.max_offset(topic, kHalfQueue);
    }
    std::optional<store::MappedSlice> record(std::string_view topic,
                                             QueueOffset offset) const override {
        const auto entry = store_.queue_entry(topic, kHalfQueue, offset);
        return entry ? store_.record_at(entry->physical_offset) : std::nullopt;
    }
    store::PutMessageResult put(const store::MessageToPut& message) override {
        return store_.put_message(message);
    }

private:
    store::MessageStore& store_;
};

}  // namespace

std::unique_ptr<TransactionStore> make_transaction_store(store::MessageStore& store) {
    return std::make_unique<MessageStoreTransactions>(store);
}

}  // namespace rmq::broker
