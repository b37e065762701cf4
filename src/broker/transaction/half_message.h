// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/message/message_record.h"
#include "store/put_message.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rmq::broker {

// A half message is an ordinary record in queue 0 of RMQ_SYS_TRANS_HALF_TOPIC, with the transaction
// bits of its sysFlag cleared, that names its real topic and queue in REAL_TOPIC and REAL_QID.

// Queue of both transaction topics. Source: TransactionalMessageBridge.parseHalfMessageInner.
inline constexpr std::int32_t kHalfQueue = 0;

// Whose positions in the half and op queues say how far they are settled. Source: MixAll.
inline constexpr std::string_view kTransGroup = "CID_RMQ_SYS_TRANS";

// Turns `message` into the half message of itself; `properties`, its encoded properties, gain what
// that needs. Source: TransactionalMessageBridge.parseHalfMessageInner.
void rewrite_as_half(std::string_view unique_key, store::MessageToPut& message,
                     std::string& properties);

struct RealTarget {
    std::string_view topic;
    std::int32_t queue_id = 0;
};
// Where a half message goes when it is committed; nothing when it does not say so.
std::optional<RealTarget> real_target(std::string_view properties);

// The properties of the committed copy: all but REAL_TOPIC and REAL_QID. TRAN_MSG stays in the
// text, as the original clears it only in memory. Source: EndTransactionProcessor.
std::string committed_properties(std::string_view half_properties);

// Milliseconds from birth for which a half message with this CHECK_IMMUNITY_TIME_IN_SECONDS is not
// checked: `timeout_ms` when it is no number. Source: TransactionalMessageServiceImpl.
std::int64_t immunity_ms(std::string_view seconds, std::int64_t timeout_ms);

// The record of `half` that a check carries: as it lies at its new place, but under the topic and
// queue that the producer knows.
struct NewPlace {
    QueueOffset queue_offset;
    PhysicalOffset physical_offset;
};
std::string encode_for_check(const MessageRecord& half, const RealTarget& target,
                             const NewPlace& place, std::string_view properties);

}  // namespace rmq::broker
