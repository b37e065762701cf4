// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/config_file.h"
#include "common/clock.h"
#include "common/result.h"
#include "common/snapshot.h"
#include "remoting/protocol/body/data_version.h"
#include "remoting/protocol/body/subscription_group_config.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::broker {

struct BrokerConfig;

// The consumer groups of this broker and what is forbidden to them: config/subscriptionGroup.json.
// Thread safety and persistence as TopicConfigManager. Source: SubscriptionGroupManager (5.5.0).
class SubscriptionGroupManager {
public:
    using Table =
        std::map<std::string, std::shared_ptr<const SubscriptionGroupConfig>, std::less<>>;
    // Group to topic to bits; with bit kReadIndex set the group may not read the topic.
    using ForbiddenTable =
        std::map<std::string, std::map<std::string, std::int32_t, std::less<>>, std::less<>>;
    static constexpr int kReadIndex = 2;  // Source: PermName.INDEX_PERM_READ

    // `path` is <store>/config/subscriptionGroup.json. `config` and `clock` outlive the manager.
    SubscriptionGroupManager(const BrokerConfig& config, std::string path, const Clock& clock);
    ~SubscriptionGroupManager();
    SubscriptionGroupManager(const SubscriptionGroupManager&) = delete;
    SubscriptionGroupManager& operator=(const SubscriptionGroupManager&) = delete;

    // From now on every name with %LMQ% is a group with defaults, which is in no table and cannot
    // be changed (enableLmq). Before threads start. Source: LmqSubscriptionGroupManager.
    void enable_light_queues() { has_light_queues_ = true; }

    // Puts the built-in groups, then what the file says. Errors as TopicConfigManager::load().
    Status load();

    // The group, created with defaults when autoCreateSubscriptionGroup allows and the name is
    // valid; null otherwise. Source: findSubscriptionGroupConfig.
    std::shared_ptr<const SubscriptionGroupConfig> find(std::string_view group);
    // The same without creating.
    std::shared_ptr<const SubscriptionGroupConfig> select(std::string_view group) const;
    bool contains(std::string_view group) const { return select(group) != nullptr; }
    std::shared_ptr<const Table> table() const;
    DataVersion data_version() const;

    // Whether bit `index` is set for this group and topic. Source: getForbidden.
    bool is_forbidden(std::string_view group, std::string_view topic, int index) const;
    void set_forbidden(const std::string& group, const std::string& topic, int index,
                       bool forbidden);
    ForbiddenTable forbidden_table() const;

    // Creates or replaces; attributes as TopicConfigManager::update(). Errors: kInvalidArgument.
    Status update(SubscriptionGroupConfig config);
    // All or none, one write.
    Status update_all(std::vector<SubscriptionGroupConfig> configs);
    // False when there was none. What was forbidden to the group goes too.
    bool remove(std::string_view group);
    // Turns consumption of a group off. Source: disableConsume.
    void disable_consume(std::string_view group);

    // SubscriptionGroupWrapper: groups [first, first + count) in name order with what is forbidden
    // to them, and the data version.
    nlohmann::json serialize(std::size_t first = 0, std::size_t count = SIZE_MAX) const;

    // Called after each change was written, to have run_once() called soon. Before threads start.
    void set_write_listener(std::function<void()> listener) {
        file_.set_write_listener(std::move(listener));
    }
    // Syncs what changed since the last turn. May block on the disk.
    Status run_once() { return file_.sync(); }

private:
    struct State {
        Table table;
        ForbiddenTable forbidden;
        DataVersion version;
    };
    std::string encode() const;

    const BrokerConfig& config_;
    const Clock& clock_;
    bool has_light_queues_ = false;  // set before threads start
    Snapshot<State> state_;
    ConfigFile file_;
};

}  // namespace rmq::broker
