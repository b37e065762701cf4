// SPDX-License-Identifier: Apache-2.0
#include "broker/pop/consumer_order_info_manager.h"

#include "common/parse_number.h"
#include "remoting/protocol/body/json_fields.h"
#include "remoting/protocol/extra_info.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace rmq::broker {

namespace {

// Source: QueueLevelConsumerManager.CLEAN_SPAN_FROM_LAST
constexpr std::int64_t kForgetAfterMs = 24 * 3'600'000LL;
constexpr std::size_t kOffsetsMax = 64;

nlohmann::json to_json(const OrderInfo& info) {
    nlohmann::json json{{"popTime", info.pop_time},
                        {"i", info.invisible_time},
                        {"l", info.last_consume_ms},
                        {"cm", static_cast<std::int64_t>(info.acked_bits)}};
    auto offsets = nlohmann::json::array();
    for (const auto offset : info.offsets) {
        offsets.push_back(offsets.empty() ? offset : offset - info.offsets.front());
    }
    json["o"] = std::move(offsets);
    const auto by_offset = [](const auto& map) {
        auto object = nlohmann::json::object();
        for (const auto& [offset, value] : map) {
            object[std::to_string(offset)] = value;
        }
        return object;
    };
    if (!info.consumed.empty()) {
        json["oc"] = by_offset(info.consumed);
    }
    if (!info.visible_at.empty()) {
        json["ot"] = by_offset(info.visible_at);
    }
    if (!info.attempt_id.empty()) {
        json["a"] = info.attempt_id;
    }
    return json;
}

template <class Value>
std::map<std::int64_t, Value> parse_by_offset(const nlohmann::json& object) {
    std::map<std::int64_t, Value> map;
    if (object.is_object()) {
        for (const auto& [key, value] : object.items()) {
            const auto offset = parse_number<std::int64_t>(key);
            const auto number = parse_number<Value>(json_scalar_text(value));
            if (offset && number) {
                map[*offset] = *number;
            }
        }
    }
    return map;
}

OrderInfo parse_order_info(const nlohmann::json& json) {
    OrderInfo info;
    info.pop_time = json_int64(json, "popTime", 0);
    info.invisible_time = json_int64(json, "i", 0);
    info.last_consume_ms = json_int64(json, "l", 0);
    info.acked_bits = static_cast<std::uint64_t>(json_int64(json, "cm", 0));
    info.attempt_id = json_string(json, "a");
    info.consumed = parse_by_offset<std::int32_t>(json_member(json, "oc"));
    info.visible_at = parse_by_offset<std::int64_t>(json_member(json, "ot"));
    for (const auto& item : json_member(json, "o")) {
        const auto number = parse_number<std::int64_t>(json_scalar_text(item)).value_or(0);
        info.offsets.push_back(info.offsets.empty() ? number : info.offsets.front() + number);
    }
    info.offsets.resize(std::min(info.offsets.size(), kOffsetsMax));
    return info;
}

}  // namespace

std::int64_t OrderInfo::visible_ms(std::size_t index) const {
    const auto changed = visible_at.find(offsets[index]);
    return changed != visible_at.end() ? changed->second : pop_time + invisible_time;
}

std::int64_t OrderInfo::free_ms(std::int64_t now_ms) const {
    std::int64_t free = now_ms;
    for (std::size_t i = 0; i < offsets.size(); ++i) {
        if (!is_acked(i)) {
            free = std::max(free, visible_ms(i));
        }
    }
    return free;
}

std::int64_t OrderInfo::next_offset() const {
    for (std::size_t i = 0; i < offsets.size(); ++i) {
        if (!is_acked(i)) {
            return offsets[i];
        }
    }
    return offsets.back() + 1;
}

ConsumerOrderInfoManager::ConsumerOrderInfoManager(std::string path, const Clock& clock)
    : clock_(clock), file_(std::move(path), [this] { return encode(); }) {}

Status ConsumerOrderInfoManager::load() {
    const auto stored = file_.load();
    if (!stored) {
        return stored.error().code == Errc::kNotFound ? Status() : stored.error();
    }
    const std::lock_guard lock(mutex_);
    for (const auto& [key, queues] : json_member(*stored, "table").items()) {
        const auto at = key.find('@');
        if (at == std::string::npos || key.find('@', at + 1) != std::string::npos ||
            !queues.is_object()) {
            continue;
        }
        for (const auto& [queue_text, value] : queues.items()) {
            const auto queue_id = parse_number<std::int32_t>(queue_text);
            auto info = parse_order_info(value);
            if (queue_id && !info.offsets.empty()) {
                const PopQueue queue{key.substr(0, at), key.substr(at + 1), *queue_id};
                changed(queue, info);
                infos_[queue] = std::move(info);
            }
        }
    }
    return {};
}

bool ConsumerOrderInfoManager::is_blocked(const PopQueue& queue, std::string_view attempt_id,
                                          std::int64_t invisible_time) {
    const auto now_ms = clock_.now_ms();
    const std::lock_guard lock(mutex_);
    const auto found = infos_.find(queue);
    if (found == infos_.end()) {
        return false;
    }
    auto& info = found->second;
    if (!info.attempt_id.empty() && info.attempt_id == attempt_id) {
        return false;
    }
    if (info.invisible_time <= 0) {
        info.invisible_time = invisible_time;
    }
    return info.free_ms(now_ms) > now_ms;
}

void ConsumerOrderInfoManager::update(const PopQueue& queue, const Pop& pop,
                                      std::string& order_count_info) {
    OrderInfo info;
    info.pop_time = pop.pop_time;
    info.invisible_time = pop.invisible_time;
    info.offsets.assign(pop.offsets.begin(), pop.offsets.end());
    info.last_consume_ms = clock_.now_ms();
    info.attempt_id = pop.attempt_id;
    const auto kind = pop_topic_kind(queue.topic);
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = infos_.find(queue); found != infos_.end()) {
            const auto& before = found->second;
            if (!before.attempt_id.empty() && before.attempt_id == info.attempt_id) {
                info.consumed = before.consumed;
            } else {
                for (const auto offset : info.offsets) {
                    if (std::find(before.offsets.begin(), before.offsets.end(), offset) !=
                        before.offsets.end()) {
                        const auto count = before.consumed.find(offset);
                        info.consumed[offset] =
                            count == before.consumed.end() ? 1 : count->second + 1;
                    }
                }
            }
        }
        changed(queue, info);
        infos_[queue] = info;
    }
    file_.mark_dirty();
    std::int32_t least = info.consumed.size() == info.offsets.size() ? INT32_MAX : 0;
    for (const auto& [offset, count] : info.consumed) {
        add_offset_order_count(order_count_info, kind, queue.queue_id, {offset, count});
        least = std::min(least, count);
    }
    // What old clients read, by queue.
    add_queue_order_count(order_count_info, kind, queue.queue_id, least);
}

ConsumerOrderInfoManager::Committed ConsumerOrderInfoManager::commit(const PopQueue& queue,
                                                                     std::int64_t offset,
                                                                     std::int64_t pop_time) {
    Committed committed;
    {
        const std::lock_guard lock(mutex_);
        const auto found = infos_.find(queue);
        if (found == infos_.end()) {
            return {Commit::kCommitted, offset + 1};
        }
        auto& info = found->second;
        if (info.pop_time != pop_time) {
            return {Commit::kOtherPop, 0};
        }
        const auto at = std::find(info.offsets.begin(), info.offsets.end(), offset);
        if (at == info.offsets.end()) {
            return {Commit::kUnknownOffset, 0};
        }
        info.acked_bits |= std::uint64_t{1} << (at - info.offsets.begin());
        committed.next_offset = info.next_offset();
        changed(queue, info);
    }
    file_.mark_dirty();
    return committed;
}

void ConsumerOrderInfoManager::set_visible_at(const PopQueue& queue, std::int64_t offset,
                                              std::int64_t pop_time, std::int64_t visible_ms) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = infos_.find(queue);
        if (found == infos_.end() || found->second.pop_time != pop_time) {
            return;
        }
        auto& info = found->second;
        // Only what was handed out, so that wild numbers take no memory.
        if (std::find(info.offsets.begin(), info.offsets.end(), offset) == info.offsets.end()) {
            return;
        }
        info.visible_at[offset] = visible_ms;
        changed(queue, info);
    }
    file_.mark_dirty();
}

void ConsumerOrderInfoManager::suspend(const PopQueue& queue, std::int64_t pop_time,
                                       std::int64_t visible_ms) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = infos_.find(queue);
        if (found == infos_.end() || found->second.pop_time != pop_time) {
            return;
        }
        auto& info = found->second;
        for (auto& [offset, count] : info.consumed) {
            count = count > 0 ? count - 1 : count;
        }
        info.visible_at.clear();
        info.invisible_time = visible_ms - info.pop_time;
        changed(queue, info);
    }
    file_.mark_dirty();
}

std::size_t ConsumerOrderInfoManager::size() const {
    const std::lock_guard lock(mutex_);
    return infos_.size();
}

void ConsumerOrderInfoManager::clear_block(const PopQueue& queue) {
    {
        const std::lock_guard lock(mutex_);
        if (infos_.erase(queue) == 0) {
            return;
        }
        free_at_.erase(queue);
    }
    file_.mark_dirty();
}

void ConsumerOrderInfoManager::changed(const PopQueue& queue, const OrderInfo& info) {
    const auto free_ms = info.free_ms(clock_.now_ms());
    free_at_[queue] = free_ms;
    next_free_ms_ = std::min(next_free_ms_, free_ms);
}

std::vector<PopQueue> ConsumerOrderInfoManager::take_freed() {
    const auto now_ms = clock_.now_ms();
    std::vector<PopQueue> freed;
    const std::lock_guard lock(mutex_);
    if (now_ms < next_free_ms_) {
        return freed;
    }
    next_free_ms_ = INT64_MAX;
    for (auto it = free_at_.begin(); it != free_at_.end();) {
        if (it->second <= now_ms) {
            freed.push_back(it->first);
            it = free_at_.erase(it);
        } else {
            next_free_ms_ = std::min(next_free_ms_, it->second);
            ++it;
        }
    }
    return freed;
}

void ConsumerOrderInfoManager::clean(const std::function<bool(const PopQueue&)>& is_known) {
    const auto now_ms = clock_.now_ms();
    std::vector<PopQueue> queues;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [queue, info] : infos_) {
            queues.push_back(queue);
        }
    }
    std::erase_if(queues, is_known);
    bool has_changed = false;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& queue : queues) {
            has_changed = infos_.erase(queue) > 0 || has_changed;
        }
        const auto erased = std::erase_if(infos_, [&](const auto& entry) {
            return now_ms - entry.second.last_consume_ms > kForgetAfterMs;
        });
        has_changed = erased > 0 || has_changed;
    }
    if (has_changed) {
        file_.mark_dirty();
    }
}

std::string ConsumerOrderInfoManager::encode() const {
    auto table = nlohmann::json::object();
    const std::lock_guard lock(mutex_);
    for (const auto& [queue, info] : infos_) {
        table[queue.topic + "@" + queue.group][std::to_string(queue.queue_id)] = to_json(info);
    }
    return dump_json({{"orderInfoCount", table.size()},
                      {"orderedConsumptionLevel", "QUEUE"},
                      {"table", std::move(table)}});
}

}  // namespace rmq::broker
