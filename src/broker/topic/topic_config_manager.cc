// SPDX-License-Identifier: Apache-2.0
#include "broker/topic/topic_config_manager.h"

#include "broker/broker_config.h"
#include "broker/topic/attributes.h"
#include "broker/topic/topic_validator.h"
#include "common/light_queue.h"
#include "common/log.h"
#include "remoting/protocol/body/json_fields.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace rmq::broker {

namespace {

constexpr std::int32_t kReadWrite = perm::kRead | perm::kWrite;
constexpr std::int32_t kScheduleQueues = 18;
constexpr std::int32_t kBenchmarkQueues = 1024;

TopicConfig make_topic(std::string name, std::int32_t queue_nums,
                       std::int32_t topic_perm = kReadWrite) {
    TopicConfig config;
    config.topic_name = std::move(name);
    config.read_queue_nums = queue_nums;
    config.write_queue_nums = queue_nums;
    config.perm = topic_perm;
    return config;
}

// Members of a stored topic that parse_topic_config() does not read.
std::string other_members_of(nlohmann::json object) {
    for (const char* known : {"topicName", "readQueueNums", "writeQueueNums", "perm",
                              "topicFilterType", "topicSysFlag", "order", "attributes"}) {
        object.erase(known);
    }
    return object.empty() ? std::string() : dump_json(object);
}

}  // namespace

TopicConfigManager::TopicConfigManager(const BrokerConfig& config, bool timer_wheel_enable,
                                       std::string path, const Clock& clock)
    : config_(config),
      timer_wheel_enable_(timer_wheel_enable),
      clock_(clock),
      file_(std::move(path), [this] { return encode(); }) {}

TopicConfigManager::~TopicConfigManager() = default;

void TopicConfigManager::set_change_listener(ChangeListener listener) {
    listener_ = std::move(listener);
}

Status TopicConfigManager::load() {
    put_built_in_topics();
    file_.mark_dirty();  // a first start leaves a file behind
    const auto stored = file_.load();
    if (!stored) {
        return stored.error().code == Errc::kNotFound ? Status() : stored.error();
    }
    RMQ_TRY(auto wrapper, parse_topic_config_wrapper(*stored));
    const auto& objects = json_member(*stored, "topicConfigTable");
    state_.update([&](State& state) {
        for (auto& [name, topic] : wrapper.topic_config_table) {
            topic.topic_name = name;
            if (auto others = other_members_of(objects.at(name)); !others.empty()) {
                state.other_members[name] = std::move(others);
            }
            state.table[name] = std::make_shared<const TopicConfig>(std::move(topic));
        }
        state.version = wrapper.data_version;
    });
    log_of("broker").info("topics_loaded path={} count={}", file_.path(), table()->size());
    return {};
}

void TopicConfigManager::put_built_in_topics() {
    const std::string& cluster = config_.broker_cluster_name;
    const std::string& broker = config_.broker_name;
    const auto own_perm = [](bool enabled) { return perm::kInherit | (enabled ? kReadWrite : 0); };
    const auto name = [](std::string_view text) { return std::string(text); };

    std::vector<TopicConfig> topics;
    topics.push_back(make_topic(name(topic_name::kSelfTest), 1));
    if (config_.auto_create_topic_enable) {
        topics.push_back(make_topic(name(topic_name::kAutoCreateKey),
                                    config_.default_topic_queue_nums, own_perm(true)));
    }
    topics.push_back(make_topic(name(topic_name::kBenchmark), kBenchmarkQueues));
    topics.push_back(make_topic(cluster, 16, own_perm(config_.cluster_topic_enable)));
    topics.push_back(make_topic(broker, 1, own_perm(config_.broker_topic_enable)));
    topics.push_back(make_topic(name(topic_name::kOffsetMovedEvent), 1));
    topics.push_back(make_topic(name(topic_name::kSchedule), kScheduleQueues));
    if (config_.trace_topic_enable) {
        topics.push_back(make_topic(config_.msg_trace_topic_name, 1));
    }
    topics.push_back(make_topic(cluster + name(topic_name::kReplySuffix), 1));
    topics.push_back(
        make_topic(name(topic_name::kReviveLogPrefix) + cluster, config_.revive_queue_num));
    topics.push_back(
        make_topic(name(topic_name::kSyncBrokerMemberPrefix) + broker, 1, perm::kInherit));
    topics.push_back(make_topic(name(topic_name::kTransHalf), 1));
    topics.push_back(make_topic(name(topic_name::kTransOpHalf), 1));
    // The original makes these two whether or not its RocksDB transactions are in use.
    topics.push_back(make_topic(name(topic_name::kRocksdbTransHalf), 1));
    topics.push_back(make_topic(name(topic_name::kRocksdbTransOpHalf), 1));
    if (timer_wheel_enable_) {
        topics.push_back(make_topic(name(topic_name::kTimer), 1));
    }
    state_.update([&](State& state) {
        state.version.timestamp = clock_.now_ms();
        for (auto& topic : topics) {
            built_in_.insert(topic.topic_name);
            auto stored = std::make_shared<const TopicConfig>(std::move(topic));
            state.table[stored->topic_name] = stored;
        }
    });
}

std::shared_ptr<const TopicConfig> TopicConfigManager::select(std::string_view topic) const {
    const auto state = state_.get();
    const auto found = state->table.find(topic);
    if (found != state->table.end()) {
        return found->second;
    }
    if (!has_light_queues_ || !is_light_queue(topic)) {
        return nullptr;
    }
    auto light = std::make_shared<TopicConfig>();
    light->topic_name = topic;
    light->read_queue_nums = 1;
    light->write_queue_nums = 1;
    light->perm = perm::kRead | perm::kWrite;
    return light;
}

std::shared_ptr<const TopicConfigManager::Table> TopicConfigManager::table() const {
    auto state = state_.get();
    const Table* table = &state->table;
    return {std::move(state), table};
}

DataVersion TopicConfigManager::data_version() const {
    return state_.get()->version;
}

void TopicConfigManager::written(const std::vector<TopicConfig>& changed) {
    file_.write();
    if (listener_ && !changed.empty()) {
        listener_(changed, data_version());
    }
}

template <class Make>
TopicConfigManager::Created TopicConfigManager::create_if_absent(std::string_view topic,
                                                                 Make&& make) {
    if (auto existing = select(topic)) {
        return existing;
    }
    // Without a copy of the table when nothing may be made: a client can ask for that at will.
    if (!make(*table())) {
        return nullptr;
    }
    bool is_new = false;
    auto result = state_.update([&](State& state) -> Created {
        if (const auto found = state.table.find(topic); found != state.table.end()) {
            return found->second;
        }
        std::optional<TopicConfig> made = make(state.table);
        if (!made) {
            return nullptr;
        }
        is_new = true;
        auto created = std::make_shared<const TopicConfig>(std::move(*made));
        state.table[created->topic_name] = created;
        state.version.next_version(clock_.now_ms());
        return created;
    });
    if (is_new) {
        log_of("broker").info("topic_created topic={} read_queues={} write_queues={} perm={}",
                              result->topic_name, result->read_queue_nums, result->write_queue_nums,
                              result->perm);
        written({*result});
    }
    return result;
}

std::shared_ptr<const TopicConfig> TopicConfigManager::create_in_send(
    const CreateTopicInSend& wish) {
    return create_if_absent(wish.topic, [&](const Table& table) -> std::optional<TopicConfig> {
        const auto found = table.find(wish.default_topic);
        if (found == table.end()) {
            return std::nullopt;
        }
        const TopicConfig& model = *found->second;
        const bool may_inherit =
            (model.perm & perm::kInherit) != 0 &&
            (wish.default_topic != topic_name::kAutoCreateKey || config_.auto_create_topic_enable);
        if (!may_inherit) {
            return std::nullopt;
        }
        const std::int32_t queue_nums =
            std::max(0, std::min(wish.default_topic_queue_nums, model.write_queue_nums));
        TopicConfig made =
            make_topic(std::string(wish.topic), queue_nums, model.perm & ~perm::kInherit);
        made.topic_sys_flag = wish.topic_sys_flag;
        made.topic_filter_type = model.topic_filter_type;
        return made;
    });
}

std::shared_ptr<const TopicConfig> TopicConfigManager::create_in_send_back(
    std::string_view topic, std::int32_t queue_nums, std::int32_t topic_perm,
    std::int32_t topic_sys_flag) {
    return create_if_absent(topic, [&](const Table&) -> std::optional<TopicConfig> {
        TopicConfig made = make_topic(std::string(topic), queue_nums, topic_perm);
        made.topic_sys_flag = topic_sys_flag;
        return made;
    });
}

Status TopicConfigManager::update(TopicConfig config) {
    std::vector<TopicConfig> configs;
    configs.push_back(std::move(config));
    return update_all(std::move(configs));
}

Status TopicConfigManager::update_all(std::vector<TopicConfig> configs) {
    std::erase_if(configs, [this](const TopicConfig& config) {
        return has_light_queues_ && is_light_queue(config.topic_name);
    });
    if (configs.empty()) {
        return {};
    }
    const Status status = state_.update([&](State& state) -> Status {
        for (auto& config : configs) {
            const auto found = state.table.find(config.topic_name);
            const bool is_new = found == state.table.end();
            RMQ_TRY(config.attributes,
                    alter_attributes(is_new, topic_attribute_rules(),
                                     is_new ? Attributes() : found->second->attributes,
                                     config.attributes));
            // Only tiered storage can keep a topic longer than the log.
            // Source: TopicConfigManager.updateTieredStoreTopicMetadata.
            if (config.attributes.contains("reserve.time")) {
                return Error{Errc::kInvalidArgument, "Update topic reserveTime not supported"};
            }
        }
        for (const auto& config : configs) {
            state.table[config.topic_name] = std::make_shared<const TopicConfig>(config);
            state.version.next_version(clock_.now_ms());
        }
        return {};
    });
    if (status) {
        for (const auto& config : configs) {
            log_of("broker").info("topic_updated topic={} read_queues={} write_queues={} perm={}",
                                  config.topic_name, config.read_queue_nums,
                                  config.write_queue_nums, config.perm);
        }
        written(configs);
    }
    return status;
}

bool TopicConfigManager::remove(std::string_view topic) {
    const bool is_removed = state_.update([&](State& state) {
        const auto found = state.table.find(topic);
        if (found == state.table.end()) {
            return false;
        }
        state.table.erase(found);
        if (const auto others = state.other_members.find(topic);
            others != state.other_members.end()) {
            state.other_members.erase(others);
        }
        state.version.next_version(clock_.now_ms());
        return true;
    });
    if (is_removed) {
        log_of("broker").info("topic_deleted topic={}", topic);
        written({});
    }
    return is_removed;
}

void TopicConfigManager::mark_ordered(const std::vector<std::string>& topics) {
    const auto is_candidate = [](const Table& table, const std::string& name) {
        const auto found = table.find(name);
        return found != table.end() && !found->second->order;
    };
    // The NameServer sends the list with every registration: no copy when nothing is new.
    const auto now = table();
    if (std::none_of(topics.begin(), topics.end(),
                     [&](const auto& name) { return is_candidate(*now, name); })) {
        return;
    }
    state_.update([&](State& state) {
        for (const auto& name : topics) {
            if (is_candidate(state.table, name)) {
                auto ordered = std::make_shared<TopicConfig>(*state.table[name]);
                ordered->order = true;
                state.table[name] = std::move(ordered);
            }
        }
        state.version.next_version(clock_.now_ms());
    });
    written({});
}

void TopicConfigManager::bump_data_version() {
    state_.update([&](State& state) { state.version.next_version(clock_.now_ms()); });
    file_.write();
}

bool TopicConfigManager::is_system_topic(std::string_view topic) const {
    const auto common = common_system_topics();
    return topic.starts_with(topic_name::kSystemPrefix) ||
           std::find(common.begin(), common.end(), topic) != common.end() ||
           built_in_.contains(topic);
}

std::set<std::string> TopicConfigManager::system_topics() const {
    std::set<std::string> topics(built_in_.begin(), built_in_.end());
    const auto common = common_system_topics();
    topics.insert(common.begin(), common.end());
    return topics;
}

TopicConfigSerializeWrapper TopicConfigManager::serialize() const {
    const auto state = state_.get();
    TopicConfigSerializeWrapper wrapper;
    wrapper.data_version = state->version;
    wrapper.mapping_data_version.timestamp = state->version.timestamp;
    for (const auto& [name, topic] : state->table) {
        wrapper.topic_config_table.emplace_hint(wrapper.topic_config_table.end(), name, *topic);
    }
    return wrapper;
}

std::string TopicConfigManager::encode() const {
    const auto state = state_.get();
    auto topics = nlohmann::json::object();
    for (const auto& [name, topic] : state->table) {
        topics[name] = to_json(*topic);
    }
    for (const auto& [name, others] : state->other_members) {
        if (topics.contains(name)) {
            topics[name].update(nlohmann::json::parse(others));
        }
    }
    const nlohmann::json document{{"dataVersion", to_json(state->version)},
                                  {"topicConfigTable", std::move(topics)}};
    return document.dump(1, '\t', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace rmq::broker
