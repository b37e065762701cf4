// SPDX-License-Identifier: Apache-2.0
#include "broker/lite/lite_lifecycle_manager.h"

#include "broker/broker_config.h"
#include "broker/lite/lite_metadata.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/pop/consumer_order_info_manager.h"
#include "broker/pop/pop_store.h"
#include "common/light_queue.h"
#include "common/lite_topic.h"
#include "common/log.h"

#include <set>
#include <utility>

namespace rmq::broker {

namespace {

// Looks at a queue without messages before it goes: one may be about to come.
// Source: AbstractLiteLifecycleManager.MAX_INVALID_SCAN_COUNT
constexpr int kEmptyScansMax = 5;
constexpr std::int64_t kMinuteMs = 60'000;

}  // namespace

LiteLifecycleManager::LiteLifecycleManager(Collaborators collaborators)
    : c_(std::move(collaborators)), start_ms_(c_.clock.monotonic_ms()) {}

std::int64_t LiteLifecycleManager::max_offset(std::string_view queue) const {
    return c_.store.max_offset(queue, kLightQueueId).value;
}

bool LiteLifecycleManager::is_home(std::string_view parent, std::string_view queue) const {
    const auto name = parse_lite_queue(queue);
    return !name || c_.is_home(parent, name->lite);
}

bool LiteLifecycleManager::is_active(std::string_view parent, std::string_view queue) const {
    return is_home(parent, queue) || exists(queue);
}

std::vector<std::string> LiteLifecycleManager::queues_of(std::string_view parent) const {
    std::vector<std::string> names;
    for (auto& [name, queue_id] : c_.store.queues()) {
        if (queue_id != kLightQueueId || !is_lite_queue(name)) {
            continue;
        }
        const auto parts = parse_lite_queue(name);
        if (parent.empty() || (parts && parts->parent == parent)) {
            names.push_back(std::move(name));
        }
    }
    return names;
}

std::size_t LiteLifecycleManager::light_queue_count() const {
    std::size_t count = 0;
    for (const auto& [name, queue_id] : c_.store.queues()) {
        count += is_light_queue(name) ? 1 : 0;
    }
    return count;
}

void LiteLifecycleManager::run_once() {
    if (c_.clock.monotonic_ms() - start_ms_ < c_.config.min_lite_ttl) {
        return;
    }
    const auto ttls = c_.metadata.ttl_by_topic();
    std::vector<std::string> expired;
    for (auto& queue : queues_of({})) {
        const auto name = parse_lite_queue(queue);
        if (!name) {
            continue;
        }
        // A parent that is not of type LITE any more keeps what it has.
        const auto ttl = ttls.find(std::string(name->parent));
        if (is_expired(queue, ttl == ttls.end() ? -1 : ttl->second)) {
            expired.push_back(std::move(queue));
        }
    }
    delete_queues(expired);
}

void LiteLifecycleManager::delete_all_of(std::string_view parent) {
    delete_queues(queues_of(parent));
}

// By the time of the last message alone, consumed or not. Source: isLiteTopicExpired.
bool LiteLifecycleManager::is_expired(const std::string& queue, std::int32_t ttl_minutes) {
    const auto end = max_offset(queue);
    {
        const std::lock_guard lock(mutex_);
        if (end > 0) {
            empty_scans_.erase(queue);
        } else if (++empty_scans_[queue] > kEmptyScansMax) {
            empty_scans_.erase(queue);
            return true;
        } else {
            return false;
        }
    }
    const auto last_ms = c_.store.store_timestamp(queue, kLightQueueId, QueueOffset{end - 1});
    const auto idle_ms = c_.clock.now_ms() - last_ms;
    return ttl_minutes > 0 && idle_ms >= c_.config.min_lite_ttl &&
           idle_ms > ttl_minutes * kMinuteMs;
}

// Source: deleteLmq.
void LiteLifecycleManager::delete_queues(const std::vector<std::string>& queues) {
    if (queues.empty()) {
        return;
    }
    const std::set<std::string, std::less<>> doomed(queues.begin(), queues.end());
    std::vector<PopQueue> consumed;
    c_.offsets.remove_if([&](std::string_view topic, std::string_view group, const auto&) {
        if (!doomed.contains(topic)) {
            return false;
        }
        consumed.push_back({std::string(topic), std::string(group), kLightQueueId});
        return true;
    });
    for (const auto& queue : consumed) {
        c_.order_infos.clear_block(queue);
    }
    for (const auto& queue : queues) {
        c_.store.delete_topic(queue);
        c_.on_deleted(queue);
    }
    log_of("broker").info("lite_topics_deleted count={} first={}", queues.size(), queues.front());
}

}  // namespace rmq::broker
