// SPDX-License-Identifier: Apache-2.0
#include "broker/testing/pop_fixture.h"

#include "broker/lite/lite_services.h"
#include "broker/processor/admin/admin_handler.h"
#include "common/java_string.h"
#include "common/message/message_properties.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "remoting/protocol/extra_info.h"

#include <thread>

namespace rmq::testing {

namespace {

using broker::PopStore;
using store::GetMessageStatus;

const SocketAddress kHost = *parse_socket_address("127.0.0.1:10911");

// Over a disk that outlives it. Source of the statuses: DefaultMessageStore.getMessage.
class FakePopStore final : public PopStore {
public:
    FakePopStore(FakePopDisk& disk, const Clock& clock) : disk_(disk), clock_(clock) {}

    QueueOffset min_offset(std::string_view topic, std::int32_t queue_id) const override {
        return {disk_.queues.contains({std::string(topic), queue_id}) ? 0 : -1};
    }
    QueueOffset max_offset(std::string_view topic, std::int32_t queue_id) const override {
        return {disk_.size(topic, queue_id)};
    }
    bool is_offset_in_memory(std::string_view topic, std::int32_t queue_id,
                             QueueOffset offset) const override {
        return !disk_.is_cold && offset.value < disk_.size(topic, queue_id);
    }
    std::optional<std::int64_t> tags_code(std::string_view topic, std::int32_t queue_id,
                                          QueueOffset offset) const override {
        return disk_.queues.at({std::string(topic), queue_id})
            .at(static_cast<std::size_t>(offset.value))
            .tags_code;
    }
    std::int64_t store_timestamp(std::string_view topic, std::int32_t queue_id,
                                 QueueOffset offset) const override {
        return offset.value < 0 || offset.value >= disk_.size(topic, queue_id)
                   ? -1
                   : disk_.record(topic, queue_id, offset.value).born_timestamp;
    }
    std::vector<std::pair<std::string, std::int32_t>> queues() const override {
        std::vector<std::pair<std::string, std::int32_t>> names;
        for (const auto& [name, entries] : disk_.queues) {
            names.push_back(name);
        }
        return names;
    }
    void delete_topic(std::string_view topic) override {
        std::erase_if(disk_.queues, [&](const auto& entry) { return entry.first.first == topic; });
    }
    store::GetMessageResult get(const store::GetMessageRequest& request) override {
        store::GetMessageResult result;
        const auto found = disk_.queues.find({std::string(request.topic), request.queue_id});
        if (found == disk_.queues.end()) {
            return result;
        }
        const auto size = static_cast<std::int64_t>(found->second.size());
        result.max_offset = QueueOffset{size};
        result.next_begin_offset = request.offset;
        if (request.offset.value >= size) {
            result.status = request.offset.value == size ? GetMessageStatus::OFFSET_OVERFLOW_ONE
                                                         : GetMessageStatus::OFFSET_OVERFLOW_BADLY;
            result.next_begin_offset = QueueOffset{size};
            return result;
        }
        if (disk_.is_cold && request.cold_reads == store::GetMessageRequest::ColdReads::kRefuse) {
            result.is_cold = true;
            return result;
        }
        auto at = request.offset.value;
        for (; at < size && result.message_count < request.max_count; ++at) {
            const auto& entry = found->second[static_cast<std::size_t>(at)];
            if (request.tags_filter == nullptr || (*request.tags_filter)(entry.tags_code)) {
                auto bytes = std::make_shared<const std::string>(entry.record);
                result.slices.push_back({bytes, *bytes});
                result.total_bytes += static_cast<std::int64_t>(bytes->size());
                ++result.message_count;
            }
        }
        result.next_begin_offset = QueueOffset{at};
        result.status = result.message_count > 0 ? GetMessageStatus::FOUND
                                                 : GetMessageStatus::NO_MATCHED_MESSAGE;
        return result;
    }
    store::PutMessageResult put(const store::MessageToPut& message) override {
        return disk_.put(message);
    }
    store::PutMessageResult put_at(const store::MessageToPut& message,
                                   std::int64_t deliver_ms) override {
        return disk_.put_at(message, deliver_ms, clock_.now_ms());
    }
    bool is_delivery_current() const override { return disk_.is_current; }
    void when_safe(PhysicalOffset, UniqueFunction<void()> done) override { done(); }

private:
    FakePopDisk& disk_;
    const Clock& clock_;
};

MessageRecord record_of(const store::MessageToPut& message) {
    MessageRecord record;
    record.queue_id = message.queue_id;
    record.flag = message.flag;
    record.sys_flag = message.sys_flag;
    record.born_timestamp = message.born_timestamp;
    record.born_host = message.born_host;
    record.store_host = message.store_host;
    record.reconsume_times = message.reconsume_times;
    record.body = message.body;
    record.topic = message.topic;
    record.properties = message.properties;
    return record;
}

}  // namespace

store::PutMessageResult FakePopDisk::append(const QueueName& queue, MessageRecord record) {
    auto& entries = queues[queue];
    record.queue_offset = QueueOffset{static_cast<std::int64_t>(entries.size())};
    const auto tag = find_property(record.properties, property::kTags);
    const std::int64_t code = tag ? java_string_hash(*tag) : 0;
    entries.push_back({encode_message(record), code});
    if (on_arrival) {
        store::MessageArrival arrival;
        arrival.topic = queue.first;
        arrival.queue_id = queue.second;
        arrival.queue_offset = record.queue_offset;
        arrival.tags_code = code;
        arrival.properties = record.properties;
        on_arrival(arrival);
    }
    return {};
}

store::PutMessageResult FakePopDisk::put(const store::MessageToPut& message) {
    if (refuses_puts || (refuses_retries && message.topic.starts_with("%RETRY%"))) {
        store::PutMessageResult refused;
        refused.status = store::PutMessageStatus::SERVICE_NOT_AVAILABLE;
        return refused;
    }
    return append({std::string(message.topic), message.queue_id}, record_of(message));
}

store::PutMessageResult FakePopDisk::put_at(const store::MessageToPut& message,
                                            std::int64_t deliver_ms, std::int64_t now_ms) {
    std::string properties(message.properties);
    set_property(properties, property::kTimerDeliverMs, std::to_string(deliver_ms));
    auto copy = message;
    copy.properties = properties;
    if (deliver_ms <= now_ms || refuses_puts) {
        return put(copy);
    }
    timers.emplace(deliver_ms, Timer{{std::string(message.topic), message.queue_id},
                                     encode_message(record_of(copy))});
    return {};
}

void FakePopDisk::fire(std::int64_t now_ms) {
    while (!timers.empty() && timers.begin()->first <= now_ms) {
        const auto timer = std::move(timers.begin()->second);
        timers.erase(timers.begin());
        append(timer.queue, *decode_message(timer.record));
    }
}

std::int64_t FakePopDisk::size(std::string_view topic, std::int32_t queue_id) {
    const auto found = queues.find({std::string(topic), queue_id});
    return found == queues.end() ? 0 : static_cast<std::int64_t>(found->second.size());
}

MessageRecord FakePopDisk::record(std::string_view topic, std::int32_t queue_id,
                                  std::int64_t offset) {
    // No assertion: administration asks from a blocking thread.
    return *decode_message(
        queues.at({std::string(topic), queue_id}).at(static_cast<std::size_t>(offset)).record);
}

std::unique_ptr<PopStore> make_fake_pop_store(FakePopDisk& disk, const Clock& clock) {
    return std::make_unique<FakePopStore>(disk, clock);
}

PopFixture::PopFixture() {
    config.broker_name = "broker-a";
    config.broker_ip1 = "127.0.0.1";
    config.pop_from_retry_probability = 0;
    REQUIRE(create_directories(dir.file("config")));
    pool_ = std::make_unique<BlockingPool>("test-blocking", 1, 100);
    admission_ =
        std::make_unique<broker::Admission>(*pool_, clock, config.broker_fast_failure_enable);
    boot();
    add_topic("T");
    groups->find("g");
}

PopFixture::~PopFixture() {
    pool_.reset();
    tasks_.clear();
    remoting_.stop();
}

void PopFixture::boot() {
    topics = std::make_unique<broker::TopicConfigManager>(config, true,
                                                          dir.file("config/topics.json"), clock);
    groups = std::make_unique<broker::SubscriptionGroupManager>(
        config, dir.file("config/subscriptionGroup.json"), clock);
    offsets = std::make_unique<broker::ConsumerOffsetManager>(
        config, dir.file("config/consumerOffset.json"), clock);
    consumers = std::make_unique<broker::ConsumerManager>(
        broker::ConsumerManager::Options{config.channel_expired_timeout,
                                         config.subscription_expired_timeout},
        clock);
    stats = std::make_unique<broker::BrokerStatsManager>(
        broker::BrokerStatsManager::Options{.cluster_name = config.broker_cluster_name}, clock);
    REQUIRE(topics->load());
    REQUIRE(groups->load());
    REQUIRE(offsets->load());
    pops = std::make_unique<broker::PopServices>(
        broker::PopCollaborators{.config = config,
                                 .store_config = store_config,
                                 .clock = clock,
                                 .stats = *stats,
                                 .topics = *topics,
                                 .groups = *groups,
                                 .offsets = *offsets,
                                 .consumers = *consumers,
                                 .admission = *admission_,
                                 .outer = outer_,
                                 .client = remoting_,
                                 .store_host = kHost,
                                 .config_dir = dir.file("config"),
                                 .post =
                                     [this](unsigned, UniqueFunction<void()> task) {
                                         const std::lock_guard lock(tasks_mutex_);
                                         tasks_.push_back(std::move(task));
                                     }},
        make_fake_pop_store(disk, clock));
    REQUIRE(pops->load());
    registry = std::make_unique<RequestRegistry>();
    pops->register_in(*registry);
    const broker::AdminQueue queue{*admission_, config.wait_time_mills_in_admin_broker_queue};
    pops->lite().register_in(*registry, queue, false);
    disk.on_arrival = [this](const store::MessageArrival& arrival) {
        pops->notify_arriving({&arrival, 1});
    };
}

void PopFixture::crash() {
    pops->drop_all();
    tasks_.clear();
    registry.reset();
    pops.reset();
    stats.reset();
    boot();
}

void PopFixture::persist() {
    REQUIRE(offsets->run_once());
    REQUIRE(pops->run_once());
}

void PopFixture::add_topic(const std::string& name, std::int32_t queues) {
    TopicConfig topic;
    topic.topic_name = name;
    topic.read_queue_nums = topic.write_queue_nums = queues;
    REQUIRE(topics->update(topic));
    for (std::int32_t queue_id = 0; queue_id < queues; ++queue_id) {
        disk.queues[{name, queue_id}];
    }
}

void PopFixture::put(const std::string& topic, const std::string& body, const std::string& tag,
                     std::int32_t queue_id) {
    std::string properties;
    append_property(properties, property::kUniqKey, "id-" + body);
    if (!tag.empty()) {
        append_property(properties, property::kTags, tag);
    }
    store::MessageToPut message;
    message.topic = topic;
    message.queue_id = queue_id;
    message.born_timestamp = clock.now_ms();
    message.born_host = *parse_socket_address("10.0.0.9:777");
    message.store_host = kHost;
    message.body = body;
    message.properties = properties;
    disk.put(message);
}

void PopFixture::send(RequestCode code, Ext ext, std::string body) {
    FakeRequest(code, {ext.begin(), ext.end()}, std::move(body))
        .send(client, [this](const Request& request, Responder responder) {
            registry->dispatch(request, std::move(responder));
        });
}

void PopFixture::run_io_tasks() {
    for (;;) {
        UniqueFunction<void()> task;
        {
            const std::lock_guard lock(tasks_mutex_);
            if (tasks_.empty()) {
                return;
            }
            task = std::move(tasks_.front());
            tasks_.pop_front();
        }
        task();
    }
}

std::vector<Response> PopFixture::replies() {
    run_io_tasks();
    std::vector<Response> responses;
    for (auto& reply : client->take_replies()) {
        responses.push_back(std::move(reply.response));
    }
    return responses;
}

Response PopFixture::ask(RequestCode code, Ext ext, std::string body) {
    send(code, std::move(ext), std::move(body));
    const SystemClock system;
    const auto deadline = system.monotonic_ms() + 30'000;
    for (;;) {
        auto came = replies();
        if (!came.empty()) {
            REQUIRE(came.size() == 1);
            return std::move(came[0]);
        }
        REQUIRE(system.monotonic_ms() < deadline);
        std::this_thread::yield();
    }
}

PopFixture::Ext PopFixture::pop_header(const Ext& changes) {
    Ext ext{{"consumerGroup", "g"},     {"topic", "T"},    {"queueId", "-1"}, {"maxMsgNums", "32"},
            {"invisibleTime", "10000"}, {"pollTime", "0"}, {"bornTime", "0"}, {"initMode", "0"}};
    for (const auto& [key, value] : changes) {
        ext[key] = value;
    }
    return ext;
}

std::vector<PoppedMessage> PopFixture::pop(const Ext& changes) {
    const auto response = ask(RequestCode::POP_MESSAGE, pop_header(changes));
    if (response.code == ResponseCode::POLLING_TIMEOUT) {
        return {};
    }
    REQUIRE(response.code == ResponseCode::SUCCESS);
    return popped(response);
}

std::vector<PoppedMessage> PopFixture::popped(const Response& response) const {
    std::map<std::string, std::string> starts;
    std::string infos = ext_value(response, "startOffsetInfo") + ";";
    for (std::size_t at = 0; at < infos.size();) {
        const auto end = infos.find(';', at);
        const auto entry = infos.substr(at, end - at);
        const auto last = entry.rfind(' ');
        starts[entry.substr(0, last)] = entry.substr(last + 1);
        at = end + 1;
    }
    std::string all;
    for (const auto& slice : response.slices) {
        all += slice.bytes;
    }
    std::vector<PoppedMessage> messages;
    for (std::string_view rest = all; !rest.empty();) {
        const auto record = decode_message(rest, VerifyCrc::kYes);
        REQUIRE(record);
        PoppedMessage message{.body = std::string(record->body),
                              .topic = std::string(record->topic),
                              .queue_id = record->queue_id,
                              .offset = record->queue_offset.value,
                              .reconsume_times = record->reconsume_times,
                              .handle = {},
                              .properties = decode_properties(record->properties)};
        if (const auto ck = message.properties.find("POP_CK"); ck != message.properties.end()) {
            message.handle = ck->second;
            message.topic = pop_retry_topic_v1(message.topic, "g");
        } else {
            message.handle = starts["0 " + std::to_string(record->queue_id)];
            for (const auto* key : {"popTime", "invisibleTime", "reviveQid"}) {
                message.handle += " " + ext_value(response, key);
            }
            message.handle += " 0 broker-a " + std::to_string(record->queue_id) + " " +
                              std::to_string(message.offset);
        }
        messages.push_back(std::move(message));
        rest.remove_prefix(static_cast<std::size_t>(record->total_size));
    }
    return messages;
}

Response PopFixture::ack(const PoppedMessage& message, const Ext& changes) {
    Ext ext{{"consumerGroup", "g"},
            {"topic", message.topic},
            {"queueId", std::to_string(message.queue_id)},
            {"extraInfo", message.handle},
            {"offset", std::to_string(message.offset)}};
    for (const auto& [key, value] : changes) {
        ext[key] = value;
    }
    return ask(RequestCode::ACK_MESSAGE, ext);
}

Response PopFixture::change(const PoppedMessage& message, std::int64_t invisible_ms) {
    return ask(RequestCode::CHANGE_MESSAGE_INVISIBLETIME,
               {{"consumerGroup", "g"},
                {"topic", message.topic},
                {"queueId", std::to_string(message.queue_id)},
                {"extraInfo", message.handle},
                {"offset", std::to_string(message.offset)},
                {"invisibleTime", std::to_string(invisible_ms)}});
}

void PopFixture::pass_ms(std::int64_t ms) {
    constexpr std::int64_t kStepMs = 100;
    for (std::int64_t passed = 0; passed < ms; passed += kStepMs) {
        clock.advance_ms(kStepMs);
        disk.fire(clock.now_ms());
        pops->run_revive_once();
        pops->tick();
        pops->lite().run_once();
        run_io_tasks();
    }
}

std::int64_t PopFixture::committed(const std::string& topic, std::int32_t queue_id,
                                   const std::string& group) const {
    return offsets->query({group, topic, queue_id});
}

}  // namespace rmq::testing
