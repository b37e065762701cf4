// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/body/assignment.h"

#include "remoting/protocol/body/json_fields.h"

#include <nlohmann/json.hpp>

namespace rmq {

const char* message_request_mode_name(MessageRequestMode mode) {
    return mode == MessageRequestMode::POP ? "POP" : "PULL";
}

Result<MessageRequestMode> parse_message_request_mode(std::string_view name) {
    for (const auto mode : {MessageRequestMode::PULL, MessageRequestMode::POP}) {
        if (name == message_request_mode_name(mode)) {
            return mode;
        }
    }
    return Error{Errc::kInvalidArgument, "no message request mode: " + std::string(name)};
}

nlohmann::json to_json(const MessageRequestModeSetting& setting) {
    return {{"consumerGroup", setting.consumer_group},
            {"mode", message_request_mode_name(setting.mode)},
            {"popShareQueueNum", setting.pop_share_queue_num},
            {"topic", setting.topic}};
}

Result<MessageRequestModeSetting> parse_message_request_mode_setting(const nlohmann::json& value) {
    if (!value.is_object()) {
        return Error{Errc::kMalformed, "a message request mode must be a JSON object"};
    }
    MessageRequestModeSetting setting;
    setting.topic = json_string(value, "topic");
    setting.consumer_group = json_string(value, "consumerGroup");
    setting.pop_share_queue_num = json_int32(value, "popShareQueueNum", 0);
    RMQ_TRY(setting.mode, parse_message_request_mode(json_string(value, "mode", "PULL")));
    return setting;
}

Result<QueryAssignmentRequestBody> parse_query_assignment_request(std::string_view body) {
    RMQ_TRY(const auto json, parse_body_json(body));
    QueryAssignmentRequestBody request;
    request.topic = json_string(json, "topic");
    request.consumer_group = json_string(json, "consumerGroup");
    request.client_id = json_string(json, "clientId");
    request.strategy_name = json_string(json, "strategyName");
    const auto model = json_string(json, "messageModel");
    if (request.topic.empty() || request.consumer_group.empty() || model.empty()) {
        return Error{Errc::kMalformed, "an assignment needs topic, consumerGroup, messageModel"};
    }
    request.message_model = model == message_model_name(MessageModel::BROADCASTING) || model == "0"
                                ? MessageModel::BROADCASTING
                                : MessageModel::CLUSTERING;
    return request;
}

std::string encode_query_assignment_response(const std::optional<std::set<MessageQueue>>& queues,
                                             MessageRequestMode mode) {
    auto body = nlohmann::json::object();
    if (queues) {
        auto list = nlohmann::json::array();
        for (const auto& queue : *queues) {
            list.push_back(
                {{"messageQueue", to_json(queue)}, {"mode", message_request_mode_name(mode)}});
        }
        body["messageQueueAssignments"] = std::move(list);
    }
    return dump_json(body);
}

}  // namespace rmq
