// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/admission/send_flow_control.h"
#include "broker/admission/slow_consumers.h"
#include "broker/processor/client_manage.h"
#include "broker/processor/consumer_manage.h"
#include "broker/processor/end_transaction.h"
#include "broker/processor/lock_batch_mq.h"
#include "broker/processor/pull_message.h"
#include "broker/processor/reply_message.h"
#include "broker/processor/send_back.h"
#include "broker/processor/send_message.h"

#include <cstdint>
#include <functional>

namespace rmq::broker {

// Everything that producers and consumers need of a broker; all of it outlives ClientProcessors.
struct ClientCollaborators {
    const BrokerConfig& config;
    const store::MessageStoreConfig& store_config;
    const Clock& clock;
    store::MessageStore& store;
    BrokerStatsManager& stats;
    TopicConfigManager& topics;
    SubscriptionGroupManager& groups;
    ConsumerOffsetManager& offsets;
    ConsumerManager& consumers;
    ConsumerFilterManager& filters;
    ProducerManager& producers;
    RebalanceLockManager& locks;
    ReplicaLocks& replica_locks;
    TransactionalMessageService& transactions;
    PullRequestHoldService& holds;
    Admission& admission;
    const ScheduleRewrite& schedule;
    SendFlowControl& flow;
    SlowConsumers& slow_consumers;
    ColdDataControl& cold_data;
    ColdPullHold& cold_holds;
    SocketAddress store_host;
    std::int32_t max_delay_level = 18;
    std::function<void(unsigned k, UniqueFunction<void()> task)> post;  // to io thread k
};

// The processors that producers and consumers talk to, put together: 10, 11, 14, 15, 34-38, 41, 42,
// 46, 310, 320,
// 323-325, 361. All run on the io threads. The second listener does not serve pulls, as
// in the original, whose clients never pull there.
class ClientProcessors {
public:
    explicit ClientProcessors(const ClientCollaborators& collaborators);
    ClientProcessors(const ClientProcessors&) = delete;
    ClientProcessors& operator=(const ClientProcessors&) = delete;

    // This object outlives the registry.
    enum class Listener { kMain, kFast };
    void register_in(RequestRegistry& registry, Listener listener = Listener::kMain);

    PullMessageProcessor& pull() { return pull_; }

private:
    SendFlowControl& flow_;
    SendMessageProcessor send_;
    EndTransactionProcessor end_transaction_;
    ReplyMessageProcessor reply_;
    SendBackProcessor send_back_;
    PullMessageProcessor pull_;
    ClientManageProcessor clients_;
    ConsumerManageProcessor consumers_;
    LockBatchMqProcessor locks_;
};

}  // namespace rmq::broker
