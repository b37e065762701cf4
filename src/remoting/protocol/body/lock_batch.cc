// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/body/lock_batch.h"

#include "remoting/protocol/body/json_fields.h"

#include <nlohmann/json.hpp>

namespace rmq {

Result<LockBatchRequestBody> parse_lock_batch_request(std::string_view body) {
    RMQ_TRY(const auto json, parse_body_json(body));
    if (!json.is_object()) {
        return Error{Errc::kMalformed, "a lock request must be a JSON object"};
    }
    LockBatchRequestBody request;
    request.consumer_group = json_string(json, "consumerGroup");
    request.client_id = json_string(json, "clientId");
    request.only_this_broker = json_bool(json, "onlyThisBroker", false);
    for (const auto& item : json_member(json, "mqSet")) {
        RMQ_TRY(auto queue, parse_message_queue(item));
        request.queues.push_back(std::move(queue));
    }
    return request;
}

std::string encode_lock_batch_response(const std::vector<MessageQueue>& locked) {
    auto set = nlohmann::json::array();
    for (const auto& queue : locked) {
        set.push_back(to_json(queue));
    }
    return dump_json({{"lockOKMQSet", std::move(set)}});
}

}  // namespace rmq
