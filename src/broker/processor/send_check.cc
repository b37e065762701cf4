// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/send_check.h"

#include "broker/broker_config.h"
#include "broker/topic/topic_config_manager.h"
#include "broker/topic/topic_validator.h"

#include <fmt/core.h>

#include <algorithm>

namespace rmq::broker {
namespace {

SendCheck refuse(ResponseCode code, std::string remark) {
    return {nullptr, code, std::move(remark)};
}

// Source: TopicConfig.toString, PermName.perm2String.
std::string describe(const TopicConfig& topic) {
    std::string attributes;
    for (const auto& [key, value] : topic.attributes) {
        attributes += (attributes.empty() ? "" : ", ") + key + "=" + value;
    }
    return fmt::format(
        "TopicConfig [topicName={}, readQueueNums={}, writeQueueNums={}, perm={}{}{}, "
        "topicFilterType={}, topicSysFlag={}, order={}, attributes={{{}}}]",
        topic.topic_name, topic.read_queue_nums, topic.write_queue_nums,
        (topic.perm & perm::kRead) != 0 ? 'R' : '-', (topic.perm & perm::kWrite) != 0 ? 'W' : '-',
        (topic.perm & perm::kInherit) != 0 ? 'X' : '-',
        topic_filter_type_name(topic.topic_filter_type), topic.topic_sys_flag, topic.order,
        attributes);
}

std::shared_ptr<const TopicConfig> create_topic(TopicConfigManager& topics,
                                                const SendMessageRequestHeader& header) {
    const bool is_retry = header.topic.starts_with(topic_name::kRetryPrefix);
    std::int32_t sys_flag = 0;
    if (header.unit_mode.value_or(false)) {
        sys_flag = is_retry ? topic_sys_flag::kUnitSub : topic_sys_flag::kUnit;
    }
    auto topic = topics.create_in_send({.topic = header.topic,
                                        .default_topic = header.default_topic,
                                        .default_topic_queue_nums = header.default_topic_queue_nums,
                                        .topic_sys_flag = sys_flag});
    if (topic == nullptr && is_retry) {
        topic = topics.create_in_send_back(header.topic, 1, perm::kRead | perm::kWrite, sys_flag);
    }
    return topic;
}

}  // namespace

SendCheck check_send(const BrokerConfig& config, TopicConfigManager& topics,
                     const SendMessageRequestHeader& header, const Connection& connection) {
    auto topic = topics.select(header.topic);
    if ((config.broker_permission & perm::kWrite) == 0 && topic != nullptr && topic->order) {
        return refuse(
            ResponseCode::NO_PERMISSION,
            fmt::format("the broker[{}] sending message is forbidden", config.broker_ip1));
    }
    if (auto valid = validate_topic(header.topic); !valid) {
        return refuse(ResponseCode::INVALID_PARAMETER, valid.error().remark);
    }
    if (is_not_allowed_send_topic(header.topic)) {
        return refuse(ResponseCode::NO_PERMISSION,
                      fmt::format("Sending message to topic[{}] is forbidden.", header.topic));
    }
    if (topic == nullptr) {
        topic = create_topic(topics, header);
    }
    if (topic == nullptr) {
        return refuse(
            ResponseCode::TOPIC_NOT_EXIST,
            fmt::format("topic[{}] not exist, apply first please!{}", header.topic, kSuggestTodo));
    }
    if (header.queue_id >= std::max(topic->write_queue_nums, topic->read_queue_nums)) {
        return refuse(
            ResponseCode::INVALID_PARAMETER,
            fmt::format("request queueId[{}] is illegal, {} Producer: {}", header.queue_id,
                        describe(*topic), connection.peer().to_string()));
    }
    SendCheck passed;
    passed.topic = std::move(topic);
    return passed;
}

}  // namespace rmq::broker
