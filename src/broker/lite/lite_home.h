// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::broker {

class TopicRouteInfoManager;

// Which broker a lite topic is on: producers choose the parent's queue by the name's hash, so that
// each lite topic lives on one broker. Judged by the route as it was learned last; without one,
// every lite topic is at home here. Thread safety: any thread; one mutex.
// Source: LiteShardingImpl (5.5.0).
class LiteHome {
public:
    // Both outlive it.
    LiteHome(std::string broker_name, const Clock& clock, TopicRouteInfoManager& routes);
    LiteHome(const LiteHome&) = delete;
    LiteHome& operator=(const LiteHome&) = delete;

    // Asks a NameServer now and then, for the next time. `parent` exists.
    bool is_home(std::string_view parent, std::string_view lite_topic) const;

private:
    struct Known {
        std::mutex mutex;
        // Broker of each queue, by topic; guarded by mutex.
        std::map<std::string, std::vector<std::string>, std::less<>> brokers;
        // When a topic's route is asked for again, Clock::monotonic_ms; guarded by mutex.
        std::map<std::string, std::int64_t, std::less<>> next_ask_ms;
    };
    void ask(std::string_view parent) const;

    const std::string broker_name_;
    const Clock& clock_;
    TopicRouteInfoManager& routes_;
    const std::shared_ptr<Known> known_;  // answers of NameServers may come late
};

// Which of `buckets` a number is in, so that few move when there are more of them.
// Source: com.google.common.hash.Hashing.consistentHash. Precondition: buckets > 0.
std::int32_t consistent_hash(std::int64_t number, std::int32_t buckets);

}  // namespace rmq::broker
