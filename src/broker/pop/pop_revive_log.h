// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/pop/pop_check_point.h"
#include "common/clock.h"
#include "common/socket_address.h"
#include "store/put_message.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace rmq::broker {

class BrokerMetrics;
class PopStore;

// rmq_sys_REVIVE_LOG_<cluster>. Source: PopAckConstants.buildClusterReviveTopic.
std::string revive_topic_name(std::string_view cluster);

// Writes check points and acknowledgements to the revive topic, each to be read near the time at
// which its messages become visible again. Thread safety: any thread.
// Source: PopMessageProcessor.buildCkMsg, AckMessageProcessor.appendAck.
class PopReviveLog {
public:
    struct Options {
        std::string topic;
        SocketAddress host;                // brokerIP1:listenPort
        std::int32_t queues = 0;           // reviveQueueNum
        BrokerMetrics* metrics = nullptr;  // may be null
    };
    // `store` and `clock` outlive it.
    PopReviveLog(PopStore& store, const Clock& clock, Options options)
        : store_(store), clock_(clock), options_(std::move(options)) {}

    // MESSAGE_ILLEGAL for a queue that is none: no pop can have made a handle with it.
    store::PutMessageResult put(const PopCheckPoint& point, std::int32_t revive_qid) const;
    // `revive_ms`: when the check point's messages become visible again.
    store::PutMessageResult put(const AckMsg& ack, std::int32_t revive_qid,
                                std::int64_t revive_ms) const;

    const std::string& topic() const { return options_.topic; }

private:
    struct Record {
        std::string_view tag;
        std::string unique_id;
        std::string body;
        std::int64_t deliver_ms = 0;
    };
    store::PutMessageResult put(const Record& record, std::int32_t revive_qid) const;
    store::PutMessageResult counted(const store::PutMessageResult& result, std::string_view group,
                                    std::string_view topic, bool is_check_point) const;

    PopStore& store_;
    const Clock& clock_;
    const Options options_;
};

}  // namespace rmq::broker
