// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "remoting/protocol/response.h"

#include <optional>

namespace rmq {
struct AckMessageRequestHeader;
struct ChangeInvisibleTimeRequestHeader;
}  // namespace rmq

namespace rmq::broker {

class ConsumerOffsetManager;
class ConsumerOrderInfoManager;
class LiteEventDispatcher;
class LiteLifecycleManager;
class LiteMetadata;
class PopQueueLocks;

// ACK_MESSAGE and CHANGE_MESSAGE_INVISIBLETIME with a liteTopic: of messages that POP_LITE_MESSAGE
// handed out. Thread safety: any io thread.
// Source: AckMessageProcessor.ackLite, processChangeInvisibleTimeForLite (5.5.0).
class LiteReceiptProcessor {
public:
    // Everything outlives the processor.
    struct Collaborators {
        const Clock& clock;
        const LiteMetadata& metadata;
        const LiteLifecycleManager& lifecycle;
        LiteEventDispatcher& events;
        ConsumerOffsetManager& offsets;
        ConsumerOrderInfoManager& order_infos;
        PopQueueLocks& locks;
    };
    explicit LiteReceiptProcessor(Collaborators collaborators) : c_(collaborators) {}
    LiteReceiptProcessor(const LiteReceiptProcessor&) = delete;
    LiteReceiptProcessor& operator=(const LiteReceiptProcessor&) = delete;

    // The answer; nothing for a request without a liteTopic.
    std::optional<Response> ack(const AckMessageRequestHeader& header);
    std::optional<Response> change(const ChangeInvisibleTimeRequestHeader& header);

private:
    const Collaborators c_;
};

}  // namespace rmq::broker
