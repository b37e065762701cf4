// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/pop/pop_queue.h"

#include <cstdint>

namespace rmq::broker {

struct BrokerConfig;
class ConsumerOffsetManager;
class ConsumerOrderInfoManager;
class PopBufferMergeService;
class PopStore;

// Where a group's next pop of a queue begins: behind what it committed and what is on its way to be
// committed. Thread safety: any thread. Source: PopMessageProcessor.getPopOffset.
class PopOffsets {
public:
    struct Collaborators {
        const BrokerConfig& config;
        PopStore& store;
        ConsumerOffsetManager& offsets;
        ConsumerOrderInfoManager& order_infos;
        PopBufferMergeService& buffer;
    };
    explicit PopOffsets(Collaborators collaborators) : c_(collaborators) {}

    // Without changing anything.
    std::int64_t peek(const PopQueue& queue, std::int32_t init_mode) const;
    // A group without a position gets its first one; a pending reset takes effect. The caller
    // holds the queue's lock.
    std::int64_t take(const PopQueue& queue, std::int32_t init_mode);
    // Messages behind that position.
    std::int64_t rest(const PopQueue& queue, std::int64_t offset) const;

private:
    std::int64_t latest(const PopQueue& queue, std::int64_t committed) const;

    const Collaborators c_;
};

// Where a group begins in a queue that it has no position in. Source: getInitOffset.
std::int64_t initial_pop_offset(const BrokerConfig& config, const PopStore& store,
                                const PopQueue& queue, std::int32_t init_mode);

}  // namespace rmq::broker
