// SPDX-License-Identifier: Apache-2.0
#include "broker/delay/schedule_message_service.h"
#include "broker/topic/topic_validator.h"
#include "store/message_store.h"

#include <memory>

namespace rmq::broker {

namespace {

class MessageStoreDelay final : public DelayStore {
public:
    explicit MessageStoreDelay(store::MessageStore& store) : store_(store) {}

    QueueOffset min_offset(std::int32_t queue_id) const override {
        return store_.min_offset(topic_name::kSchedule, queue_id);
    }
    QueueOffset max_offset(std::int32_t queue_id) const override {
        return store_.max_offset(topic_name::kSchedule, queue_id);
    }
    std::optional<DelayEntry> entry(std::int32_t queue_id, QueueOffset offset) const override {
        const auto entry = store_.queue_entry(topic_name::kSchedule, queue_id, offset);
        return entry ? std::optional(DelayEntry{entry->physical_offset, entry->tags_code})
                     : std::nullopt;
    }
    std::optional<store::MappedSlice> record(PhysicalOffset offset) const override {
        return store_.record_at(offset);
    }
    // Not awaited: neither flush nor replication hold a delivery up.
    store::PutMessageStatus put(const store::MessageToPut& message) override {
        return store_.put_message(message).status;
    }

private:
    store::MessageStore& store_;
};

}  // namespace

std::unique_ptr<DelayStore> make_delay_store(store::MessageStore& store) {
    return std::make_unique<MessageStoreDelay>(store);
}

}  // namespace rmq::broker
