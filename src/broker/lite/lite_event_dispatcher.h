// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/lite/lite_subscription_registry.h"
#include "common/clock.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::broker {

struct BrokerConfig;
class ConsumerOffsetManager;
class LiteLifecycleManager;
class LiteMetadata;
class PopLongPollingService;

// Tells clients which of their lite topics have messages. An event is the name of a queue; it goes
// to one client of each group that subscribes, into a set of bounded size that the client's pops
// empty. A client whose set is full gets all its lite topics looked at later (full dispatch); one
// that asks no more loses its events to the others of its group.
// Thread safety: any thread; one mutex, which is not held while others are called.
// Source: LiteEventDispatcher (5.5.0).
class LiteEventDispatcher {
public:
    // Everything outlives the dispatcher.
    struct Collaborators {
        const BrokerConfig& config;
        const Clock& clock;
        const LiteMetadata& metadata;
        const LiteSubscriptionRegistry& registry;
        const LiteLifecycleManager& lifecycle;
        const ConsumerOffsetManager& offsets;
        PopLongPollingService& polling;  // by client
    };
    explicit LiteEventDispatcher(Collaborators collaborators) : c_(collaborators) {}
    LiteEventDispatcher(const LiteEventDispatcher&) = delete;
    LiteEventDispatcher& operator=(const LiteEventDispatcher&) = delete;

    // A message came to, or may be had again from, a lite topic; without `group`, for all groups.
    void dispatch(const std::string& queue, std::optional<std::string_view> group = std::nullopt);
    void on_registered(const LiteClient& client, const std::string& queue);
    void on_gone(const LiteClient& client);

    // The client's next event; nothing when there is none. Notes that the client is alive.
    std::optional<std::string> take(const std::string& client_id);
    // An event that was taken in vain.
    void put_back(const LiteClient& client, const std::string& queue);

    // Looks at all lite topics of a client, or of a group.
    void full_dispatch(const LiteClient& client);
    void full_dispatch_group(const std::string& group);
    // One look at clients that stopped asking, and at full dispatches that are due.
    void run_once();

    // Clock::now_ms of the last pop; -1 for a client without a set.
    std::int64_t last_access_ms(const std::string& client_id) const;
    std::size_t size() const;

private:
    // Source: ClientEventSet.
    struct Events {
        std::string group;
        std::size_t max = 0;
        std::deque<std::string> queues;
        std::set<std::string, std::less<>> known;  // the same, for look-ups
        std::int64_t access_ms = 0;                // Clock::monotonic_ms
        std::int64_t access_wall_ms = 0;

        bool offer(const std::string& queue);
        bool may_block(std::int64_t now_ms) const;
    };
    struct FullDispatch {
        std::string group;
        std::int64_t due_ms = 0;  // Clock::monotonic_ms
    };

    void dispatch_without(const std::string& queue, std::optional<std::string_view> group,
                          std::string_view excluded);
    bool select_and_offer(const std::string& queue, const std::vector<LiteClient>& clients,
                          std::string_view excluded);
    bool offer(const LiteClient& client, const std::string& queue, bool schedules_when_full);
    void wake(const std::string& client_id);
    bool is_blacklisted(const std::string& client_id) const;
    void schedule(const std::string& name, const std::string& group, std::int64_t delay_ms);
    void full_dispatch_wildcard(const std::string& group);
    void redistribute(const std::string& client_id, Events events);
    bool has_messages(const std::string& group, const std::string& queue) const;
    // With mutex_ held.
    Events& events_of(const LiteClient& client, std::size_t max);

    const Collaborators c_;
    mutable std::mutex mutex_;
    std::map<std::string, Events> clients_;                // guarded by mutex_
    std::map<std::string, std::int64_t> blacklist_;        // until when; guarded by mutex_
    std::map<std::string, FullDispatch> full_dispatches_;  // guarded by mutex_
};

}  // namespace rmq::broker
