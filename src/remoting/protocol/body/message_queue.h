// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <nlohmann/json_fwd.hpp>

#include <compare>
#include <cstdint>
#include <string>

namespace rmq {

// One queue of one broker, as clients name it. Source: MessageQueue.
struct MessageQueue {
    std::string topic;
    std::string broker_name;
    std::int32_t queue_id = 0;

    friend auto operator<=>(const MessageQueue&, const MessageQueue&) = default;
};

// {"brokerName":"b","queueId":0,"topic":"T"}, members in this order: also the text of object keys.
nlohmann::json to_json(const MessageQueue& queue);

// A missing member reads as empty or 0, a number may come as text. Errors: kMalformed when it is
// no object.
Result<MessageQueue> parse_message_queue(const nlohmann::json& value);

}  // namespace rmq
