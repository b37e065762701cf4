// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "common/result.h"
#include "remoting/connection.h"
#include "remoting/protocol/body/lite_subscription.h"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::broker {

struct BrokerConfig;
class ConsumerOffsetManager;
class ConsumerOrderInfoManager;
class LiteLifecycleManager;
class LiteMetadata;

// A client of a group. Source: ClientGroup.
struct LiteClient {
    std::string client_id;
    std::string group;

    friend auto operator<=>(const LiteClient&, const LiteClient&) = default;
};

// Which clients subscribe to which lite topics. A client says so again every 30 seconds, and is
// forgotten when it has not for liteSubscriptionCheckTimeoutMills; nothing is kept over a restart.
// A wildcard group's clients are under "parent@group" in place of lite topics.
// Thread safety: any thread; one mutex. Listeners run without it, on the calling thread.
// Source: LiteSubscriptionRegistryImpl (5.5.0), but for one thing: a client of an exclusive group
// that subscribes again to what it has keeps it, where the original takes it away from the client
// itself.
class LiteSubscriptionRegistry {
public:
    // Everything outlives the registry.
    struct Collaborators {
        const BrokerConfig& config;
        const Clock& clock;
        const LiteMetadata& metadata;
        LiteLifecycleManager& lifecycle;
        ConsumerOffsetManager& offsets;
        ConsumerOrderInfoManager& order_infos;
    };
    explicit LiteSubscriptionRegistry(Collaborators collaborators) : c_(collaborators) {}
    LiteSubscriptionRegistry(const LiteSubscriptionRegistry&) = delete;
    LiteSubscriptionRegistry& operator=(const LiteSubscriptionRegistry&) = delete;

    struct Listener {
        std::function<void(const LiteClient&, const std::string& queue)> on_registered;
        // All that a client had.
        std::function<void(const LiteClient&)> on_gone;
    };
    // Before any request is served.
    void set_listener(Listener listener) { listener_ = std::move(listener); }

    // A change as it was asked for, by queues in place of lite topics.
    struct Change {
        LiteClient client;
        std::string topic;  // the parent
        std::vector<std::string> queues;
        std::optional<LiteOffsetOption> offset_option;  // of add() only
    };
    // Where the client of a lost subscription is told so.
    void set_connection(const std::string& client_id,
                        const std::shared_ptr<Connection>& connection);
    // Errors: kResourceExhausted (maxLiteSubscriptionCount), kUnsupported (a wildcard group).
    Status add(const Change& change);
    void remove(const Change& change);
    // Subscribes to exactly these.
    void replace(const Change& change);
    void remove_client(const std::string& client_id);
    // A lite topic is gone.
    void remove_queue(const std::string& queue);
    // Forgets who was not heard of.
    void run_once();

    // The subscribers of a lite topic by group; with `group`, of that only.
    std::map<std::string, std::vector<LiteClient>> subscribers(
        const std::string& queue, std::optional<std::string_view> group = std::nullopt) const;
    std::vector<LiteClient> wildcard_clients(const std::string& topic,
                                             const std::string& group) const;
    // Queues; nothing for a client that is not known.
    std::optional<std::set<std::string>> subscriptions(const std::string& client_id) const;
    std::vector<std::string> clients_of(std::string_view group) const;
    // Pairs of client and lite topic.
    std::int64_t size() const;

private:
    struct Subscription {
        LiteClient client;
        std::set<std::string> queues;
        std::int64_t updated_ms = 0;  // Clock::monotonic_ms
    };
    // What follows from a change, once the mutex is free.
    struct Effects {
        struct Reset {
            LiteClient client;
            std::string queue;
            LiteOffsetOption option;
        };
        std::vector<Reset> resets;
        std::vector<std::pair<LiteClient, std::string>> registered;
        std::vector<std::pair<LiteClient, std::string>> stolen;
        std::vector<LiteClient> gone;
    };

    void carry_out(const Effects& effects);
    void reset_offset(const Effects::Reset& reset);
    void notify_unsubscribed(const LiteClient& client, const std::string& queue);
    // These with mutex_ held.
    Subscription& subscription_of(const Change& change);
    void add_subscriber(const LiteClient& client, const std::string& queue, Effects& effects);
    bool remove_subscriber(const LiteClient& client, const std::string& queue);
    void steal(const LiteClient& winner, const std::string& queue, bool resets, Effects& effects);
    void remove_client(const std::string& client_id, Effects& effects);

    const Collaborators c_;
    Listener listener_;
    mutable std::mutex mutex_;
    std::map<std::string, std::weak_ptr<Connection>> connections_;  // guarded by mutex_
    std::map<std::string, Subscription> clients_;                   // guarded by mutex_
    std::map<std::string, std::set<LiteClient>> subscribers_;       // by queue; guarded by mutex_
    std::map<std::string, std::set<std::string>> wildcard_groups_;  // by topic; guarded by mutex_
    std::int64_t size_ = 0;                                         // guarded by mutex_
};

}  // namespace rmq::broker
