// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/admission/admission.h"
#include "broker/broker_config.h"
#include "broker/client/broker2client.h"
#include "broker/client/consumer_manager.h"
#include "broker/client/producer_manager.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/processor/admin/admin_handler.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/topic/topic_config_manager.h"
#include "common/blocking_pool.h"
#include "common/testing/temp_dir.h"
#include "remoting/testing/fake_connection.h"
#include "store/file_ops.h"
#include "store/message_store.h"

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rmq::testing {

// The tables of one broker over a real store in a directory of its own, for tests of the
// administration. Each test registers the processors that it is about.
class AdminFixture {
public:
    // `ops`, if any, outlives the fixture.
    struct StoreSetup {
        store::FlushDiskType flush_disk_type = store::FlushDiskType::ASYNC_FLUSH;
        store::FileOps* ops = nullptr;
    };

    AdminFixture() : AdminFixture(StoreSetup()) {}
    explicit AdminFixture(const StoreSetup& setup);
    ~AdminFixture();
    AdminFixture(const AdminFixture&) = delete;
    AdminFixture& operator=(const AdminFixture&) = delete;

    using Ext = std::vector<std::pair<std::string, std::string>>;
    // Sends a request through the registry and waits for its answer.
    Response call(RequestCode code, Ext ext = {}, std::string body = {});
    // The same without waiting; see reply().
    void send(RequestCode code, Ext ext = {}, std::string body = {});
    // The next answer to the administrator.
    Response reply();
    // Waits for the broker to ask `client` something.
    static FakeConnection::Invocation invocation(FakeConnection& client);

    // Stores one message, readable when this returns; its record's CommitLog offset.
    std::int64_t put(std::string_view topic, std::int32_t queue_id, std::string_view body = "body",
                     std::string_view properties = {});
    // A member of `group` that subscribes to `topic`.
    std::shared_ptr<FakeConnection> join(std::string group, std::string topic,
                                         std::string client_id,
                                         LanguageCode language = LanguageCode::kJava);
    void add_topic(std::string name, std::int32_t queues = 2);
    // Told of arrivals on the store's dispatch thread; once this returns, the last one is not
    // called any more.
    void set_arrival_listener(store::ArrivalListener listener);
    // Over `pool`, with the configured wait.
    broker::AdminQueue admin_queue() const;

    TempDir dir;
    ManualClock clock;
    broker::BrokerConfig config;
    store::MessageStoreConfig store_config;
    std::unique_ptr<store::MessageStore> store;
    std::unique_ptr<broker::TopicConfigManager> topics;
    std::unique_ptr<broker::SubscriptionGroupManager> groups;
    std::unique_ptr<broker::ConsumerOffsetManager> offsets;
    std::unique_ptr<broker::ConsumerManager> consumers;
    std::unique_ptr<broker::ProducerManager> producers;
    std::unique_ptr<broker::Broker2Client> to_clients;
    RequestRegistry registry;
    std::shared_ptr<FakeConnection> admin = std::make_shared<FakeConnection>();
    std::unique_ptr<BlockingPool> pool;  // its threads go before the tables
    std::unique_ptr<broker::Admission> admission;

private:
    std::mutex listener_mutex_;
    store::ArrivalListener listener_;  // guarded by listener_mutex_
};

}  // namespace rmq::testing
