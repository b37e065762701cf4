// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "common/unique_function.h"
#include "remoting/protocol/body/message_queue.h"
#include "remoting/protocol/response.h"

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::broker {

// The readable queues of topics on all brokers, as the NameServers know them. What was learned is
// used for kFreshMs, and after that until a NameServer answers again.
// Thread safety: any thread. Source: TopicRouteInfoManager.
class TopicRouteInfoManager {
public:
    static constexpr std::int64_t kFreshMs = 10'000;
    static constexpr std::size_t kTopicsMax = 10'000;  // then all is forgotten

    struct Collaborators {
        const Clock& clock;
        std::function<std::vector<std::string>()> namesrv_addrs;
        using Done = UniqueFunction<void(Result<InboundResponse>)>;
        // Asks one NameServer; `done` runs once, on any thread.
        std::function<void(const std::string& address, OutboundCommand, Done done)> invoke;
    };

    explicit TopicRouteInfoManager(Collaborators collaborators) : c_(std::move(collaborators)) {}
    TopicRouteInfoManager(const TopicRouteInfoManager&) = delete;
    TopicRouteInfoManager& operator=(const TopicRouteInfoManager&) = delete;

    using Queues = std::optional<std::set<MessageQueue>>;
    // `done` gets the queues, nothing for a topic that no NameServer knows; inline when fresh.
    void find_queues(std::string topic, UniqueFunction<void(Queues)> done);

private:
    struct Known {
        std::set<MessageQueue> queues;
        std::int64_t learned_ms = 0;
    };
    using Found = UniqueFunction<void(Queues)>;

    void ask(std::vector<std::string> addresses, std::string topic, Found done);
    Queues known(std::string_view topic, std::int64_t not_before_ms) const;
    void learn(const std::string& topic, const Queues& queues);

    const Collaborators c_;
    mutable std::mutex mutex_;
    std::map<std::string, Known, std::less<>> topics_;  // guarded by mutex_
};

}  // namespace rmq::broker
