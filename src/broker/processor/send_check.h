// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/connection.h"
#include "remoting/protocol/body/topic_config.h"
#include "remoting/protocol/header/send_message.h"
#include "remoting/protocol/response_code.h"

#include <memory>
#include <string>
#include <string_view>

namespace rmq::broker {

struct BrokerConfig;
class TopicConfigManager;

// The topic of a send that may go on, or why it may not.
struct SendCheck {
    std::shared_ptr<const TopicConfig> topic;  // null: refused
    ResponseCode code = ResponseCode::SUCCESS;
    std::string remark;
};

// The checks that every send passes, in the original's order: broker permission (ordered topics
// only), topic name, forbidden topics, look-up or creation of the topic, queueId range. The topic's
// own write permission is not checked. Source: AbstractSendMessageProcessor.msgCheck.
SendCheck check_send(const BrokerConfig& config, TopicConfigManager& topics,
                     const SendMessageRequestHeader& header, const Connection& connection);

// "\nSee <url> for further details.": what the original appends to errors that users ask about.
inline constexpr std::string_view kSuggestTodo =
    "\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.";

}  // namespace rmq::broker
