// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include "bench/options.h"

#include <cstdint>
#include <string>
#include <vector>

namespace rmq::bench {

// What the load goes to.
struct Targets {
    std::string address;              // of the broker; of the NameServer for routes
    std::vector<std::string> topics;  // names of one length
    std::int64_t queues = 1;          // of each topic; numbers 0 … queues-1

    std::int64_t size() const { return static_cast<std::int64_t>(topics.size()) * queues; }
    // Neighbours are of different topics.
    const std::string& topic_of(std::int64_t target) const {
        return topics[static_cast<std::size_t>(target) % topics.size()];
    }
    std::int64_t queue_of(std::int64_t target) const {
        return target / static_cast<std::int64_t>(topics.size()) % queues;
    }
};

// Finds the broker and learns how many queues there are; creates the topics if that was asked for,
// and nothing otherwise. Errors name the cause and the cure. Blocks for several round trips.
Result<Targets> find_targets(const Options& options);

// One past the last message of each target, as the broker says. Blocks.
Result<std::vector<std::int64_t>> max_offsets(const Targets& targets);

}  // namespace rmq::bench
