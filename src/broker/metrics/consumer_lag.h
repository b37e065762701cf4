// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"

#include <cstdint>
#include <string>
#include <vector>

namespace rmq::store {
class MessageStore;
}

namespace rmq::broker {

struct BrokerConfig;
struct PopQueue;
class ConsumerManager;
class ConsumerOffsetManager;
class PopServices;
class SubscriptionGroupManager;
class TopicConfigManager;

// How far one group is behind in one topic.
struct ConsumerLag {
    std::string group{};
    std::string topic{};
    bool is_retry = false;
    std::int64_t lag = 0;       // not yet acknowledged or committed
    std::int64_t inflight = 0;  // delivered, and not that
    std::int64_t ready = 0;     // not yet delivered
    // Age of the oldest message of the first and of the last kind; 0 when there is none.
    std::int64_t lag_ms = 0;
    std::int64_t queueing_ms = 0;
};

// Finds the lag of every group that has a member, or pulled with a subscription of its own of late,
// for each topic that it subscribes to. Retry topics of pull consumers are left out; those of pops
// are reported under the topic that they belong to. With estimateAccumulation only messages count
// that the group's subscription wants; many of them are judged by a sample.
// Thread safety: any thread; reads queues and records, so it may block on the disk.
// Source: ConsumerLagCalculator, ConsumeQueue.estimateMessageCount (5.5.0).
class ConsumerLagCalculator {
public:
    struct Collaborators {
        const BrokerConfig& config;
        const Clock& clock;
        const store::MessageStore& store;
        const TopicConfigManager& topics;
        const SubscriptionGroupManager& groups;
        const ConsumerOffsetManager& offsets;
        const ConsumerManager& consumers;
        const PopServices& pop;
    };
    // Everything outlives it.
    explicit ConsumerLagCalculator(const Collaborators& collaborators) : c_(collaborators) {}

    std::vector<ConsumerLag> calculate() const;

private:
    // One group's view of one topic, with what it wants of it.
    struct Subject;

    void add_group(const std::string& group, std::vector<ConsumerLag>& lags) const;
    std::string pop_retry_topic(const Subject& subject) const;
    bool is_accessible(const std::string& topic) const;
    void add(const Subject& subject, std::vector<ConsumerLag>& lags) const;
    void add_queue(const Subject& subject, std::int32_t queue_id, ConsumerLag& lag) const;
    std::int64_t count(const Subject& subject, std::int32_t queue_id, std::int64_t from,
                       std::int64_t to) const;
    std::int64_t age_at(const Subject& subject, std::int32_t queue_id, std::int64_t offset) const;

    const Collaborators c_;
};

}  // namespace rmq::broker
