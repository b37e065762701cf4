// SPDX-License-Identifier: Apache-2.0
#include "broker/lite/lite_home.h"

#include "broker/pop/topic_route_info_manager.h"
#include "common/java_string.h"

#include <utility>

namespace rmq::broker {

// Jump hash over a linear congruential generator.
std::int32_t consistent_hash(std::int64_t number, std::int32_t buckets) {
    auto state = static_cast<std::uint64_t>(number);
    std::int32_t candidate = 0;
    for (;;) {
        state = 2862933555777941757ULL * state + 1;
        const double fraction =
            static_cast<double>(static_cast<std::int32_t>(state >> 33U) + 1) / 2147483648.0;
        const double next = static_cast<double>(candidate + 1) / fraction;
        if (next < 0 || next >= static_cast<double>(buckets)) {
            return candidate;
        }
        candidate = static_cast<std::int32_t>(next);
    }
}

LiteHome::LiteHome(std::string broker_name, const Clock& clock, TopicRouteInfoManager& routes)
    : broker_name_(std::move(broker_name)),
      clock_(clock),
      routes_(routes),
      known_(std::make_shared<Known>()) {}

void LiteHome::ask(std::string_view parent) const {
    {
        const auto now_ms = clock_.monotonic_ms();
        const std::lock_guard lock(known_->mutex);
        auto& next_ms = known_->next_ask_ms.try_emplace(std::string(parent), now_ms).first->second;
        if (now_ms < next_ms) {
            return;
        }
        next_ms = now_ms + TopicRouteInfoManager::kFreshMs;
    }
    std::string topic(parent);
    routes_.find_queues(topic, [known = known_, topic](TopicRouteInfoManager::Queues queues) {
        std::vector<std::string> brokers;
        for (const auto& queue : queues.value_or(std::set<MessageQueue>{})) {
            brokers.push_back(queue.broker_name);
        }
        const std::lock_guard lock(known->mutex);
        known->brokers[topic] = std::move(brokers);
    });
}

bool LiteHome::is_home(std::string_view parent, std::string_view lite_topic) const {
    ask(parent);
    const std::lock_guard lock(known_->mutex);
    const auto found = known_->brokers.find(parent);
    if (found == known_->brokers.end() || found->second.empty()) {
        return true;
    }
    const auto bucket = consistent_hash(java_string_hash(lite_topic),
                                        static_cast<std::int32_t>(found->second.size()));
    return found->second[static_cast<std::size_t>(bucket)] == broker_name_;
}

}  // namespace rmq::broker
