// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/pop/pop_queue.h"
#include "common/result.h"
#include "remoting/protocol/extra_info.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::broker {

// What the revive topic holds, as JSON in message bodies; the tag tells which of the three it is.
// Values. Source: PopCheckPoint, AckMsg, BatchAckMsg (5.5.0).
namespace pop_tag {
inline constexpr std::string_view kCheckPoint = "ck";
inline constexpr std::string_view kAck = "ack";
inline constexpr std::string_view kBatchAck = "bAck";
}  // namespace pop_tag

inline constexpr std::string_view kReviveGroup = "CID_RMQ_SYS_REVIVE_GROUP";

struct AckMsg;

// The messages that one pop took from one queue, up to 32: invisible until popTime + invisibleTime,
// and put into the group's retry topic then unless they were acknowledged.
struct PopCheckPoint {
    static constexpr std::int32_t kMessagesMax = 32;

    std::string topic{};  // a retry topic's own name
    std::string group{};
    std::string broker_name{};
    std::int32_t queue_id = 0;
    std::int64_t start_offset = 0;
    std::int64_t pop_time = 0;        // ms
    std::int64_t invisible_time = 0;  // ms
    std::uint32_t bit_map = 0;        // bit i: message i is acknowledged
    std::int32_t num = 0;             // of messages; at most kMessagesMax
    // Offset of message i is start_offset + diffs[i]; + i when empty, as old brokers wrote it.
    std::vector<std::int32_t> diffs{};
    std::int64_t revive_offset = 0;  // of this record in its revive queue
    std::string re_put_times{};      // how often it was written again; empty: never
    bool suspend = false;            // put back without counting a try

    std::int64_t revive_time() const { return pop_time + invisible_time; }
    // -1 when it is none of them.
    std::int32_t index_of(std::int64_t offset) const;
    std::int64_t offset_at(std::int32_t index) const;
    bool is_acked(std::int32_t index) const { return (bit_map >> index & 1U) != 0; }
    void set_acked(std::int32_t index) { bit_map |= 1U << index; }
    // Marks those of its messages that `ack` names.
    void set_acked(const AckMsg& ack);
    // 0 when never; 127 when the text is no number.
    std::int32_t parse_re_put_times() const;
};

// Acknowledges one message, or several of one check point.
struct AckMsg {
    std::string topic{};
    std::string group{};
    std::string broker_name{};
    std::int32_t queue_id = 0;
    std::int64_t start_offset = 0;  // of the check point
    std::int64_t pop_time = 0;
    std::int64_t ack_offset = -1;             // of a single one
    std::vector<std::int64_t> ack_offsets{};  // of a batch
    bool is_batch = false;
};

// The one message at `offset` that was handed out with `handle`.
AckMsg ack_of(const PopHandle& handle, const PopQueue& queue, std::int64_t offset);

std::string encode(const PopCheckPoint& point);
std::string encode(const AckMsg& ack);
// Errors: kMalformed for text that is no such object, has more than kMessagesMax messages, or
// numbers no pop can have made.
Result<PopCheckPoint> parse_pop_check_point(std::string_view json);
// Reads the short names and the long ones.
Result<AckMsg> parse_ack_msg(std::string_view json, bool is_batch);

// UNIQ_KEY of the record. Source: PopMessageProcessor.genCkUniqueId, genAckUniqueId.
std::string unique_id(const PopCheckPoint& point);
std::string unique_id(const AckMsg& ack);
// What an acknowledgement finds its check point by.
std::string merge_key(const PopCheckPoint& point);
std::string merge_key(const AckMsg& ack, std::string_view default_broker_name);

}  // namespace rmq::broker
