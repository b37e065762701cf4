// SPDX-License-Identifier: Apache-2.0
#include "broker/testing/admin_fixture.h"

#include "broker/topic/attributes.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"

#include <thread>

namespace rmq::testing {

namespace {

// Polls until `condition` holds; fails the test after a generous while.
template <class Condition>
void wait_until(Condition condition) {
    const SystemClock clock;
    const auto deadline = clock.monotonic_ms() + 30'000;
    while (!condition()) {
        if (clock.monotonic_ms() > deadline) {
            FAIL("what was waited for did not happen");
        }
        std::this_thread::yield();
    }
}

}  // namespace

AdminFixture::AdminFixture(const StoreSetup& setup) {
    config.broker_name = "broker-a";
    config.broker_ip1 = "127.0.0.1";
    store_config.store_path_root_dir = dir.path();
    store_config.mapped_file_size_commit_log = 1024 * 1024;
    store_config.max_hash_slot_num = 1000;
    store_config.max_index_num = 4000;
    store_config.flush_disk_type = setup.flush_disk_type;
    REQUIRE(create_directories(dir.file("config")));
    store = setup.ops == nullptr
                ? std::make_unique<store::MessageStore>(store_config, clock)
                : std::make_unique<store::MessageStore>(store_config, clock, *setup.ops);
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
    producers = std::make_unique<broker::ProducerManager>(config, clock);
    to_clients =
        std::make_unique<broker::Broker2Client>(config, *consumers, *topics, *offsets, *store);
    REQUIRE(topics->load());
    REQUIRE(groups->load());
    REQUIRE(offsets->load());
    store->set_batch_topics([this](std::string_view topic) {
        const auto found = topics->select(topic);
        return found != nullptr && broker::is_batch_queue(found->attributes);
    });
    REQUIRE(store->load());
    store->set_arrival_listener([this](auto arrivals) {
        const std::lock_guard lock(listener_mutex_);
        return listener_ && listener_(arrivals);
    });
    REQUIRE(store->start());
    pool = std::make_unique<BlockingPool>("test-blocking", 1, 100);
    admission =
        std::make_unique<broker::Admission>(*pool, clock, config.broker_fast_failure_enable);
}

AdminFixture::~AdminFixture() {
    pool.reset();
    store->shutdown();
}

void AdminFixture::send(RequestCode code, Ext ext, std::string body) {
    FakeRequest(code, std::move(ext), std::move(body))
        .send(admin, [this](const Request& request, Responder responder) {
            registry.dispatch(request, std::move(responder));
        });
}

Response AdminFixture::reply() {
    std::vector<FakeConnection::Reply> replies;
    wait_until([&] {
        replies = admin->take_replies();
        return !replies.empty();
    });
    REQUIRE(replies.size() == 1);
    return std::move(replies[0].response);
}

Response AdminFixture::call(RequestCode code, Ext ext, std::string body) {
    send(code, std::move(ext), std::move(body));
    return reply();
}

FakeConnection::Invocation AdminFixture::invocation(FakeConnection& client) {
    std::vector<FakeConnection::Invocation> invocations;
    wait_until([&] {
        invocations = client.take_invocations();
        return !invocations.empty();
    });
    REQUIRE(invocations.size() == 1);
    return std::move(invocations[0]);
}

std::int64_t AdminFixture::put(std::string_view topic, std::int32_t queue_id, std::string_view body,
                               std::string_view properties) {
    store::MessageToPut message;
    message.topic = topic;
    message.queue_id = queue_id;
    message.born_timestamp = clock.now_ms();
    message.born_host = *parse_socket_address("127.0.0.1:5000");
    message.store_host = *parse_socket_address("127.0.0.1:10911");
    message.body = body;
    message.properties = properties;
    const auto result = store->put_message(message);
    REQUIRE(result.status == store::PutMessageStatus::PUT_OK);
    wait_until([&] { return store->max_offset(topic, queue_id) > result.queue_offset; });
    return result.physical_offset.value;
}

std::shared_ptr<FakeConnection> AdminFixture::join(std::string group, std::string topic,
                                                   std::string client_id, LanguageCode language) {
    auto connection = std::make_shared<FakeConnection>("127.0.0.1:50002");
    ConsumerData data;
    data.group_name = std::move(group);
    data.consume_type = ConsumeType::CONSUME_PASSIVELY;
    data.message_model = MessageModel::CLUSTERING;
    data.subscriptions.push_back(*build_subscription_data(topic, "TagA"));
    consumers->register_consumer(data,
                                 {.connection = connection,
                                  .client_id = std::move(client_id),
                                  .language = language,
                                  .version = mq_version::kCurrent,
                                  .last_update_ms = clock.now_ms()},
                                 false);
    return connection;
}

void AdminFixture::set_arrival_listener(store::ArrivalListener listener) {
    const std::lock_guard lock(listener_mutex_);
    listener_ = std::move(listener);
}

broker::AdminQueue AdminFixture::admin_queue() const {
    return {*admission, config.wait_time_mills_in_admin_broker_queue};
}

void AdminFixture::add_topic(std::string name, std::int32_t queues) {
    TopicConfig topic;
    topic.topic_name = std::move(name);
    topic.read_queue_nums = queues;
    topic.write_queue_nums = queues;
    REQUIRE(topics->update(std::move(topic)));
}

}  // namespace rmq::testing
