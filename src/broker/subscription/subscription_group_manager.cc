// SPDX-License-Identifier: Apache-2.0
#include "broker/subscription/subscription_group_manager.h"

#include "broker/broker_config.h"
#include "broker/topic/attributes.h"
#include "broker/topic/topic_validator.h"
#include "common/light_queue.h"
#include "common/log.h"
#include "remoting/protocol/body/json_fields.h"

#include <nlohmann/json.hpp>

#include <array>
#include <utility>

namespace rmq::broker {

namespace {

using ForbiddenTable = SubscriptionGroupManager::ForbiddenTable;

std::int32_t forbidden_bits(const ForbiddenTable& table, std::string_view group,
                            std::string_view topic) {
    const auto of_group = table.find(group);
    if (of_group == table.end()) {
        return 0;
    }
    const auto bits = of_group->second.find(topic);
    return bits == of_group->second.end() || bits->second < 0 ? 0 : bits->second;
}

ForbiddenTable parse_forbidden_table(const nlohmann::json& object) {
    ForbiddenTable table;
    if (object.is_object()) {
        for (const auto& [group, topics] : object.items()) {
            if (!topics.is_object()) {
                continue;
            }
            for (const auto& [topic, bits] : topics.items()) {
                table[group][topic] = json_int32(topics, topic.c_str(), 0);
            }
        }
    }
    return table;
}

}  // namespace

SubscriptionGroupManager::SubscriptionGroupManager(const BrokerConfig& config, std::string path,
                                                   const Clock& clock)
    : config_(config), clock_(clock), file_(std::move(path), [this] { return encode(); }) {}

SubscriptionGroupManager::~SubscriptionGroupManager() = default;

Status SubscriptionGroupManager::load() {
    State loaded;
    loaded.version.timestamp = clock_.now_ms();
    for (const auto name : kBuiltInGroups) {
        loaded.table[std::string(name)] = std::make_shared<const SubscriptionGroupConfig>(
            make_subscription_group(std::string(name)));
    }
    file_.mark_dirty();  // a first start leaves a file behind
    const auto stored = file_.load();
    if (!stored && stored.error().code != Errc::kNotFound) {
        return stored.error();
    }
    if (stored) {
        const auto& groups = json_member(*stored, "subscriptionGroupTable");
        if (groups.is_object()) {
            for (const auto& [name, value] : groups.items()) {
                RMQ_TRY(auto group, parse_subscription_group_config(value));
                group.group_name = name;
                loaded.table[name] =
                    std::make_shared<const SubscriptionGroupConfig>(std::move(group));
            }
        }
        loaded.forbidden = parse_forbidden_table(json_member(*stored, "forbiddenTable"));
        loaded.version = parse_data_version(json_member(*stored, "dataVersion"));
    }
    log_of("broker").info("groups_loaded path={} count={}", file_.path(), loaded.table.size());
    state_.update([&](State& state) { state = std::move(loaded); });
    return {};
}

std::shared_ptr<const SubscriptionGroupConfig> SubscriptionGroupManager::select(
    std::string_view group) const {
    const auto state = state_.get();
    const auto found = state->table.find(group);
    if (found != state->table.end()) {
        return found->second;
    }
    return has_light_queues_ && is_light_queue(group)
               ? std::make_shared<const SubscriptionGroupConfig>(
                     make_subscription_group(std::string(group)))
               : nullptr;
}

std::shared_ptr<const SubscriptionGroupConfig> SubscriptionGroupManager::find(
    std::string_view group) {
    if (auto existing = select(group)) {
        return existing;
    }
    const bool may_create =
        config_.auto_create_subscription_group ||
        (config_.enable_create_sys_group && group.starts_with(kSystemGroupPrefix));
    if (!may_create || !validate_group(group)) {
        return nullptr;
    }
    bool is_new = false;
    auto result = state_.update([&](State& state) {
        auto& slot = state.table[std::string(group)];
        if (slot == nullptr) {
            slot = std::make_shared<const SubscriptionGroupConfig>(
                make_subscription_group(std::string(group)));
            state.version.next_version(clock_.now_ms());
            is_new = true;
        }
        return slot;
    });
    if (is_new) {
        log_of("broker").info("group_auto_created group={}", group);
        file_.write();
    }
    return result;
}

std::shared_ptr<const SubscriptionGroupManager::Table> SubscriptionGroupManager::table() const {
    auto state = state_.get();
    const Table* table = &state->table;
    return {std::move(state), table};
}

DataVersion SubscriptionGroupManager::data_version() const {
    return state_.get()->version;
}

bool SubscriptionGroupManager::is_forbidden(std::string_view group, std::string_view topic,
                                            int index) const {
    return (forbidden_bits(state_.get()->forbidden, group, topic) & (1 << index)) != 0;
}

void SubscriptionGroupManager::set_forbidden(const std::string& group, const std::string& topic,
                                             int index, bool forbidden) {
    state_.update([&](State& state) {
        std::int32_t bits = forbidden_bits(state.forbidden, group, topic);
        bits = forbidden ? bits | (1 << index) : bits & ~(1 << index);
        if (bits <= 0) {
            // As the original does: clearing the last bit of one topic clears the whole group.
            state.forbidden.erase(group);
        } else {
            state.forbidden[group][topic] = bits;
            state.version.next_version(clock_.now_ms());
        }
    });
    log_of("broker").info("group_forbidden group={} topic={} index={} forbidden={}", group, topic,
                          index, forbidden);
    file_.write();
}

SubscriptionGroupManager::ForbiddenTable SubscriptionGroupManager::forbidden_table() const {
    return state_.get()->forbidden;
}

Status SubscriptionGroupManager::update(SubscriptionGroupConfig config) {
    std::vector<SubscriptionGroupConfig> configs;
    configs.push_back(std::move(config));
    return update_all(std::move(configs));
}

Status SubscriptionGroupManager::update_all(std::vector<SubscriptionGroupConfig> configs) {
    std::erase_if(configs, [this](const SubscriptionGroupConfig& config) {
        return has_light_queues_ && is_light_queue(config.group_name);
    });
    if (configs.empty()) {
        return {};
    }
    const Status status = state_.update([&](State& state) -> Status {
        for (auto& config : configs) {
            const auto found = state.table.find(config.group_name);
            const bool is_new = found == state.table.end();
            RMQ_TRY(config.attributes,
                    alter_attributes(is_new, group_attribute_rules(),
                                     is_new ? Attributes() : found->second->attributes,
                                     config.attributes));
        }
        for (const auto& config : configs) {
            log_of("broker").info("group_updated group={} consume_enable={}", config.group_name,
                                  config.consume_enable);
            state.table[config.group_name] =
                std::make_shared<const SubscriptionGroupConfig>(config);
            state.version.next_version(clock_.now_ms());
        }
        return {};
    });
    if (status) {
        file_.write();
    }
    return status;
}

bool SubscriptionGroupManager::remove(std::string_view group) {
    const bool is_removed = state_.update([&](State& state) {
        if (const auto forbidden = state.forbidden.find(group);
            forbidden != state.forbidden.end()) {
            state.forbidden.erase(forbidden);
        }
        const auto found = state.table.find(group);
        if (found == state.table.end()) {
            return false;
        }
        state.table.erase(found);
        state.version.next_version(clock_.now_ms());
        return true;
    });
    if (is_removed) {
        log_of("broker").info("group_deleted group={}", group);
        file_.write();
    }
    return is_removed;
}

void SubscriptionGroupManager::disable_consume(std::string_view group) {
    const auto existing = select(group);
    if (existing == nullptr || !existing->consume_enable) {
        return;
    }
    state_.update([&](State& state) {
        auto changed = std::make_shared<SubscriptionGroupConfig>(*existing);
        changed->consume_enable = false;
        state.table[changed->group_name] = std::move(changed);
        state.version.next_version(clock_.now_ms());
    });
    file_.write();
}

nlohmann::json SubscriptionGroupManager::serialize(std::size_t first, std::size_t count) const {
    const auto state = state_.get();
    auto groups = nlohmann::json::object();
    auto forbidden = nlohmann::json::object();
    std::size_t position = 0;
    for (const auto& [name, group] : state->table) {
        const std::size_t at = position++;
        if (at < first || at - first >= count) {
            continue;
        }
        groups[name] = to_json(*group);
    }
    // A group may have been forbidden a topic before it existed; only the whole table shows it.
    const bool is_whole = first == 0 && count >= state->table.size();
    for (const auto& [name, topics] : state->forbidden) {
        if (is_whole || groups.contains(name)) {
            forbidden[name] = topics;
        }
    }
    return {{"dataVersion", to_json(state->version)},
            {"forbiddenTable", std::move(forbidden)},
            {"subscriptionGroupTable", std::move(groups)}};
}

std::string SubscriptionGroupManager::encode() const {
    return serialize().dump(1, '\t', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace rmq::broker
