// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rmq {

// {"brokerAddr":"x","topicList":["T"]}. Source: TopicList.
struct TopicList {
    std::vector<std::string> topic_list{};
    std::optional<std::string> broker_addr{};  // only of the system topic lists
};

std::string encode(const TopicList& list);
// Errors: kMalformed when the text is not a JSON object.
Result<TopicList> decode_topic_list(std::string_view text);

}  // namespace rmq
