// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/body/lock_batch.h"

#include "remoting/protocol/body/json_fields.h"

#include <nlohmann/json.hpp>

namespace rmq {

namespace {

Result<std::vector<MessageQueue>> parse_queues(const nlohmann::json& json, const char* name) {
    std::vector<MessageQueue> queues;
    for (const auto& item : json_member(json, name)) {
        RMQ_TRY(auto queue, parse_message_queue(item));
        queues.push_back(std::move(queue));
    }
    return queues;
}

nlohmann::json queues_json(const std::vector<MessageQueue>& queues) {
    auto set = nlohmann::json::array();
    for (const auto& queue : queues) {
        set.push_back(to_json(queue));
    }
    return set;
}

}  // namespace

Result<LockBatchRequestBody> parse_lock_batch_request(std::string_view body) {
    RMQ_TRY(const auto json, parse_body_json(body));
    if (!json.is_object()) {
        return Error{Errc::kMalformed, "a lock request must be a JSON object"};
    }
    LockBatchRequestBody request;
    request.consumer_group = json_string(json, "consumerGroup");
    request.client_id = json_string(json, "clientId");
    request.only_this_broker = json_bool(json, "onlyThisBroker", false);
    RMQ_TRY(request.queues, parse_queues(json, "mqSet"));
    return request;
}

std::string encode_lock_batch_request(const LockBatchRequestBody& request) {
    return dump_json({{"clientId", request.client_id},
                      {"consumerGroup", request.consumer_group},
                      {"mqSet", queues_json(request.queues)},
                      {"onlyThisBroker", request.only_this_broker}});
}

std::string encode_lock_batch_response(const std::vector<MessageQueue>& locked) {
    return dump_json({{"lockOKMQSet", queues_json(locked)}});
}

Result<std::vector<MessageQueue>> parse_lock_batch_response(std::string_view body) {
    RMQ_TRY(const auto json, parse_body_json(body));
    return parse_queues(json, "lockOKMQSet");
}

}  // namespace rmq
