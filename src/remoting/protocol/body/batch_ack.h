// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rmq {

// Acknowledgement of several messages of one pop and queue. Source: BatchAck.
struct BatchAck {
    std::string consumer_group{};
    std::string topic{};  // the normal one; `retry` tells which it really was
    std::string retry{};  // "0" normal, "1" retry V1, "2" retry V2
    std::int64_t start_offset = 0;
    std::int32_t queue_id = 0;
    std::int32_t revive_queue_id = 0;
    std::int64_t pop_time = 0;
    std::int64_t invisible_time = 0;
    std::vector<std::int64_t> offsets{};  // startOffset plus each set bit of the bit set
};

// Body of BATCH_ACK_MESSAGE (200151). Source: BatchAckMessageRequestBody.
struct BatchAckMessageRequestBody {
    std::string broker_name{};
    std::vector<BatchAck> acks{};
};

// Reads the short names and the long ones. The bit set is Base64 of BitSet.toByteArray(), lowest
// bit first. Errors: kMalformed, also for an acknowledgement without a bit set or with a bit set
// of more than kBatchAckBitsMax bits.
Result<BatchAckMessageRequestBody> parse_batch_ack_request(std::string_view body);
inline constexpr std::int32_t kBatchAckBitsMax = 1 << 16;

}  // namespace rmq
