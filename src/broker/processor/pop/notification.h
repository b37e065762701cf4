// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/pop/pop_poll.h"
#include "common/clock.h"
#include "remoting/request_registry.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace rmq {
struct NotificationRequestHeader;
}

namespace rmq::broker {

struct BrokerConfig;
class ConsumerOrderInfoManager;
class PopLongPollingService;
class PopOffsets;
class PopStore;
class SubscriptionGroupManager;
class TopicConfigManager;

// NOTIFICATION (200054): tells, at once or after a wait, that a pop would find something.
// Thread safety: process() and resume() on the connection's io thread.
// Source: NotificationProcessor (5.5.0).
class NotificationProcessor {
public:
    struct Collaborators {
        const BrokerConfig& config;
        const Clock& clock;
        PopStore& store;
        TopicConfigManager& topics;
        SubscriptionGroupManager& groups;
        ConsumerOrderInfoManager& order_infos;
        PopOffsets& positions;
        PopLongPollingService& polling;
    };
    explicit NotificationProcessor(Collaborators collaborators) : c_(collaborators) {}
    NotificationProcessor(const NotificationProcessor&) = delete;
    NotificationProcessor& operator=(const NotificationProcessor&) = delete;

    void process(const Request& request, Responder responder);
    // A notification that waited: from the start again.
    void resume(PopPoll poll);

private:
    struct Look;
    void execute(Look& look, Responder responder);
    bool has_message(const Look& look, const std::string& topic, std::int32_t first,
                     bool is_filtered) const;
    bool has_message_in(const Look& look, const std::string& topic, std::int32_t queue_id,
                        bool is_filtered) const;

    const Collaborators c_;
};

}  // namespace rmq::broker
