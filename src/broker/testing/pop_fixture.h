// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/admission/admission.h"
#include "broker/broker_config.h"
#include "broker/client/consumer_manager.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/outer/broker_outer_api.h"
#include "broker/pop/pop_services.h"
#include "broker/pop/pop_store.h"
#include "broker/stats/broker_stats_manager.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/topic/topic_config_manager.h"
#include "common/message/message_record.h"
#include "common/testing/temp_dir.h"
#include "remoting/io_pool.h"
#include "remoting/testing/fake_connection.h"
#include "store/message_arrival.h"
#include "store/message_store_config.h"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rmq::testing {

// Queues in memory and a timer that fires when the test says so. Outlives what is made over it, as
// a disk does. Single-threaded but for cold reads.
class FakePopDisk {
public:
    using QueueName = std::pair<std::string, std::int32_t>;
    struct Entry {
        std::string record;
        std::int64_t tags_code = 0;
    };
    struct Timer {
        QueueName queue;
        std::string record;
    };

    // The properties as stored; tag codes as Java hashes the TAGS property.
    store::PutMessageResult put(const store::MessageToPut& message);
    store::PutMessageResult put_at(const store::MessageToPut& message, std::int64_t deliver_ms,
                                   std::int64_t now_ms);
    // Delivers what is due, in the order of its times.
    void fire(std::int64_t now_ms);
    MessageRecord record(std::string_view topic, std::int32_t queue_id, std::int64_t offset);
    std::int64_t size(std::string_view topic, std::int32_t queue_id);

    std::map<QueueName, std::vector<Entry>> queues;
    std::multimap<std::int64_t, Timer> timers;
    bool refuses_puts = false;
    bool refuses_retries = false;  // puts into retry topics only
    bool is_cold = false;          // until a read may block
    bool is_current = true;        // the timer keeps up
    std::function<void(const store::MessageArrival&)> on_arrival;

private:
    store::PutMessageResult append(const QueueName& queue, MessageRecord record);
};

std::unique_ptr<broker::PopStore> make_fake_pop_store(FakePopDisk& disk, const Clock& clock);

// A popped message and its handle, as a client makes them out of an answer.
struct PoppedMessage {
    std::string body;
    std::string topic;  // to acknowledge it under
    std::int32_t queue_id = 0;
    std::int64_t offset = 0;
    std::int32_t reconsume_times = 0;
    std::string handle;
    std::map<std::string, std::string> properties;
};

// Pop over the broker's real tables and a fake disk. The test's thread is the only io thread.
class PopFixture {
public:
    PopFixture();
    ~PopFixture();
    PopFixture(const PopFixture&) = delete;
    PopFixture& operator=(const PopFixture&) = delete;

    using Ext = std::map<std::string, std::string>;
    using Client = std::shared_ptr<FakeConnection>;

    // What kill -9 leaves: the disk, and the tables as they were last persisted.
    void crash();
    void persist();
    void add_topic(const std::string& name, std::int32_t queues = 1);
    void put(const std::string& topic, const std::string& body, const std::string& tag = {},
             std::int32_t queue_id = 0);

    void send(RequestCode code, Ext ext, std::string body = {});
    Response ask(RequestCode code, Ext ext, std::string body = {});
    // The answers that came since the last call; runs what was posted to the io thread.
    std::vector<Response> replies();
    static Ext pop_header(const Ext& changes = {});
    // One pop of group g and topic T that must not wait.
    std::vector<PoppedMessage> pop(const Ext& changes = {});
    std::vector<PoppedMessage> popped(const Response& response) const;
    Response ack(const PoppedMessage& message, const Ext& changes = {});
    Response change(const PoppedMessage& message, std::int64_t invisible_ms);
    // Lets time go by, with timers, revival and waits as the broker's threads do.
    void pass_ms(std::int64_t ms);
    std::int64_t committed(const std::string& topic, std::int32_t queue_id,
                           const std::string& group = "g") const;

    TempDir dir;
    ManualClock clock;
    FakePopDisk disk;
    broker::BrokerConfig config;
    store::MessageStoreConfig store_config;
    std::unique_ptr<broker::TopicConfigManager> topics;
    std::unique_ptr<broker::SubscriptionGroupManager> groups;
    std::unique_ptr<broker::ConsumerOffsetManager> offsets;
    std::unique_ptr<broker::ConsumerManager> consumers;
    std::unique_ptr<broker::BrokerStatsManager> stats;
    std::unique_ptr<broker::PopServices> pops;
    std::unique_ptr<RequestRegistry> registry;
    Client client = std::make_shared<FakeConnection>("10.1.2.3:4567");

private:
    void boot();
    void run_io_tasks();

    IoPool io_{1};
    RemotingClient remoting_{io_};
    broker::BrokerOuterApi outer_{remoting_};
    std::deque<UniqueFunction<void()>> tasks_;
    std::mutex tasks_mutex_;
    std::unique_ptr<BlockingPool> pool_;
    std::unique_ptr<broker::Admission> admission_;
};

}  // namespace rmq::testing
