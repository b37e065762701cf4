// SPDX-License-Identifier: Apache-2.0
#include "broker/timer/timer_store.h"
#include "broker/topic/topic_validator.h"
#include "store/message_store.h"

namespace rmq::broker {

namespace {

class MessageStoreTimer final : public TimerStore {
public:
    explicit MessageStoreTimer(store::MessageStore& store) : store_(store) {}

    QueueOffset min_offset() const override { return store_.min_offset(topic_name::kTimer, 0); }
    QueueOffset max_offset() const override { return store_.max_offset(topic_name::kTimer, 0); }
    std::optional<TimerEntry> entry(QueueOffset offset) const override {
        const auto entry = store_.queue_entry(topic_name::kTimer, 0, offset);
        return entry ? std::optional(TimerEntry{entry->physical_offset, entry->size})
                     : std::nullopt;
    }
    std::optional<store::MappedSlice> record(PhysicalOffset offset) const override {
        return store_.record_at(offset);
    }
    // Not awaited: neither flush nor replication hold a delivery up.
    store::PutMessageStatus put(const store::MessageToPut& message) override {
        return store_.put_message(message).status;
    }
    PhysicalOffset commit_log_min() const override { return store_.runtime().commit_log_min; }
    PhysicalOffset commit_log_max() const override { return store_.runtime().commit_log_max; }

private:
    store::MessageStore& store_;
};

}  // namespace

std::unique_ptr<TimerStore> make_timer_store(store::MessageStore& store) {
    return std::make_unique<MessageStoreTimer>(store);
}

}  // namespace rmq::broker
