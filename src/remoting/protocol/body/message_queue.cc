// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/body/message_queue.h"

#include "remoting/protocol/body/json_fields.h"

#include <nlohmann/json.hpp>

namespace rmq {

nlohmann::json to_json(const MessageQueue& queue) {
    return {{"brokerName", queue.broker_name}, {"queueId", queue.queue_id}, {"topic", queue.topic}};
}

Result<MessageQueue> parse_message_queue(const nlohmann::json& value) {
    if (!value.is_object()) {
        return Error{Errc::kMalformed, "a message queue must be a JSON object"};
    }
    MessageQueue queue;
    queue.topic = json_string(value, "topic");
    queue.broker_name = json_string(value, "brokerName");
    queue.queue_id = json_int32(value, "queueId", 0);
    return queue;
}

}  // namespace rmq
