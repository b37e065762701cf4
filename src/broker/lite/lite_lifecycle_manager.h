// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::broker {

struct BrokerConfig;
class ConsumerOffsetManager;
class ConsumerOrderInfoManager;
class LiteMetadata;
class PopStore;

// Which lite topics there are, and their end: one whose last message is older than the parent's
// lite.topic.expiration goes, with its queue, positions and subscriptions. A broker that has just
// started deletes nothing for minLiteTTl, and nothing is deleted younger than that.
// Thread safety: any thread; one mutex. Source: LiteLifecycleManager (5.5.0).
class LiteLifecycleManager {
public:
    // Everything outlives the manager.
    struct Collaborators {
        const BrokerConfig& config;
        const Clock& clock;
        PopStore& store;
        const LiteMetadata& metadata;
        ConsumerOffsetManager& offsets;
        ConsumerOrderInfoManager& order_infos;
        // Whether this broker is the one of a lite topic, as the parent's route has it.
        std::function<bool(std::string_view parent, std::string_view lite_topic)> is_home;
        std::function<void(const std::string& queue)> on_deleted;
    };
    explicit LiteLifecycleManager(Collaborators collaborators);
    LiteLifecycleManager(const LiteLifecycleManager&) = delete;
    LiteLifecycleManager& operator=(const LiteLifecycleManager&) = delete;

    // The next offset of a lite topic's queue; 0 when there is none.
    std::int64_t max_offset(std::string_view queue) const;
    bool exists(std::string_view queue) const { return max_offset(queue) > 0; }
    // Whether a subscription to it belongs on this broker: its messages are, or will be, here.
    bool is_active(std::string_view parent, std::string_view queue) const;
    bool is_home(std::string_view parent, std::string_view queue) const;
    // Names of queues; all when `parent` is empty.
    std::vector<std::string> queues_of(std::string_view parent) const;
    // Light queues of any kind.
    std::size_t light_queue_count() const;

    // One look at all lite topics. Blocks on the store.
    void run_once();
    // Drops all lite topics of a parent that is deleted.
    void delete_all_of(std::string_view parent);

private:
    bool is_expired(const std::string& queue, std::int32_t ttl_minutes);
    void delete_queues(const std::vector<std::string>& queues);

    const Collaborators c_;
    const std::int64_t start_ms_;  // Clock::monotonic_ms
    std::mutex mutex_;
    std::map<std::string, int> empty_scans_;  // of queues without messages; guarded by mutex_
};

}  // namespace rmq::broker
