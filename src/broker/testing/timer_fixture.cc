// SPDX-License-Identifier: Apache-2.0
#include "broker/testing/timer_fixture.h"

#include "broker/topic/topic_validator.h"
#include "common/message/message_properties.h"
#include "common/message/message_record.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"

#include <algorithm>

namespace rmq::testing {

using namespace rmq::broker;

namespace {

class ModelStore final : public TimerStore {
public:
    explicit ModelStore(TimerLogModel& model) : model_(model) {}

    QueueOffset min_offset() const override {
        std::lock_guard lock(model_.mutex);
        return {model_.queue.empty() ? -1 : model_.queue_min};
    }
    QueueOffset max_offset() const override {
        std::lock_guard lock(model_.mutex);
        return {static_cast<std::int64_t>(model_.queue.size())};
    }
    std::optional<TimerEntry> entry(QueueOffset offset) const override {
        std::lock_guard lock(model_.mutex);
        if (offset.value < model_.queue_min ||
            offset.value >= static_cast<std::int64_t>(model_.queue.size())) {
            return std::nullopt;
        }
        const auto position = model_.queue[static_cast<std::size_t>(offset.value)];
        const auto& record = model_.records[static_cast<std::size_t>(position)];
        return TimerEntry{{position}, static_cast<std::int32_t>(record.size())};
    }
    std::optional<store::MappedSlice> record(PhysicalOffset offset) const override {
        std::lock_guard lock(model_.mutex);
        const auto index = static_cast<std::size_t>(offset.value);
        if (index >= model_.records.size() || model_.records[index].empty()) {
            return std::nullopt;
        }
        return store::MappedSlice{nullptr, std::string_view(model_.records[index])};
    }
    store::PutMessageStatus put(const store::MessageToPut& message) override {
        return model_.put(message);
    }
    PhysicalOffset commit_log_min() const override { return {0}; }
    PhysicalOffset commit_log_max() const override {
        std::lock_guard lock(model_.mutex);
        return {static_cast<std::int64_t>(model_.records.size())};
    }

private:
    TimerLogModel& model_;
};

}  // namespace

std::unique_ptr<TimerStore> make_timer_store(TimerLogModel& model) {
    return std::make_unique<ModelStore>(model);
}

store::PutMessageStatus TimerLogModel::put(const store::MessageToPut& message) {
    std::lock_guard lock(mutex);
    if (refusals > 0) {
        --refusals;
        return store::PutMessageStatus::OS_PAGE_CACHE_BUSY;
    }
    if (fatal_refusals > 0) {
        --fatal_refusals;
        return store::PutMessageStatus::PROPERTIES_SIZE_EXCEEDED;
    }
    if (message.topic != topic_name::kTimer) {
        delivered.push_back({std::string(message.topic), message.queue_id,
                             std::string(message.body), std::string(message.properties),
                             clock->now_ms()});
        return store::PutMessageStatus::PUT_OK;
    }
    MessageRecord record;
    record.sys_flag = message.sys_flag;
    record.queue_id = message.queue_id;
    record.queue_offset = {static_cast<std::int64_t>(queue.size())};
    record.store_timestamp = clock->now_ms();
    record.born_host.port = record.store_host.port = 1;
    record.body = message.body;
    record.topic = message.topic;
    record.properties = message.properties;
    queue.push_back(static_cast<std::int64_t>(records.size()));
    records.push_back(encode_message(record));
    return store::PutMessageStatus::PUT_OK;
}

TimerFixture::TimerFixture() {
    config.store_path_root_dir = dir.path();
    config.mapped_file_size_timer_log = 64 * 1024;
    model.clock = &clock;
    REQUIRE(create_directories(dir.file("config")));
    restart();
}

void TimerFixture::restart() {
    timer.reset();
    timer = std::make_unique<TimerMessageStore>(make_timer_store(model), config, clock, ops);
    REQUIRE(timer->load());
}

store::PutMessageStatus TimerFixture::send(const std::string& body,
                                           std::initializer_list<std::string_view> properties) {
    std::string encoded;
    append_property(encoded, property::kUniqKey, "id-" + body);
    for (auto it = properties.begin(); it != properties.end(); it += 2) {
        set_property(encoded, it[0], it[1]);
    }
    ScheduleTarget target{"T", 3};
    const auto status = rewrite.rewrite(0, target, encoded);
    if (status != store::PutMessageStatus::PUT_OK) {
        return status;
    }
    store::MessageToPut message;
    message.topic = target.topic;
    message.queue_id = target.queue_id;
    message.body = body;
    message.properties = encoded;
    return model.put(message);
}

store::PutMessageStatus TimerFixture::send_in(const std::string& body, std::int64_t delay_ms) {
    const auto text = std::to_string(delay_ms);
    return send(body, {property::kTimerDelayMs, text});
}

store::PutMessageStatus TimerFixture::recall(const std::string& body, std::int64_t deliver_ms) {
    const auto text = std::to_string((deliver_ms - 1) / 1000 * 1000 + 1);
    const auto id = "id-" + body;
    return send("recall", {property::kUniqKey, id, property::kTimerDelUniqueKey, id,
                           property::kTimerDeliverMs, text});
}

void TimerFixture::run() {
    while (timer->run_once() == 0) {
    }
}

void TimerFixture::advance(std::int64_t ms) {
    const std::int64_t end_ms = clock.now_ms() + ms;
    for (;;) {
        std::int64_t wait = 0;
        while ((wait = timer->run_once()) == 0) {
        }
        const std::int64_t left = end_ms - clock.now_ms();
        if (left <= 0) {
            return;
        }
        clock.advance_ms(std::min(left, wait));
    }
}

std::string TimerFixture::bodies() const {
    std::lock_guard lock(model.mutex);
    std::string all;
    for (const auto& one : model.delivered) {
        all += (all.empty() ? "" : " ") + one.body;
    }
    return all;
}

std::string TimerFixture::property(std::size_t delivered, std::string_view name) const {
    std::lock_guard lock(model.mutex);
    REQUIRE(delivered < model.delivered.size());
    return std::string(find_property(model.delivered[delivered].properties, name).value_or(""));
}

}  // namespace rmq::testing
