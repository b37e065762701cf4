// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/broker_config.h"
#include "remoting/protocol/extra_info.h"

#include <string>
#include <string_view>

namespace rmq::broker {

// Where messages go that nobody acknowledged in time: under the V2 name with enableRetryTopicV2.
// Source: KeyBuilder.buildPopRetryTopic.
inline std::string pop_retry_topic(const BrokerConfig& config, std::string_view topic,
                                   std::string_view group) {
    return config.enable_retry_topic_v2 ? pop_retry_topic_v2(topic, group)
                                        : pop_retry_topic_v1(topic, group);
}

}  // namespace rmq::broker
