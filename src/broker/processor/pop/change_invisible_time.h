// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "remoting/request_registry.h"

#include <cstdint>

namespace rmq {
struct ChangeInvisibleTimeRequestHeader;
struct PopHandle;
}  // namespace rmq

namespace rmq::broker {

struct BrokerConfig;
class ConsumerOffsetManager;
class ConsumerOrderInfoManager;
class LiteReceiptProcessor;
class PopBufferMergeService;
class PopQueueLocks;
class PopReviveLog;
class PopStore;
class TopicConfigManager;

// CHANGE_MESSAGE_INVISIBLETIME (200053): a new check point for the one message, then an
// acknowledgement of the old one, so that a crash in between may deliver it twice but not lose it.
// Thread safety: any io thread. Source: ChangeInvisibleTimeProcessor (5.5.0).
class ChangeInvisibleTimeProcessor {
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
        LiteReceiptProcessor& lite;
    };
    explicit ChangeInvisibleTimeProcessor(Collaborators collaborators) : c_(collaborators) {}
    ChangeInvisibleTimeProcessor(const ChangeInvisibleTimeProcessor&) = delete;
    ChangeInvisibleTimeProcessor& operator=(const ChangeInvisibleTimeProcessor&) = delete;

    void process(const Request& request, Responder responder);

private:
    void change(const ChangeInvisibleTimeRequestHeader& header, const PopHandle& handle,
                Responder responder) const;
    void ack_origin(const ChangeInvisibleTimeRequestHeader& header, const PopHandle& handle) const;
    void change_orderly(const ChangeInvisibleTimeRequestHeader& header, const PopHandle& handle,
                        Responder responder) const;

    const Collaborators c_;
};

}  // namespace rmq::broker
