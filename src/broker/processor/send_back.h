// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "common/offsets.h"
#include "common/socket_address.h"
#include "remoting/protocol/header/send_message.h"
#include "remoting/request_registry.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rmq {
struct MessageRecord;
struct SubscriptionGroupConfig;
}  // namespace rmq

namespace rmq::store {
class MessageStore;
struct MessageStoreConfig;
}  // namespace rmq::store

namespace rmq::broker {

struct BrokerConfig;
class Admission;
class BrokerStatsManager;
class SubscriptionGroupManager;
class TopicConfigManager;

// CONSUMER_SEND_MSG_BACK (36): stores a copy of a message for a later try of its group, sixteen
// steps by default, or in the group's dead letter topic. A message that is no longer in memory is
// read on a blocking thread.
// Thread safety: any io thread. Source: AbstractSendMessageProcessor.consumerSendMsgBack.
class SendBackProcessor {
public:
    struct Collaborators {
        const BrokerConfig& config;
        const store::MessageStoreConfig& store_config;
        store::MessageStore& store;
        TopicConfigManager& topics;
        SubscriptionGroupManager& groups;
        Admission& admission;
        BrokerStatsManager& stats;
        const Clock& clock;
        SocketAddress store_host;  // brokerIP1:listenPort
        std::int32_t max_delay_level = 18;
    };

    explicit SendBackProcessor(Collaborators collaborators) : c_(std::move(collaborators)) {}
    SendBackProcessor(const SendBackProcessor&) = delete;
    SendBackProcessor& operator=(const SendBackProcessor&) = delete;

    void process(const Request& request, Responder responder);

private:
    // What is left of the request once its group and retry topic were checked.
    struct Order {
        std::string group;
        std::optional<std::string> origin_topic;  // as the client says
        PhysicalOffset offset;
        std::int32_t delay_level = 0;
        std::int32_t max_reconsume_times = 0;
        std::int32_t retry_queue_nums = 1;
    };

    Response put_back(const Order& order) const;
    Response put_copy(const Order& order, const MessageRecord& record) const;

    const Collaborators c_;
};

}  // namespace rmq::broker
