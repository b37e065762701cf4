// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rmq {

// Lite topics: light queues that belong to a parent topic of type LITE, which acts as their name
// space. A message is stored once, under the parent, and has an entry in the queue of the lite
// topic that its property names: %LMQ%$parent$lite. Source: LiteUtil (5.5.0).
inline constexpr std::string_view kLiteTopicPrefix = "%LMQ%$";
inline constexpr char kLiteTopicSeparator = '$';

// The queue of a lite topic; nothing when either name is empty. Source: toLmqName.
inline std::optional<std::string> lite_queue_name(std::string_view parent, std::string_view lite) {
    if (parent.empty() || lite.empty()) {
        return std::nullopt;
    }
    std::string name(kLiteTopicPrefix);
    name.append(parent).push_back(kLiteTopicSeparator);
    return name.append(lite);
}

// By the prefix only. Source: isLiteTopicQueue.
inline bool is_lite_queue(std::string_view name) {
    return name.starts_with(kLiteTopicPrefix);
}

// Views into a queue's name.
struct LiteTopicName {
    std::string_view parent;
    std::string_view lite;
};

// Nothing unless there are exactly two names. Source: getParentTopic, getLiteTopic.
inline std::optional<LiteTopicName> parse_lite_queue(std::string_view name) {
    if (!is_lite_queue(name)) {
        return std::nullopt;
    }
    name.remove_prefix(kLiteTopicPrefix.size());
    const auto at = name.find(kLiteTopicSeparator);
    if (at == std::string_view::npos || at == 0 || at + 1 == name.size() ||
        name.find(kLiteTopicSeparator, at + 1) != std::string_view::npos) {
        return std::nullopt;
    }
    return LiteTopicName{name.substr(0, at), name.substr(at + 1)};
}

}  // namespace rmq
