// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <string>
#include <string_view>

namespace rmq::broker {

// What names a timer message to be recalled. Source: RecallMessageHandle.HandleV1 (5.5.0).
struct RecallHandle {
    std::string topic;
    std::string broker_name;
    std::string timestamp;   // decimal ms: TIMER_OUT_MS + 1, which floors to the same slot
    std::string message_id;  // UNIQ_KEY
};

// URL-safe Base64, padded, of "v1 <topic> <brokerName> <timestamp> <messageId>".
std::string encode_recall_handle(const RecallHandle& handle);
// Errors: kInvalidArgument "recall handle is invalid". The timestamp may be any text.
Result<RecallHandle> decode_recall_handle(std::string_view text);

}  // namespace rmq::broker
