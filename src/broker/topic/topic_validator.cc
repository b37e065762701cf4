// SPDX-License-Identifier: Apache-2.0
#include "broker/topic/topic_validator.h"

#include "common/java_string.h"
#include "common/limits.h"

#include <algorithm>
#include <array>

namespace rmq::broker {

namespace {

constexpr std::array<std::string_view, 12> kCommonSystemTopics{
    topic_name::kAutoCreateKey,
    topic_name::kSchedule,
    topic_name::kBenchmark,
    topic_name::kTransHalf,
    topic_name::kTrace,
    topic_name::kTransOpHalf,
    topic_name::kTransCheckMaxTime,
    topic_name::kSelfTest,
    topic_name::kOffsetMovedEvent,
    topic_name::kRocksdbCheckpoint,
    topic_name::kRocksdbTransHalf,
    topic_name::kRocksdbTransOpHalf,
};

constexpr std::array<std::string_view, 8> kNotAllowedSendTopics{
    topic_name::kSchedule,          topic_name::kTransHalf,          topic_name::kTransOpHalf,
    topic_name::kTransCheckMaxTime, topic_name::kSelfTest,           topic_name::kOffsetMovedEvent,
    topic_name::kRocksdbTransHalf,  topic_name::kRocksdbTransOpHalf,
};

bool is_legal_char(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '%' ||
           c == '-' || c == '_' || c == '|';
}

Status invalid(std::string remark) {
    return Error{Errc::kInvalidArgument, std::move(remark)};
}

// `kind` is "topic" or "group".
Status validate_characters(const char* kind, std::string_view name) {
    if (is_blank(name)) {
        return invalid(std::string("The specified ") + kind + " is blank.");
    }
    if (!std::all_of(name.begin(), name.end(), is_legal_char)) {
        return invalid(std::string("The specified ") + kind + ": " + std::string(name) +
                       ", contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$");
    }
    return {};
}

}  // namespace

Status validate_topic(std::string_view topic) {
    RMQ_CHECK(validate_characters("topic", topic));
    const std::int64_t length = java_string_length(topic);
    if (topic.starts_with(topic_name::kRetryPrefix) || topic.starts_with(topic_name::kDlqPrefix)) {
        if (length > limits::kRetryTopicMaxChars) {
            return invalid("The specified topic is DLQ or Retry topic: " + std::string(topic) +
                           ", and it's longer than topic max length: " +
                           std::to_string(limits::kRetryTopicMaxChars));
        }
    } else if (length > limits::kTopicMaxChars) {
        return invalid(
            "The specified topic: " + std::string(topic) +
            ", is longer than topic max length: " + std::to_string(limits::kTopicMaxChars));
    }
    return {};
}

Status validate_group(std::string_view group) {
    RMQ_CHECK(validate_characters("group", group));
    if (java_string_length(group) > limits::kGroupMaxChars) {
        return invalid(
            "The specified group: " + std::string(group) +
            ", is longer than group max length: " + std::to_string(limits::kGroupMaxChars));
    }
    return {};
}

std::span<const std::string_view> common_system_topics() {
    return kCommonSystemTopics;
}

bool is_not_allowed_send_topic(std::string_view topic) {
    return std::find(kNotAllowedSendTopics.begin(), kNotAllowedSendTopics.end(), topic) !=
           kNotAllowedSendTopics.end();
}

bool is_blank(std::string_view text) {
    return text.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos;
}

bool is_tools_group(std::string_view group) {
    constexpr std::array<std::string_view, 3> kOthers{"DEFAULT_CONSUMER", "SCHEDULE_CONSUMER",
                                                      "__MONITOR_CONSUMER"};
    const auto is_it = [group](std::string_view name) { return name == group; };
    return group.starts_with(kSystemGroupPrefix) || std::ranges::any_of(kBuiltInGroups, is_it) ||
           std::ranges::any_of(kOthers, is_it);
}

}  // namespace rmq::broker
