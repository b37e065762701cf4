// SPDX-License-Identifier: Apache-2.0
#include "broker/pop/pop_store.h"
#include "broker/topic/topic_validator.h"
#include "common/message/message_properties.h"
#include "store/message_store.h"

#include <string>
#include <utility>

namespace rmq::broker {

namespace {

class MessageStorePop final : public PopStore {
public:
    MessageStorePop(store::MessageStore& store, PopTimer timer)
        : store_(store), timer_(std::move(timer)) {}

    QueueOffset min_offset(std::string_view topic, std::int32_t queue_id) const override {
        return store_.min_offset(topic, queue_id);
    }
    QueueOffset max_offset(std::string_view topic, std::int32_t queue_id) const override {
        return store_.max_offset(topic, queue_id);
    }
    bool is_offset_in_memory(std::string_view topic, std::int32_t queue_id,
                             QueueOffset offset) const override {
        return store_.is_offset_in_memory(topic, queue_id, offset);
    }
    std::optional<std::int64_t> tags_code(std::string_view topic, std::int32_t queue_id,
                                          QueueOffset offset) const override {
        const auto entry = store_.queue_entry(topic, queue_id, offset);
        return entry ? std::optional(entry->tags_code) : std::nullopt;
    }
    store::GetMessageResult get(const store::GetMessageRequest& request) override {
        return store_.get_message(request);
    }
    store::PutMessageResult put(const store::MessageToPut& message) override {
        return store_.put_message(message);
    }

    // Source: HookUtils.transformTimerMessage
    store::PutMessageResult put_at(const store::MessageToPut& message,
                                   std::int64_t deliver_ms) override {
        std::string properties(message.properties);
        set_property(properties, property::kTimerDeliverMs, std::to_string(deliver_ms));
        auto copy = message;
        if (deliver_ms > timer_.clock.now_ms()) {
            const auto slot_ms = (deliver_ms - 1) / timer_.precision_ms * timer_.precision_ms;
            set_property(properties, "TIMER_OUT_MS", std::to_string(slot_ms));
            set_property(properties, property::kRealTopic, message.topic);
            set_property(properties, property::kRealQueueId, std::to_string(message.queue_id));
            copy.topic = topic_name::kTimer;
            copy.queue_id = 0;
        }
        copy.properties = properties;
        return store_.put_message(copy);
    }

    bool is_delivery_current() const override { return timer_.is_current(); }

    void when_safe(PhysicalOffset end, UniqueFunction<void()> done) override {
        if (!store_.needs_flush_wait()) {
            done();
            return;
        }
        store_.when_flushed(end,
                            [done = std::move(done)](store::PutMessageStatus) mutable { done(); });
    }

private:
    store::MessageStore& store_;
    const PopTimer timer_;
};

}  // namespace

std::unique_ptr<PopStore> make_pop_store(store::MessageStore& store, PopTimer timer) {
    return std::make_unique<MessageStorePop>(store, std::move(timer));
}

}  // namespace rmq::broker
