// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/transaction/pending_ops.h"
#include "broker/transaction/transaction_check.h"
#include "broker/transaction/transaction_metrics.h"
#include "broker/transaction/transaction_store.h"
#include "common/clock.h"
#include "common/result.h"
#include "common/service_thread.h"
#include "common/socket_address.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace rmq::store {
struct MessageStoreConfig;
}

namespace rmq::broker {

// The broker's side of transactions between the half message and its end: writes ops, asks
// producers (TransactionCheck), counts what is open. The state is in the half and op queues and in
// the positions of CID_RMQ_SYS_TRANS, so that nothing needs to be loaded but the counts.
// Thread safety: settle() and metrics() from any thread.
// Lifecycle: construct, load(), start() (thread "transaction"; a slave never starts it), stop()
// (joins, writes the ops that wait and the counts).
// Source: TransactionalMessageServiceImpl, TransactionalMessageCheckService (5.5.0).
class TransactionalMessageService {
public:
    // Everything outlives the service.
    struct Collaborators {
        const BrokerConfig& config;
        const store::MessageStoreConfig& store_config;
        ConsumerOffsetManager& offsets;
        ProducerManager& producers;
        TopicConfigManager& topics;
        BrokerStatsManager& stats;
        const Clock& clock;
        SocketAddress store_host;  // brokerIP1:listenPort, in ops
    };

    // `metrics_path` is <store>/config/transactionMetrics.
    TransactionalMessageService(const Collaborators& collaborators,
                                std::unique_ptr<TransactionStore> store, std::string metrics_path);
    ~TransactionalMessageService();
    TransactionalMessageService(const TransactionalMessageService&) = delete;
    TransactionalMessageService& operator=(const TransactionalMessageService&) = delete;

    // Errors as TransactionMetrics::load().
    Status load() { return metrics_.load(); }
    void start();
    void stop();

    // The half message at this offset is committed or rolled back: an op will say so.
    void settle(QueueOffset half);

    TransactionMetrics& metrics() { return metrics_; }

    // One turn: writes the ops that are due, checks when it is time, persists the counts. Returns
    // milliseconds until the next turn; 0 when there is more to do.
    std::int64_t run_once();

private:
    // Writes all ops that wait. False when the store refused.
    bool write_ops();
    bool write_op(const std::string& batch);
    std::int64_t check_turn();
    void persist_metrics();

    const Collaborators c_;
    const std::unique_ptr<TransactionStore> store_;
    TransactionMetrics metrics_;
    PendingOps pending_;
    TransactionCheck check_;
    std::int64_t last_check_ms_;  // monotonic, as the two below
    std::int64_t last_persist_ms_;
    std::int64_t ops_refused_until_ms_ = 0;
    bool is_checking_ = false;

    ServiceThread thread_{"transaction"};
};

}  // namespace rmq::broker
