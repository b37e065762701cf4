// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace rmq::broker {

struct BrokerConfig;
class ConsumerOffsetManager;
class LiteLifecycleManager;
class PopStore;

// How far groups are behind in their lite topics. Thread safety: any thread; one mutex.
// Source: LiteConsumerLagCalculator (5.5.0).
class LiteConsumerLag {
public:
    // Everything outlives it.
    struct Collaborators {
        const BrokerConfig& config;
        const PopStore& store;
        const LiteLifecycleManager& lifecycle;
        const ConsumerOffsetManager& offsets;
    };
    explicit LiteConsumerLag(Collaborators collaborators) : c_(collaborators) {}
    LiteConsumerLag(const LiteConsumerLag&) = delete;
    LiteConsumerLag& operator=(const LiteConsumerLag&) = delete;

    // One lite topic. Source: LiteLagInfo.
    struct Lag {
        std::string lite_topic;
        std::int64_t count = 0;
        std::int64_t earliest_ms = -1;  // store time of the first message not consumed
    };
    struct Lags {
        std::vector<Lag> top;
        std::int64_t total = 0;  // by_count(): messages; by_time(): the earliest time, or -1
    };
    // The `max` lite topics with the most messages left, most first. Blocks on the store.
    Lags by_count(const std::string& group, std::size_t max) const;
    // Those whose messages wait longest, of what note() was told.
    Lags by_time(const std::string& group, const std::string& topic, std::size_t max) const;

    // What a pop left behind: the store time of the next message, or nothing (liteLagLatencyTopK
    // of each group are kept, the earliest).
    struct Key {
        std::string topic;
        std::string group;
        friend auto operator<=>(const Key&, const Key&) = default;
    };
    void note(const Key& key, const std::string& queue, std::int64_t next_ms);
    void forget(const Key& key, const std::string& queue);

private:
    std::int64_t messages_left(const std::string& group, const std::string& queue) const;

    const Collaborators c_;
    mutable std::mutex mutex_;
    std::map<Key, std::map<std::string, std::int64_t>> next_ms_;  // by queue; guarded by mutex_
};

}  // namespace rmq::broker
