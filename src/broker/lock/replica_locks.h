// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/unique_function.h"
#include "remoting/protocol/body/lock_batch.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace rmq::broker {

// Queue locks on a majority of the replicas of this broker (lockInStrictMode), so that a slave that
// takes over knows who holds them. Thread safety: any thread; completions on any.
// Source: AdminBrokerProcessor.lockBatchMQ, unlockBatchMQ.
class ReplicaLocks {
public:
    using Queues = std::vector<MessageQueue>;
    // How the other replicas are reached. Every `done` runs exactly once.
    struct Transport {
        // Their addresses; none when nobody knows.
        std::function<void(UniqueFunction<void(std::vector<std::string>)> done)> find_others;
        // The queues that were won there; none when it does not answer within a second.
        std::function<void(const std::string& address, const LockBatchRequestBody& request,
                           UniqueFunction<void(Queues)> done)>
            lock;
        std::function<void(const std::string& address, const LockBatchRequestBody& request)> unlock;
    };

    explicit ReplicaLocks(Transport transport) : transport_(std::move(transport)) {}
    ReplicaLocks(const ReplicaLocks&) = delete;
    ReplicaLocks& operator=(const ReplicaLocks&) = delete;

    // `request` holds the queues that were won here. `done` gets those that `quorum` replicas, this
    // one among them, gave.
    void lock(LockBatchRequestBody request, std::int32_t quorum, UniqueFunction<void(Queues)> done);
    // Tells the others, without waiting for them.
    void unlock(LockBatchRequestBody request);

private:
    const Transport transport_;
};

}  // namespace rmq::broker
