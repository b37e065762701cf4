// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/pop/pop_check_point.h"
#include "broker/pop/pop_queue.h"
#include "common/clock.h"
#include "remoting/request_registry.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rmq {
struct BatchAck;
}

namespace rmq::broker {

struct BrokerConfig;
class ConsumerOffsetManager;
class ConsumerOrderInfoManager;
class LiteReceiptProcessor;
class PopBufferMergeService;
class PopInflightCounter;
class PopLongPollingService;
class PopQueueLocks;
class PopReviveLog;
class PopStore;
class TopicConfigManager;

// ACK_MESSAGE (200051) and BATCH_ACK_MESSAGE (200151). A late or unknown acknowledgement succeeds
// quietly. Thread safety: any io thread. Source: AckMessageProcessor (5.5.0).
class AckMessageProcessor {
public:
    struct Collaborators {
        const BrokerConfig& config;
        const Clock& clock;
        PopStore& store;
        TopicConfigManager& topics;
        ConsumerOffsetManager& offsets;
        ConsumerOrderInfoManager& order_infos;
        PopQueueLocks& locks;
        PopBufferMergeService& buffer;
        const PopReviveLog& log;
        PopInflightCounter& inflight;
        PopLongPollingService& polling;
        LiteReceiptProcessor& lite;
    };
    explicit AckMessageProcessor(Collaborators collaborators) : c_(collaborators) {}
    AckMessageProcessor(const AckMessageProcessor&) = delete;
    AckMessageProcessor& operator=(const AckMessageProcessor&) = delete;

    void ack(const Request& request, Responder responder);
    void batch_ack(const Request& request, Responder responder);

private:
    struct Timing {
        std::int32_t revive_qid = 0;
        std::int64_t pop_time = 0;
        std::int64_t invisible_time = 0;
    };

    void ack_all(const BatchAck& ack, std::string_view broker_name, Response& response) const;
    void append(const AckMsg& ack, const Timing& timing) const;
    // Changes `response` when the offset is wrong.
    void ack_orderly(const PopQueue& queue, std::int64_t offset, std::int64_t pop_time,
                     Response& response) const;

    const Collaborators c_;
};

}  // namespace rmq::broker
