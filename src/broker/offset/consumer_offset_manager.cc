// SPDX-License-Identifier: Apache-2.0
#include "broker/offset/consumer_offset_manager.h"

#include "broker/broker_config.h"
#include "common/light_queue.h"
#include "common/log.h"
#include "common/parse_number.h"
#include "remoting/protocol/body/json_fields.h"

#include <boost/container/small_vector.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace rmq::broker {

namespace {

constexpr const char* kLightTable = "lmqOffsetTable";

constexpr char kSeparator = '@';

constexpr std::size_t kCutsLogged = 3;

// "topic@group" without an allocation for names of the allowed lengths.
class Key {
public:
    Key(std::string_view topic, std::string_view group) {
        text_.reserve(topic.size() + group.size() + 1);
        text_.insert(text_.end(), topic.begin(), topic.end());
        text_.push_back(kSeparator);
        text_.insert(text_.end(), group.begin(), group.end());
    }
    std::string_view view() const { return {text_.data(), text_.size()}; }

private:
    boost::container::small_vector<char, 256> text_;
};

struct TopicAndGroup {
    std::string_view topic;
    std::string_view group;
};

// Nothing unless there is exactly one separator, as String.split and length 2 decide.
std::optional<TopicAndGroup> split_key(std::string_view key) {
    const auto at = key.find(kSeparator);
    if (at == std::string_view::npos || key.find(kSeparator, at + 1) != std::string_view::npos) {
        return std::nullopt;
    }
    return TopicAndGroup{key.substr(0, at), key.substr(at + 1)};
}

std::optional<std::int64_t> value_at(const ConsumerOffsetManager::Offsets& offsets,
                                     std::int32_t queue_id) {
    const auto found = offsets.find(queue_id);
    return found == offsets.end() ? std::nullopt : std::optional(found->second);
}

nlohmann::json offsets_json(const ConsumerOffsetManager::Offsets& offsets) {
    auto object = nlohmann::json::object();
    for (const auto& [queue_id, offset] : offsets) {
        object[std::to_string(queue_id)] = offset;
    }
    return object;
}

ConsumerOffsetManager::Offsets parse_offsets(const nlohmann::json& object) {
    ConsumerOffsetManager::Offsets offsets;
    if (object.is_object()) {
        for (const auto& [key, value] : object.items()) {
            if (const auto queue_id = parse_number<std::int32_t>(key)) {
                offsets[*queue_id] = json_int64(object, key.c_str(), 0);
            }
        }
    }
    return offsets;
}

}  // namespace

ConsumerOffsetManager::ConsumerOffsetManager(const BrokerConfig& config, std::string path,
                                             const Clock& clock)
    : config_(config), clock_(clock), file_(std::move(path), [this] { return encode(); }) {}

ConsumerOffsetManager::~ConsumerOffsetManager() = default;

Status ConsumerOffsetManager::load() {
    version_.timestamp = clock_.now_ms();
    is_dirty_ = true;  // a first start leaves a file behind
    auto stored = file_.load();
    if (!stored) {
        return stored.error().code == Errc::kNotFound ? Status() : stored.error();
    }
    version_ = parse_data_version(json_member(*stored, "dataVersion"));
    std::size_t count = 0;
    for (const char* member : {"offsetTable", "pullOffsetTable"}) {
        const auto& table = json_member(*stored, member);
        if (!table.is_object()) {
            continue;
        }
        const bool is_pull = member[0] == 'p';
        for (const auto& [key, value] : table.items()) {
            Entry& entry = shard_of(key).entries[key];
            (is_pull ? entry.pulled : entry.committed.emplace()) = parse_offsets(value);
            count += is_pull ? 0 : 1;
        }
    }
    for (const char* known : {"dataVersion", "offsetTable", "pullOffsetTable", "groupTopicMap"}) {
        stored->erase(known);
    }
    if (has_light_queues_) {
        load_light_queues(json_member(*stored, kLightTable));
        stored->erase(kLightTable);
    }
    other_members_ = stored->empty() ? std::string() : dump_json(*stored);
    log_of("broker").info("offsets_loaded path={} count={}", file_.path(), count);
    return {};
}

ConsumerOffsetManager::Shard& ConsumerOffsetManager::shard_of(std::string_view key) const {
    return shards_[KeyHash{}(key) % kShards];
}

void ConsumerOffsetManager::count_change() {
    is_dirty_.store(true, std::memory_order_release);
    const std::int64_t step =
        std::max<std::int64_t>(1, config_.consumer_offset_update_version_step);
    if ((changes_.fetch_add(1, std::memory_order_relaxed) + 1) % step == 0) {
        const std::lock_guard lock(version_mutex_);
        version_.next_version(clock_.now_ms());
    }
}

void ConsumerOffsetManager::commit(const GroupQueue& queue, std::int64_t offset) {
    const Key key(queue.topic, queue.group);
    Shard& shard = shard_of(key.view());
    std::optional<std::int64_t> before;
    {
        const std::lock_guard lock(shard.mutex);
        auto found = shard.entries.find(key.view());
        if (found == shard.entries.end()) {
            found = shard.entries.try_emplace(std::string(key.view())).first;
        }
        auto& committed = found->second.committed;
        if (!committed) {
            committed.emplace();
        }
        const auto [slot, is_new] = committed->try_emplace(queue.queue_id, offset);
        if (!is_new) {
            before = slot->second;
            slot->second = offset;
        }
    }
    if (before && offset < *before) {
        log_of("broker").warn("offset_moved_back group={} topic={} queue={} from={} to={}",
                              queue.group, queue.topic, queue.queue_id, *before, offset);
    }
    if (!before || *before != offset) {
        count_change();
    }
}

void ConsumerOffsetManager::commit_pull(const GroupQueue& queue, std::int64_t offset) {
    const Key key(queue.topic, queue.group);
    Shard& shard = shard_of(key.view());
    const std::lock_guard lock(shard.mutex);
    auto found = shard.entries.find(key.view());
    if (found == shard.entries.end()) {
        found = shard.entries.try_emplace(std::string(key.view())).first;
    }
    found->second.pulled[queue.queue_id] = offset;
}

std::int64_t ConsumerOffsetManager::query(const GroupQueue& queue) const {
    const Key key(queue.topic, queue.group);
    const Shard& shard = shard_of(key.view());
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.entries.find(key.view());
    if (found == shard.entries.end()) {
        return -1;
    }
    const Entry& entry = found->second;
    if (config_.use_server_side_reset_offset) {
        if (const auto reset = value_at(entry.reset, queue.queue_id)) {
            return *reset;
        }
    }
    return entry.committed ? value_at(*entry.committed, queue.queue_id).value_or(-1) : -1;
}

std::int64_t ConsumerOffsetManager::query_pull(const GroupQueue& queue) const {
    const Key key(queue.topic, queue.group);
    {
        const Shard& shard = shard_of(key.view());
        const std::lock_guard lock(shard.mutex);
        const auto found = shard.entries.find(key.view());
        if (found != shard.entries.end()) {
            if (const auto pulled = value_at(found->second.pulled, queue.queue_id)) {
                return *pulled;
            }
        }
    }
    return query(queue);
}

void ConsumerOffsetManager::assign_reset(const GroupQueue& queue, std::int64_t offset) {
    if (queue.topic.empty() || queue.group.empty() || queue.queue_id < 0 || offset < 0) {
        return;
    }
    const Key key(queue.topic, queue.group);
    Shard& shard = shard_of(key.view());
    {
        const std::lock_guard lock(shard.mutex);
        Entry& entry = shard.entries[std::string(key.view())];
        entry.reset[queue.queue_id] = offset;
        if (!entry.committed) {
            entry.committed.emplace();
        }
        (*entry.committed)[queue.queue_id] = offset;
    }
    count_change();
}

bool ConsumerOffsetManager::has_reset(const GroupQueue& queue) const {
    const Key key(queue.topic, queue.group);
    const Shard& shard = shard_of(key.view());
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.entries.find(key.view());
    return found != shard.entries.end() && found->second.reset.contains(queue.queue_id);
}

std::optional<std::int64_t> ConsumerOffsetManager::take_reset(const GroupQueue& queue) {
    const Key key(queue.topic, queue.group);
    Shard& shard = shard_of(key.view());
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.entries.find(key.view());
    if (found == shard.entries.end()) {
        return std::nullopt;
    }
    const auto reset = value_at(found->second.reset, queue.queue_id);
    found->second.reset.erase(queue.queue_id);
    return reset;
}

std::optional<ConsumerOffsetManager::Offsets> ConsumerOffsetManager::offsets_of(
    std::string_view group, std::string_view topic) const {
    const Key key(topic, group);
    const Shard& shard = shard_of(key.view());
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.entries.find(key.view());
    return found == shard.entries.end() ? std::nullopt : found->second.committed;
}

std::set<std::string> ConsumerOffsetManager::topics_of_group(std::string_view group) const {
    std::set<std::string> topics;
    for (const Shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        for (const auto& [key, entry] : shard.entries) {
            const auto parts = split_key(key);
            if (parts && parts->group == group && entry.committed) {
                topics.emplace(parts->topic);
            }
        }
    }
    return topics;
}

std::set<std::string> ConsumerOffsetManager::groups_of_topic(std::string_view topic) const {
    std::set<std::string> groups;
    for (const Shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        for (const auto& [key, entry] : shard.entries) {
            const auto parts = split_key(key);
            if (parts && parts->topic == topic && entry.committed) {
                groups.emplace(parts->group);
            }
        }
    }
    return groups;
}

template <class Predicate>
std::size_t ConsumerOffsetManager::erase_entries(Predicate&& is_unwanted) {
    std::size_t erased = 0;
    for (Shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        erased += std::erase_if(shard.entries, [&](const auto& item) {
            const auto parts = split_key(item.first);
            return parts && is_unwanted(*parts, item.second);
        });
    }
    if (erased > 0) {
        count_change();
    }
    return erased;
}

void ConsumerOffsetManager::remove_group(std::string_view group) {
    const auto count =
        erase_entries([&](const auto& parts, const Entry&) { return parts.group == group; });
    log_of("broker").info("offsets_removed group={} topics={}", group, count);
}

std::size_t ConsumerOffsetManager::size() const {
    std::size_t size = 0;
    for (Shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        size += static_cast<std::size_t>(
            std::count_if(shard.entries.begin(), shard.entries.end(),
                          [](const auto& item) { return item.second.committed.has_value(); }));
    }
    return size;
}

void ConsumerOffsetManager::remove_topic(std::string_view topic) {
    const auto count =
        erase_entries([&](const auto& parts, const Entry&) { return parts.topic == topic; });
    log_of("broker").info("offsets_removed topic={} groups={}", topic, count);
}

std::size_t ConsumerOffsetManager::remove_if(
    const std::function<bool(std::string_view topic, std::string_view group, const Offsets&)>&
        is_obsolete) {
    return erase_entries([&](const auto& parts, const Entry& entry) {
        return entry.committed && is_obsolete(parts.topic, parts.group, *entry.committed);
    });
}

std::size_t ConsumerOffsetManager::cut_to_ends(
    const std::function<std::int64_t(std::string_view topic, std::int32_t queue_id)>& max_offset) {
    std::size_t cut = 0;
    for (Shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        for (auto& [key, entry] : shard.entries) {
            const auto parts = split_key(key);
            if (!parts || !entry.committed) {
                continue;
            }
            for (auto& [queue_id, offset] : *entry.committed) {
                const std::int64_t end = max_offset(parts->topic, queue_id);
                if (offset <= end) {
                    continue;
                }
                if (++cut <= kCutsLogged) {
                    log_of("broker").warn(
                        "position_behind_end topic={} group={} queue={} position={} set_to={}",
                        parts->topic, parts->group, queue_id, offset, end);
                }
                offset = end;
            }
        }
    }
    if (cut != 0) {
        log_of("broker").warn("positions_behind_end count={}", cut);
        count_change();
    }
    return cut;
}

void ConsumerOffsetManager::clear_pull(std::string_view group, std::string_view topic) {
    const Key key(topic, group);
    Shard& shard = shard_of(key.view());
    const std::lock_guard lock(shard.mutex);
    if (const auto found = shard.entries.find(key.view()); found != shard.entries.end()) {
        found->second.pulled.clear();
    }
}

void ConsumerOffsetManager::clone(std::string_view from_group, std::string_view to_group,
                                  std::string_view topic) {
    auto offsets = offsets_of(from_group, topic);
    if (!offsets) {
        return;
    }
    const Key key(topic, to_group);
    {
        Shard& shard = shard_of(key.view());
        const std::lock_guard lock(shard.mutex);
        shard.entries[std::string(key.view())].committed = std::move(offsets);
    }
    count_change();
}

DataVersion ConsumerOffsetManager::data_version() const {
    const std::lock_guard lock(version_mutex_);
    return version_;
}

nlohmann::json ConsumerOffsetManager::serialize() const {
    auto committed = nlohmann::json::object();
    auto pulled = nlohmann::json::object();
    auto topics_by_group = nlohmann::json::object();
    auto light = nlohmann::json::object();
    for (const Shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        for (const auto& [key, entry] : shard.entries) {
            const auto parts = split_key(key);
            if (entry.committed && has_light_queues_ && parts && is_light_queue(parts->group) &&
                entry.committed->size() == 1 && entry.committed->contains(kLightQueueId)) {
                light[key] = entry.committed->at(kLightQueueId);
            } else if (entry.committed) {
                committed[key] = offsets_json(*entry.committed);
                if (parts) {
                    topics_by_group[std::string(parts->group)].push_back(parts->topic);
                }
            }
            if (!entry.pulled.empty()) {
                pulled[key] = offsets_json(entry.pulled);
            }
        }
    }
    nlohmann::json all{{"dataVersion", to_json(data_version())},
                       {"groupTopicMap", std::move(topics_by_group)},
                       {"offsetTable", std::move(committed)},
                       {"pullOffsetTable", std::move(pulled)}};
    if (has_light_queues_) {
        all[kLightTable] = std::move(light);
    }
    return all;
}

void ConsumerOffsetManager::load_light_queues(const nlohmann::json& table) {
    if (!table.is_object()) {
        return;
    }
    for (const auto& [key, offset] : table.items()) {
        if (offset.is_number_integer()) {
            auto& committed = shard_of(key).entries[key].committed;
            committed = committed.value_or(Offsets());
            (*committed)[kLightQueueId] = offset.get<std::int64_t>();
        }
    }
}

std::string ConsumerOffsetManager::encode() const {
    nlohmann::json document = serialize();
    if (!other_members_.empty()) {
        document.update(nlohmann::json::parse(other_members_));
    }
    return document.dump(1, '\t', false, nlohmann::json::error_handler_t::replace);
}

Status ConsumerOffsetManager::run_once() {
    if (is_dirty_.exchange(false, std::memory_order_acq_rel)) {
        file_.mark_dirty();
    }
    return file_.sync();
}

}  // namespace rmq::broker
