// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/request_registry.h"

namespace rmq::broker {

class RebalanceLockManager;

// LOCK_BATCH_MQ (41) and UNLOCK_BATCH_MQ (42), on this broker alone: locks of a majority of
// replicas (lockInStrictMode) need replication. Thread safety: any io thread.
// Source: AdminBrokerProcessor.lockBatchMQ, unlockBatchMQ.
class LockBatchMqProcessor {
public:
    explicit LockBatchMqProcessor(RebalanceLockManager& locks) : locks_(locks) {}
    LockBatchMqProcessor(const LockBatchMqProcessor&) = delete;
    LockBatchMqProcessor& operator=(const LockBatchMqProcessor&) = delete;

    void lock_batch_mq(const Request& request, Responder responder);
    void unlock_batch_mq(const Request& request, Responder responder);

private:
    RebalanceLockManager& locks_;
};

}  // namespace rmq::broker
