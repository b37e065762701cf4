// SPDX-License-Identifier: Apache-2.0
#include "broker/pop/pop_store.h"
#include "broker/timer/schedule_rewrite.h"
#include "common/message/message_properties.h"
#include "common/message/property_order.h"
#include "store/message_store.h"

#include <string>
#include <utility>

namespace rmq::broker {

namespace {

class MessageStorePop final : public PopStore {
public:
    MessageStorePop(store::MessageStore& store, const ScheduleRewrite& schedule,
                    std::function<bool()> is_current)
        : store_(store), schedule_(schedule), is_current_(std::move(is_current)) {}

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
    std::int64_t store_timestamp(std::string_view topic, std::int32_t queue_id,
                                 QueueOffset offset) const override {
        return store_.store_timestamp_at(topic, queue_id, offset);
    }
    std::vector<std::pair<std::string, std::int32_t>> queues() const override {
        return store_.queues();
    }
    void delete_topic(std::string_view topic) override { store_.delete_topic(topic); }
    store::GetMessageResult get(const store::GetMessageRequest& request) override {
        return store_.get_message(request);
    }
    store::PutMessageResult put(const store::MessageToPut& message) override {
        return store_.put_message(message);
    }

    store::PutMessageResult put_at(const store::MessageToPut& message,
                                   std::int64_t deliver_ms) override {
        std::string properties(message.properties);
        set_property(properties, property::kTimerDeliverMs, std::to_string(deliver_ms));
        ScheduleTarget target{message.topic, message.queue_id};
        const auto status = schedule_.rewrite(message.sys_flag, target, properties);
        if (status != store::PutMessageStatus::PUT_OK) {
            store::PutMessageResult refused;
            refused.status = status;
            return refused;
        }
        order_properties(properties, kMadePropertySlots);
        auto copy = message;
        copy.topic = target.topic;
        copy.queue_id = target.queue_id;
        copy.properties = properties;
        return store_.put_message(copy);
    }

    bool is_delivery_current() const override { return is_current_(); }

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
    const ScheduleRewrite& schedule_;
    const std::function<bool()> is_current_;
};

}  // namespace

std::unique_ptr<PopStore> make_pop_store(store::MessageStore& store,
                                         const ScheduleRewrite& schedule,
                                         std::function<bool()> is_current) {
    return std::make_unique<MessageStorePop>(store, schedule, std::move(is_current));
}

}  // namespace rmq::broker
