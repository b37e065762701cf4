// SPDX-License-Identifier: Apache-2.0
#include "broker/filter/consumer_filter_manager.h"

#include "broker/broker_config.h"
#include "common/log.h"
#include "remoting/protocol/body/heartbeat_data.h"
#include "remoting/protocol/body/json_fields.h"

#include "filter/sql_expression.h"
#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace rmq::broker {
namespace {

// Consumers count as gone for this long when the file is loaded.
constexpr std::int64_t kDeadBeforeLoadMs = 30'000;

filter::BloomFilterData parse_bloom(const nlohmann::json& value) {
    filter::BloomFilterData data;
    data.bit_count = json_int32(value, "bitNum", 0);
    for (const auto& position : json_member(value, "bitPos")) {
        data.bit_positions.push_back(position.is_number_integer() ? position.get<std::int32_t>()
                                                                  : -1);
    }
    return data;
}

}  // namespace

ConsumerFilterManager::ConsumerFilterManager(const BrokerConfig& config, std::string path,
                                             const Clock& clock)
    : config_(config),
      clock_(clock),
      bloom_(config.max_error_rate_of_bloom_filter, config.expect_consumer_num_use_filter),
      file_(std::move(path), [this] { return encode(); }) {}

Status ConsumerFilterManager::load() {
    const auto stored = file_.load();
    if (!stored) {
        return stored.error().code == Errc::kNotFound ? Status() : stored.error();
    }
    Topics topics;
    const auto& table = json_member(*stored, "filterDataByTopic");
    for (const auto& [topic, value] : table.items()) {
        if (!parse_topic(topic, value, topics)) {
            log_of("broker").info("consumer_filters_ignored path={} reason=\"other Bloom filter\"",
                                  file_.path());
            return {};
        }
    }
    const std::lock_guard lock(mutex_);
    topics_ = std::move(topics);
    return {};
}

// False when the data was made by another Bloom filter. Source: ConsumerFilterManager.decode.
bool ConsumerFilterManager::parse_topic(std::string_view topic, const nlohmann::json& value,
                                        Topics& topics) const {
    const auto& groups = json_member(value, "groupFilterData");
    for (const auto& [group, data] : groups.items()) {
        Entry entry;
        entry.bloom = parse_bloom(json_member(data, "bloomFilterData"));
        if (!bloom_.is_valid(entry.bloom)) {
            return false;
        }
        entry.expression = json_string(data, "expression");
        entry.expression_type = json_string(data, "expressionType");
        entry.client_version = json_int64(data, "clientVersion", 0);
        entry.born_ms = json_int64(data, "bornTime", 0);
        entry.dead_ms = json_int64(data, "deadTime", 0);
        if (entry.dead_ms == 0) {
            entry.dead_ms = std::max(entry.born_ms, clock_.now_ms() - kDeadBeforeLoadMs);
        }
        auto compiled = compile_expression(entry.expression_type, entry.expression);
        if (!compiled) {
            log_of("broker").warn("consumer_filter_dropped group={} topic={} reason=\"{}\"", group,
                                  topic, compiled.error().remark);
            continue;
        }
        entry.compiled = std::move(*compiled);
        topics[std::string(topic)].insert_or_assign(group, std::move(entry));
    }
    return true;
}

void ConsumerFilterManager::register_group(std::string_view group,
                                           const std::vector<SubscriptionData>& subscriptions) {
    const auto now_ms = clock_.now_ms();
    const std::lock_guard lock(mutex_);
    for (const auto& subscription : subscriptions) {
        if (!is_tag_type(subscription.expression_type) && !subscription.sub_string.empty()) {
            register_topic(group, subscription);
        }
    }
    for (auto& [topic, groups] : topics_) {
        const auto found = groups.find(group);
        const bool is_wanted = std::any_of(subscriptions.begin(), subscriptions.end(),
                                           [&](const auto& sub) { return sub.topic == topic; });
        if (found != groups.end() && !is_wanted && !found->second.is_dead()) {
            found->second.dead_ms = now_ms;
            is_dirty_ = true;
        }
    }
}

// Source: ConsumerFilterManager.FilterDataMapByTopic.register.
void ConsumerFilterManager::register_topic(std::string_view group,
                                           const SubscriptionData& subscription) {
    auto& groups = topics_[subscription.topic];
    const auto old = groups.find(group);
    if (old == groups.end()) {
        add(groups, group, subscription);
        return;
    }
    auto& entry = old->second;
    if (subscription.sub_version < entry.client_version) {
        return;
    }
    const bool is_same = entry.expression == subscription.sub_string &&
                         entry.expression_type == subscription.expression_type;
    if (subscription.sub_version > entry.client_version) {
        if (!is_same) {
            groups.erase(old);  // so that one that does not compile is reported
            is_dirty_ = true;
            add(groups, group, subscription);
            return;
        }
        entry.client_version = subscription.sub_version;
        is_dirty_ = true;
    }
    if (entry.is_dead()) {
        entry.dead_ms = 0;
        is_dirty_ = true;
    }
}

void ConsumerFilterManager::add(Groups& groups, std::string_view group,
                                const SubscriptionData& subscription) {
    auto compiled = compile_expression(subscription.expression_type, subscription.sub_string);
    if (!compiled) {
        static LogLimiter limiter;
        if (const auto admission = limiter.admit(clock_.monotonic_ms()); admission.admitted) {
            log_of("broker").warn(
                "consumer_filter_refused group={} topic={} reason=\"{}\" suppressed={}", group,
                subscription.topic, compiled.error().remark, admission.suppressed);
        }
        return;
    }
    Entry entry;
    entry.expression = subscription.sub_string;
    entry.expression_type = subscription.expression_type;
    entry.compiled = std::move(*compiled);
    entry.born_ms = clock_.now_ms();
    entry.client_version = subscription.sub_version;
    entry.bloom = bloom_.generate(std::string(group) + "#" + subscription.topic);
    log_of("broker").info("consumer_filter_registered group={} topic={}", group,
                          subscription.topic);
    groups.insert_or_assign(std::string(group), std::move(entry));
    is_dirty_ = true;
}

void ConsumerFilterManager::unregister_group(std::string_view group) {
    const auto now_ms = clock_.now_ms();
    const std::lock_guard lock(mutex_);
    for (auto& [topic, groups] : topics_) {
        const auto found = groups.find(group);
        if (found != groups.end() && !found->second.is_dead()) {
            found->second.dead_ms = now_ms;
            is_dirty_ = true;
        }
    }
}

std::optional<ConsumerFilterManager::Found> ConsumerFilterManager::find(
    std::string_view topic, std::string_view group) const {
    const std::lock_guard lock(mutex_);
    const auto groups = topics_.find(topic);
    if (groups == topics_.end()) {
        return std::nullopt;
    }
    const auto entry = groups->second.find(group);
    if (entry == groups->second.end()) {
        return std::nullopt;
    }
    return Found{entry->second.client_version, entry->second.compiled};
}

bool ConsumerFilterManager::clean() {
    const auto now_ms = clock_.now_ms();
    const auto keep_ms = config_.filter_data_clean_time_span.get();
    const std::lock_guard lock(mutex_);
    for (auto& [topic, groups] : topics_) {
        const auto removed = std::erase_if(groups, [&](const auto& item) {
            return item.second.is_dead() && now_ms - item.second.dead_ms >= keep_ms;
        });
        is_dirty_ = is_dirty_ || removed > 0;
    }
    std::erase_if(topics_, [](const auto& item) { return item.second.empty(); });
    return std::exchange(is_dirty_, false);
}

Status ConsumerFilterManager::run_once() {
    if (clean()) {
        file_.mark_dirty();
    }
    return file_.sync();
}

std::string ConsumerFilterManager::encode() const {
    auto table = nlohmann::json::object();
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [topic, groups] : topics_) {
            auto group_table = nlohmann::json::object();
            for (const auto& [group, entry] : groups) {
                group_table[group] = {
                    {"bloomFilterData",
                     {{"bitNum", entry.bloom.bit_count}, {"bitPos", entry.bloom.bit_positions}}},
                    {"bornTime", entry.born_ms},
                    {"clientVersion", entry.client_version},
                    {"consumerGroup", group},
                    {"dead", entry.is_dead()},
                    {"deadTime", entry.dead_ms},
                    {"expression", entry.expression},
                    {"expressionType", entry.expression_type},
                    {"topic", topic}};
            }
            table[topic] = {{"groupFilterData", std::move(group_table)}, {"topic", topic}};
        }
    }
    const nlohmann::json document = {{"filterDataByTopic", std::move(table)}};
    return document.dump(1, '\t', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace rmq::broker
