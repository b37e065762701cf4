// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/request_registry.h"

namespace rmq {
struct ConsumerData;
struct HeartbeatData;
struct SubscriptionGroupConfig;
}  // namespace rmq

namespace rmq::broker {

struct BrokerConfig;
struct ClientChannelInfo;
class ConsumerFilterManager;
class ConsumerManager;
class ProducerManager;
class SubscriptionGroupManager;
class TopicConfigManager;

// HEART_BEAT (34), UNREGISTER_CLIENT (35) and CHECK_CLIENT_CONFIG (46). A registration is in effect
// when its answer leaves. Thread safety: any io thread. Source: ClientManageProcessor.
class ClientManageProcessor {
public:
    struct Collaborators {
        const BrokerConfig& config;
        TopicConfigManager& topics;
        SubscriptionGroupManager& groups;
        ConsumerManager& consumers;
        ProducerManager& producers;
        ConsumerFilterManager& filters;
    };

    explicit ClientManageProcessor(Collaborators collaborators) : c_(collaborators) {}
    ClientManageProcessor(const ClientManageProcessor&) = delete;
    ClientManageProcessor& operator=(const ClientManageProcessor&) = delete;

    void heart_beat(const Request& request, Responder responder);
    void unregister_client(const Request& request, Responder responder);
    void check_client_config(const Request& request, Responder responder);

private:
    // Returns whether a group's last fingerprint was another one.
    bool register_consumers(const HeartbeatData& data, const ClientChannelInfo& channel);
    void register_consumer(const HeartbeatData& data, const ConsumerData& consumer,
                           const SubscriptionGroupConfig& group, const ClientChannelInfo& channel);

    const Collaborators c_;
};

}  // namespace rmq::broker
