// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/pop/pop_check.h"

#include "broker/broker_config.h"
#include "broker/processor/send_check.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/topic/topic_config_manager.h"

#include <fmt/core.h>

namespace rmq::broker {

namespace {

Response no_topic(std::string_view topic) {
    return Response(
        ResponseCode::TOPIC_NOT_EXIST,
        fmt::format("topic[{}] not exist, apply first please! {}", topic, kSuggestTodo));
}

std::string illegal_queue(std::int32_t queue_id, const TopicConfig& topic,
                          const Connection& connection) {
    return fmt::format(
        "queueId[{}] is illegal, topic:[{}] topicConfig.readQueueNums:[{}] consumer:[/{}]",
        queue_id, topic.topic_name, topic.read_queue_nums, connection.peer().to_string());
}

}  // namespace

PopAccess check_pop_access(const PopAccessTables& tables, const PopAccessRequest& request,
                           const Connection& connection) {
    const auto refuse = [](ResponseCode code, std::string remark) {
        return PopAccess{.refusal = Response(code, std::move(remark))};
    };
    if ((tables.config.broker_permission & perm::kRead) == 0) {
        return refuse(ResponseCode::NO_PERMISSION,
                      fmt::format("the broker[{}] {} message is forbidden",
                                  tables.config.broker_ip1, request.verb));
    }
    auto topic = tables.topics.select(request.topic);
    if (topic == nullptr) {
        return {.refusal = no_topic(request.topic)};
    }
    if ((topic->perm & perm::kRead) == 0) {
        return refuse(ResponseCode::NO_PERMISSION,
                      fmt::format("the topic[{}] peeking message is forbidden", request.topic));
    }
    if (request.queue_id >= topic->read_queue_nums) {
        return refuse(ResponseCode::INVALID_PARAMETER,
                      illegal_queue(request.queue_id, *topic, connection));
    }
    auto group = tables.groups.find(request.group);
    if (group == nullptr) {
        return refuse(
            ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST,
            fmt::format("subscription group [{}] does not exist, {}", request.group, kSuggestTodo));
    }
    if (!group->consume_enable) {
        return refuse(ResponseCode::NO_PERMISSION,
                      fmt::format("subscription group no permission, {}", request.group));
    }
    return {.topic = std::move(topic), .group = std::move(group)};
}

std::optional<Response> check_pop_queue(TopicConfigManager& topics, const PopQueueRequest& request,
                                        const Connection& connection) {
    const auto topic = topics.select(request.topic);
    if (topic == nullptr) {
        return no_topic(request.topic);
    }
    if (request.queue_id < 0 || request.queue_id >= topic->read_queue_nums) {
        return Response(ResponseCode::MESSAGE_ILLEGAL,
                        illegal_queue(request.queue_id, *topic, connection));
    }
    return std::nullopt;
}

}  // namespace rmq::broker
