// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/metrics/consumer_lag.h"
#include "common/clock.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace rmq {
struct RemotingServerStats;
}

namespace rmq::store {
class MessageStore;
struct MessageStoreConfig;
}  // namespace rmq::store

namespace rmq::broker {

struct BrokerConfig;
class ConsumerManager;
class ConsumerOffsetManager;
class PopServices;
class ProducerManager;
class PrometheusText;
class SendFlowControl;
class SubscriptionGroupManager;
class TimerMessageStore;
class TopicConfigManager;
class TransactionMetrics;

// The metrics that are looked up when somebody asks for them: settings, tables, connections, lag,
// open transactions, the store, pop's buffers and the timer; and RaptorMQ's own, raptormq_*.
// Thread safety: write() on any one thread; it may block on the disk.
// Source: BrokerMetricsManager, DefaultStoreMetricsManager, PopMetricsManager (5.5.0).
class BrokerGauges {
public:
    // Everything outlives it.
    struct Collaborators {
        const BrokerConfig& config;
        const store::MessageStoreConfig& store_config;
        const Clock& clock;
        const store::MessageStore& store;
        const TopicConfigManager& topics;
        const SubscriptionGroupManager& groups;
        const ConsumerOffsetManager& offsets;
        const ConsumerManager& consumers;
        const ProducerManager& producers;
        const PopServices& pop;
        TransactionMetrics& transactions;
        TimerMessageStore& timers;
        const SendFlowControl& flow;
        std::function<std::size_t()> blocking_queue;  // requests that wait for a blocking thread
        std::function<std::array<RemotingServerStats, 2>()> requests;  // of both listeners
    };
    explicit BrokerGauges(Collaborators collaborators);

    // Appends all families that the enable*Metrics settings leave on.
    void write(PrometheusText& text) const;

private:
    void write_stats(PrometheusText& text) const;
    void write_connections(PrometheusText& text) const;
    void write_lag(PrometheusText& text) const;
    void write_transactions(PrometheusText& text) const;
    void write_store(PrometheusText& text) const;
    void write_timer(PrometheusText& text) const;
    void write_timer_snapshot(PrometheusText& text) const;
    void write_pop(PrometheusText& text) const;
    void write_own(PrometheusText& text) const;

    const Collaborators c_;
    const ConsumerLagCalculator lag_;
};

}  // namespace rmq::broker
