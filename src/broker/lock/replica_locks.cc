// SPDX-License-Identifier: Apache-2.0
#include "broker/lock/replica_locks.h"

#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace rmq::broker {
namespace {

// The votes of one request.
struct Election {
    std::mutex mutex;
    std::map<MessageQueue, std::int32_t> votes;  // guarded by mutex
    std::size_t left = 0;                        // guarded by mutex; replicas yet to answer
    std::int32_t quorum = 1;
    UniqueFunction<void(ReplicaLocks::Queues)> done;

    void add(const ReplicaLocks::Queues& won) {
        for (const auto& queue : won) {
            ++votes[queue];
        }
    }
    void end() {
        ReplicaLocks::Queues elected;
        for (const auto& [queue, count] : votes) {
            if (count >= quorum) {
                elected.push_back(queue);
            }
        }
        done(std::move(elected));
    }
};

}  // namespace

void ReplicaLocks::lock(LockBatchRequestBody request, std::int32_t quorum,
                        UniqueFunction<void(Queues)> done) {
    auto election = std::make_shared<Election>();
    election->add(request.queues);
    election->quorum = quorum;
    election->done = std::move(done);
    request.only_this_broker = true;
    transport_.find_others(
        [this, election, request = std::move(request)](const std::vector<std::string>& others) {
            if (others.empty()) {
                election->end();
                return;
            }
            election->left = others.size();
            for (const auto& address : others) {
                transport_.lock(address, request, [election](const Queues& won) {
                    const std::lock_guard lock(election->mutex);
                    election->add(won);
                    if (--election->left == 0) {
                        election->end();
                    }
                });
            }
        });
}

void ReplicaLocks::unlock(LockBatchRequestBody request) {
    request.only_this_broker = true;
    transport_.find_others(
        [this, request = std::move(request)](const std::vector<std::string>& others) {
            for (const auto& address : others) {
                transport_.unlock(address, request);
            }
        });
}

}  // namespace rmq::broker
