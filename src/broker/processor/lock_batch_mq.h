// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/request_registry.h"

#include <cstdint>

namespace rmq {
struct LockBatchRequestBody;
}

namespace rmq::store {
struct MessageStoreConfig;
}

namespace rmq::broker {

struct BrokerConfig;
class RebalanceLockManager;
class ReplicaLocks;

// LOCK_BATCH_MQ (41) and UNLOCK_BATCH_MQ (42): on this broker alone, or with lockInStrictMode on a
// majority of its replicas. Thread safety: any io thread.
// Source: AdminBrokerProcessor.lockBatchMQ, unlockBatchMQ.
class LockBatchMqProcessor {
public:
    // The collaborators outlive this object.
    LockBatchMqProcessor(const BrokerConfig& config, const store::MessageStoreConfig& store_config,
                         RebalanceLockManager& locks, ReplicaLocks& replicas)
        : config_(config), store_config_(store_config), locks_(locks), replicas_(replicas) {}
    LockBatchMqProcessor(const LockBatchMqProcessor&) = delete;
    LockBatchMqProcessor& operator=(const LockBatchMqProcessor&) = delete;

    void lock_batch_mq(const Request& request, Responder responder);
    void unlock_batch_mq(const Request& request, Responder responder);

private:
    // Replicas that must give a lock, this broker among them.
    std::int32_t quorum_of(const LockBatchRequestBody& request) const;

    const BrokerConfig& config_;
    const store::MessageStoreConfig& store_config_;
    RebalanceLockManager& locks_;
    ReplicaLocks& replicas_;
};

}  // namespace rmq::broker
