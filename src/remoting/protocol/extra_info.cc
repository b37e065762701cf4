// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/extra_info.h"

#include "common/parse_number.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace rmq {

namespace {

constexpr std::string_view kRetryPrefix = "%RETRY%";
constexpr char kBlank = ' ';
constexpr std::size_t kFieldsMin = 6;

std::string retry_topic(std::string_view topic, std::string_view group, char separator) {
    std::string name(kRetryPrefix);
    name += group;
    name += separator;
    name += topic;
    return name;
}

void begin_entry(std::string& text, PopTopicKind kind) {
    if (!text.empty()) {
        text += ';';
    }
    text += std::to_string(static_cast<int>(kind));
    text += kBlank;
}

template <class Number>
Status read(std::string_view text, Number& to) {
    const auto number = parse_java_number<Number>(text);
    if (!number) {
        return Error{Errc::kInvalidArgument, "For input string: \"" + std::string(text) + "\""};
    }
    to = *number;
    return {};
}

}  // namespace

std::int64_t clamp_pop_number(std::int64_t number) {
    return std::clamp(number, -kPopNumberMax, kPopNumberMax);
}

std::string pop_retry_topic_v1(std::string_view topic, std::string_view group) {
    return retry_topic(topic, group, '_');
}

std::string pop_retry_topic_v2(std::string_view topic, std::string_view group) {
    return retry_topic(topic, group, '+');
}

PopTopicKind pop_topic_kind(std::string_view topic) {
    if (!topic.starts_with(kRetryPrefix)) {
        return PopTopicKind::kNormal;
    }
    return topic.find('+') == std::string_view::npos ? PopTopicKind::kRetryV1
                                                     : PopTopicKind::kRetryV2;
}

std::string_view pop_normal_topic(std::string_view topic, std::string_view group) {
    if (!topic.starts_with(kRetryPrefix)) {
        return topic;
    }
    const auto begin = kRetryPrefix.size() + group.size() + 1;
    return begin >= topic.size() ? std::string_view{} : topic.substr(begin);
}

Result<PopHandle> parse_extra_info(std::string_view text) {
    std::array<std::string_view, kFieldsMin> fields{};
    std::size_t count = 0;
    for (auto rest = text; count < kFieldsMin && !rest.empty();) {
        const auto end = rest.find(kBlank);
        fields[count++] = rest.substr(0, end);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    if (count < kFieldsMin) {
        return Error{Errc::kInvalidArgument,
                     "getBrokerName fail, extraInfoStrs length " + std::to_string(count)};
    }
    PopHandle handle;
    RMQ_CHECK(read(fields[0], handle.ck_queue_offset));
    RMQ_CHECK(read(fields[1], handle.pop_time));
    RMQ_CHECK(read(fields[2], handle.invisible_time));
    RMQ_CHECK(read(fields[3], handle.revive_qid));
    handle.ck_queue_offset = clamp_pop_number(handle.ck_queue_offset);
    handle.pop_time = clamp_pop_number(handle.pop_time);
    handle.invisible_time = clamp_pop_number(handle.invisible_time);
    handle.broker_name = fields[5];
    return handle;
}

std::string build_extra_info(const PopHandle& handle, PopTopicKind kind) {
    std::string text = std::to_string(handle.ck_queue_offset);
    for (const auto number : {handle.pop_time, handle.invisible_time,
                              std::int64_t{handle.revive_qid}, static_cast<std::int64_t>(kind)}) {
        text += kBlank;
        text += std::to_string(number);
    }
    text += kBlank;
    text += handle.broker_name;
    text += kBlank;
    text += std::to_string(handle.queue_id);
    text += kBlank;
    text += std::to_string(handle.queue_offset);
    return text;
}

void add_start_offset_info(std::string& text, PopTopicKind kind, std::int32_t queue_id,
                           std::int64_t start_offset) {
    begin_entry(text, kind);
    text += std::to_string(queue_id);
    text += kBlank;
    text += std::to_string(start_offset);
}

void add_msg_offset_info(std::string& text, PopTopicKind kind, std::int32_t queue_id,
                         std::span<const std::int64_t> offsets) {
    begin_entry(text, kind);
    text += std::to_string(queue_id);
    char before = kBlank;
    for (const auto offset : offsets) {
        text += before;
        text += std::to_string(offset);
        before = ',';
    }
}

void add_queue_order_count(std::string& text, PopTopicKind kind, std::int32_t queue_id,
                           std::int32_t count) {
    add_start_offset_info(text, kind, queue_id, count);
}

void add_offset_order_count(std::string& text, PopTopicKind kind, std::int32_t queue_id,
                            const OrderCount& order_count) {
    begin_entry(text, kind);
    text += "qo";
    text += std::to_string(queue_id);
    text += '%';
    text += std::to_string(order_count.offset);
    text += kBlank;
    text += std::to_string(order_count.count);
}

}  // namespace rmq
