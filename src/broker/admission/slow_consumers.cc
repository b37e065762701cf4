// SPDX-License-Identifier: Apache-2.0
#include "broker/admission/slow_consumers.h"

#include "broker/broker_config.h"
#include "broker/subscription/subscription_group_manager.h"
#include "common/log.h"

#include <utility>

namespace rmq::broker {

void SlowConsumers::record(std::string_view group, std::string_view topic, std::int32_t queue_id,
                           std::int64_t bytes) {
    if (!config_.disable_consume_if_consumer_read_slowly) {
        return;
    }
    const std::lock_guard lock(mutex_);
    behind_[{std::string(group), std::string(topic), queue_id}] = bytes;
}

void SlowConsumers::run_once() {
    std::map<Key, std::int64_t> behind;
    {
        const std::lock_guard lock(mutex_);
        behind = std::exchange(behind_, {});
    }
    if (!config_.disable_consume_if_consumer_read_slowly) {
        return;
    }
    for (const auto& [key, bytes] : behind) {
        if (bytes > config_.consumer_fallbehind_threshold.get()) {
            const auto& [group, topic, queue_id] = key;
            log_of("broker").warn("slow_consumer_disabled group={} topic={} queueId={} bytes={}",
                                  group, topic, queue_id, bytes);
            groups_.disable_consume(group);
        }
    }
}

}  // namespace rmq::broker
