// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rmq {
struct SubscriptionData;
}  // namespace rmq

namespace rmq::broker {

// Two members of one group that want different topics, or one topic by different expressions.
struct SubscriptionConflict {
    std::string group;
    std::string client;  // "client id@peer"
    std::string other_client;
    std::string topic;       // the first, by name, in which they differ
    std::string wish;        // "TAG a || b", or "nothing"
    std::string other_wish;  // the same of the other client
};

// Finds members of a group whose subscriptions differ. The group has one subscription for each
// topic, that of the newest heartbeat, so such members lose messages without being told; this does
// not change it, but lets an operator see it. Topics of retries are left out.
// Thread safety: any thread, one mutex.
class SubscriptionConflicts {
public:
    struct Member {
        std::uint64_t connection_id = 0;
        std::string client;  // "client id@peer"
    };

    // What a heartbeat brought. A member that declares something new and conflicts with another
    // gives that conflict, once for each declaration.
    std::optional<SubscriptionConflict> declare(std::string_view group, const Member& member,
                                                const std::vector<SubscriptionData>& subscriptions);
    void leave(std::string_view group, std::uint64_t connection_id);
    void on_connection_closed(std::uint64_t connection_id);

    // One for each group whose members differ now, at most `max`.
    std::vector<SubscriptionConflict> current(std::size_t max) const;
    // Conflicts that were given by declare() since the start.
    std::int64_t total() const;

    // Adds "subscriptionConflictTotal" and "subscriptionConflicts" to a table of texts once there
    // was a conflict.
    void add_runtime_info(std::map<std::string, std::string, std::less<>>& table) const;

private:
    using Wishes = std::map<std::string, std::string>;  // by topic
    struct Declared {
        std::string client;
        Wishes wishes;
    };
    using Members = std::map<std::uint64_t, Declared>;  // by connection

    static std::optional<SubscriptionConflict> compare(std::string_view group, const Declared& one,
                                                       const Declared& other);

    mutable std::mutex mutex_;
    std::map<std::string, Members, std::less<>> groups_;  // guarded by mutex_; no empty members
    std::int64_t total_ = 0;                              // guarded by mutex_
};

}  // namespace rmq::broker
