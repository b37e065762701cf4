// SPDX-License-Identifier: Apache-2.0
#include "broker/lite/lite_consumer_lag.h"

#include "broker/broker_config.h"
#include "broker/lite/lite_lifecycle_manager.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/pop/pop_store.h"
#include "common/light_queue.h"
#include "common/lite_topic.h"

#include <algorithm>

namespace rmq::broker {

namespace {

std::string lite_topic_of(const std::string& queue) {
    const auto name = parse_lite_queue(queue);
    return std::string(name ? name->lite : std::string_view{});
}

}  // namespace

std::int64_t LiteConsumerLag::messages_left(const std::string& group,
                                            const std::string& queue) const {
    const auto offset = c_.offsets.query({group, queue, kLightQueueId});
    return offset < 0 ? 0 : std::max<std::int64_t>(0, c_.lifecycle.max_offset(queue) - offset);
}

LiteConsumerLag::Lags LiteConsumerLag::by_count(const std::string& group, std::size_t max) const {
    struct Left {
        std::string queue;
        std::int64_t count = 0;
    };
    std::vector<Left> all;
    Lags lags;
    for (const auto& topic : c_.offsets.topics_of_group(group)) {
        if (!is_lite_queue(topic)) {
            continue;
        }
        if (const auto count = messages_left(group, topic); count > 0) {
            all.push_back({topic, count});
            lags.total += count;
        }
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.count > b.count; });
    all.resize(std::min(all.size(), max));
    for (const auto& each : all) {
        const auto offset = c_.offsets.query({group, each.queue, kLightQueueId});
        lags.top.push_back(
            {lite_topic_of(each.queue), each.count,
             c_.store.store_timestamp(each.queue, kLightQueueId, QueueOffset{offset})});
    }
    return lags;
}

LiteConsumerLag::Lags LiteConsumerLag::by_time(const std::string& group, const std::string& topic,
                                               std::size_t max) const {
    std::vector<std::pair<std::int64_t, std::string>> waiting;
    {
        const std::lock_guard lock(mutex_);
        const auto found = next_ms_.find({topic, group});
        if (found != next_ms_.end()) {
            for (const auto& [queue, next_ms] : found->second) {
                waiting.emplace_back(next_ms, queue);
            }
        }
    }
    std::sort(waiting.begin(), waiting.end());
    waiting.resize(std::min(waiting.size(), max));
    Lags lags;
    lags.total = waiting.empty() ? -1 : waiting.front().first;
    for (const auto& [next_ms, queue] : waiting) {
        lags.top.push_back({lite_topic_of(queue), messages_left(group, queue), next_ms});
    }
    return lags;
}

void LiteConsumerLag::note(const Key& key, const std::string& queue, std::int64_t next_ms) {
    const auto max = static_cast<std::size_t>(std::max(0, c_.config.lite_lag_latency_top_k.get()));
    const std::lock_guard lock(mutex_);
    auto& queues = next_ms_[key];
    queues[queue] = next_ms;
    if (queues.size() > max) {
        queues.erase(
            std::max_element(queues.begin(), queues.end(),
                             [](const auto& a, const auto& b) { return a.second < b.second; }));
    }
}

void LiteConsumerLag::forget(const Key& key, const std::string& queue) {
    const std::lock_guard lock(mutex_);
    if (const auto found = next_ms_.find(key); found != next_ms_.end()) {
        found->second.erase(queue);
        if (found->second.empty()) {
            next_ms_.erase(found);
        }
    }
}

}  // namespace rmq::broker
