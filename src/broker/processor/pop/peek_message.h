// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/request_registry.h"

#include <cstdint>
#include <string>

namespace rmq {
struct PeekMessageRequestHeader;
}

namespace rmq::broker {

struct BrokerConfig;
class BrokerStatsManager;
class PopLongPollingService;
class PopOffsets;
class PopStore;
class SubscriptionGroupManager;
class TopicConfigManager;

// PEEK_MESSAGE (200052): what a pop would hand out, without taking it; and POLLING_INFO (200055):
// how many pops wait. Messages that are not in memory are not peeked at.
// Thread safety: any io thread. Source: PeekMessageProcessor, PollingInfoProcessor (5.5.0).
class PeekMessageProcessor {
public:
    struct Collaborators {
        const BrokerConfig& config;
        PopStore& store;
        TopicConfigManager& topics;
        SubscriptionGroupManager& groups;
        BrokerStatsManager& stats;
        PopOffsets& positions;
        PopLongPollingService& polling;
    };
    explicit PeekMessageProcessor(Collaborators collaborators) : c_(collaborators) {}
    PeekMessageProcessor(const PeekMessageProcessor&) = delete;
    PeekMessageProcessor& operator=(const PeekMessageProcessor&) = delete;

    void peek(const Request& request, Responder responder);
    void polling_info(const Request& request, Responder responder);

private:
    struct Peek;
    void peek_topic(Peek& peek, const std::string& topic, std::int32_t first) const;
    void peek_queue(Peek& peek, const std::string& topic, std::int32_t queue_id) const;

    const Collaborators c_;
};

}  // namespace rmq::broker
