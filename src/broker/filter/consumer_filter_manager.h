// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/config_file.h"
#include "broker/filter/message_filter.h"
#include "common/clock.h"
#include "common/result.h"

#include "filter/bloom_filter.h"
#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rmq {
struct SubscriptionData;
}  // namespace rmq

namespace rmq::broker {

struct BrokerConfig;

// The expressions that consumer groups registered by heartbeats, compiled once:
// config/consumerFilter.json. One that does not compile is not kept, so that pulls are told
// FILTER_DATA_NOT_EXIST. Those of groups that left are kept for filterDataCleanTimeSpan.
// Thread safety: any thread, one mutex. Source: ConsumerFilterManager (5.5.0).
class ConsumerFilterManager {
public:
    struct Found {
        std::int64_t client_version = 0;  // ms, subVersion of the heartbeat
        SharedExpression expression;      // never null
    };

    // `path` is <store>/config/consumerFilter.json. `config` and `clock` outlive the manager.
    ConsumerFilterManager(const BrokerConfig& config, std::string path, const Clock& clock);
    ConsumerFilterManager(const ConsumerFilterManager&) = delete;
    ConsumerFilterManager& operator=(const ConsumerFilterManager&) = delete;

    // Errors as TopicConfigManager::load(). A file made with other Bloom filter settings is left
    // out, as the original does.
    Status load();

    // Takes over the subscriptions of one heartbeat; the group's other topics become dead.
    void register_group(std::string_view group, const std::vector<SubscriptionData>& subscriptions);
    // The last member left.
    void unregister_group(std::string_view group);
    // Nothing for groups without an expression for the topic.
    std::optional<Found> find(std::string_view topic, std::string_view group) const;

    // Drops what has been dead for too long and writes the file when anything changed. May block on
    // the disk.
    Status run_once();

private:
    // Source: ConsumerFilterData.
    struct Entry {
        std::string expression;
        std::string expression_type;
        SharedExpression compiled;
        std::int64_t born_ms = 0;
        std::int64_t dead_ms = 0;  // dead when not before born_ms
        std::int64_t client_version = 0;
        filter::BloomFilterData bloom;

        bool is_dead() const { return dead_ms >= born_ms; }
    };
    using Groups = std::map<std::string, Entry, std::less<>>;
    using Topics = std::map<std::string, Groups, std::less<>>;

    void register_topic(std::string_view group, const SubscriptionData& subscription);
    void add(Groups& groups, std::string_view group, const SubscriptionData& subscription);
    bool parse_topic(std::string_view topic, const nlohmann::json& value, Topics& topics) const;
    bool clean();  // whether there is something to write
    std::string encode() const;

    const BrokerConfig& config_;
    const Clock& clock_;
    const filter::BloomFilter bloom_;
    mutable std::mutex mutex_;
    Topics topics_;         // guarded by mutex_
    bool is_dirty_ = true;  // guarded by mutex_; a first start leaves a file behind
    ConfigFile file_;
};

}  // namespace rmq::broker
