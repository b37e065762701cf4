// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/admission/admission.h"
#include "broker/admission/send_flow_control.h"
#include "broker/admission/slow_consumers.h"
#include "broker/client/consumer_ids_notifier.h"
#include "broker/cold/cold_data_control.h"
#include "broker/cold/cold_pull_hold.h"
#include "broker/filter/consumer_filter_manager.h"
#include "broker/hold/pull_request_hold_service.h"
#include "broker/lock/rebalance_lock_manager.h"
#include "broker/lock/replica_locks.h"
#include "broker/processor/client_processors.h"
#include "broker/stats/broker_stats_manager.h"
#include "broker/testing/admin_fixture.h"
#include "broker/timer/schedule_rewrite.h"
#include "broker/transaction/transactional_message_service.h"
#include "common/message/message_record.h"

#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::testing {

using ExtMap = std::map<std::string, std::string>;

// One record of the store, owning its bytes.
struct StoredMessage {
    explicit StoredMessage(std::string_view record);
    StoredMessage(const StoredMessage&) = delete;
    StoredMessage& operator=(const StoredMessage&) = delete;

    std::string property(std::string_view name) const;  // empty when absent

    const std::string bytes;
    MessageRecord record;
};

// What serves producers and consumers, over the tables and the store of AdminFixture. The test's
// thread is the only io thread: what is posted to it runs in run_io_tasks() and reply_to().
class ClientFixture : public AdminFixture {
public:
    ClientFixture() : ClientFixture(StoreSetup()) {}
    explicit ClientFixture(const StoreSetup& setup);
    ~ClientFixture();

    using Client = std::shared_ptr<FakeConnection>;

    // Sends a request of `client` through the registry.
    void request(const Client& client, RequestCode code, const ExtMap& ext, std::string body = {},
                 std::int32_t version = mq_version::kCurrent);
    // The answer to the one request that `client` has open, for which it waits.
    Response reply_to(const Client& client);
    // Both.
    Response ask(const Client& client, RequestCode code, const ExtMap& ext, std::string body = {},
                 std::int32_t version = mq_version::kCurrent);
    void run_io_tasks();
    // Runs io tasks until `condition` holds; fails the test after a generous while.
    void run_until(const std::function<bool()>& condition);

    // The record at a queue offset, for whose dispatch it waits.
    std::unique_ptr<StoredMessage> stored(std::string_view topic, std::int32_t queue_id,
                                          std::int64_t offset);

    broker::BrokerStatsManager stats;
    broker::RebalanceLockManager locks;
    // Other replicas by address, each with the queues it gives; for lockInStrictMode.
    std::map<std::string, std::vector<MessageQueue>> replicas;
    std::vector<std::string> replicas_unlocked;
    broker::ReplicaLocks replica_locks;
    broker::ConsumerFilterManager filters;
    broker::ScheduleRewrite schedule;
    broker::SendFlowControl flow;
    broker::SlowConsumers slow_consumers;
    std::unique_ptr<broker::TransactionalMessageService> transactions;  // not started
    std::unique_ptr<broker::PullRequestHoldService> holds;
    broker::ColdDataControl cold_data;
    std::unique_ptr<broker::ColdPullHold> cold_holds;
    std::unique_ptr<broker::ConsumerIdsNotifier> notifier;
    std::unique_ptr<broker::ClientProcessors> processors;

private:
    void post(UniqueFunction<void()> task);

    std::mutex tasks_mutex_;
    std::deque<UniqueFunction<void()>> tasks_;  // guarded by tasks_mutex_
};

// The bodies of the messages in a pull's answer.
std::vector<std::string> bodies_of(const Response& response);

// "k1", "v1", "k2", "v2" as a property string.
std::string encode_pairs(std::initializer_list<std::string_view> pairs);

}  // namespace rmq::testing
