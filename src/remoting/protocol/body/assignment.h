// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"
#include "remoting/protocol/body/heartbeat_data.h"
#include "remoting/protocol/body/message_queue.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace rmq {

// How a group reads a topic. Source: MessageRequestMode.
enum class MessageRequestMode { PULL, POP };
const char* message_request_mode_name(MessageRequestMode mode);
// Errors: kInvalidArgument for anything but PULL and POP.
Result<MessageRequestMode> parse_message_request_mode(std::string_view name);

// Body of SET_MESSAGE_REQUEST_MODE (401) and entry of messageRequestMode.json.
// Source: SetMessageRequestModeRequestBody.
struct MessageRequestModeSetting {
    std::string topic{};
    std::string consumer_group{};
    MessageRequestMode mode = MessageRequestMode::PULL;
    std::int32_t pop_share_queue_num = 0;

    friend bool operator==(const MessageRequestModeSetting&,
                           const MessageRequestModeSetting&) = default;
};
nlohmann::json to_json(const MessageRequestModeSetting& setting);
// Missing members keep the defaults. Errors: kMalformed when it is no object, kInvalidArgument for
// an unknown mode.
Result<MessageRequestModeSetting> parse_message_request_mode_setting(const nlohmann::json& value);

// Body of QUERY_ASSIGNMENT (400). Source: QueryAssignmentRequestBody.
struct QueryAssignmentRequestBody {
    std::string topic{};
    std::string consumer_group{};
    std::string client_id{};
    std::string strategy_name{};
    MessageModel message_model = MessageModel::CLUSTERING;
};
// Errors: kMalformed when it is no object, or lacks topic, group or message model.
Result<QueryAssignmentRequestBody> parse_query_assignment_request(std::string_view body);

// Answer of 400: {"messageQueueAssignments":[…]}, without the member when there is nothing to say,
// which clients take to mean "keep what you have". Source: QueryAssignmentResponseBody.
std::string encode_query_assignment_response(const std::optional<std::set<MessageQueue>>& queues,
                                             MessageRequestMode mode);

}  // namespace rmq
