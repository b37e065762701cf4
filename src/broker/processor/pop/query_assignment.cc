// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/pop/query_assignment.h"

#include "broker/broker_config.h"
#include "broker/client/consumer_manager.h"
#include "broker/pop/message_request_mode_manager.h"
#include "broker/pop/queue_allocation.h"
#include "broker/pop/topic_route_info_manager.h"
#include "broker/response_mapping.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/topic/topic_config_manager.h"
#include "broker/topic/topic_validator.h"
#include "common/light_queue.h"
#include "remoting/protocol/body/assignment.h"
#include "remoting/protocol/body/json_fields.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace rmq::broker {

void QueryAssignmentProcessor::query_assignment(const Request& request, Responder responder) {
    auto body = parse_query_assignment_request(request.body());
    if (!body) {
        responder.send(error_response(body.error()));
        return;
    }
    // A light queue has no route: it is here. Source: QueryAssignmentProcessor.doLoadBalance.
    if (is_light_queue(body->topic) && body->message_model != MessageModel::BROADCASTING) {
        const auto setting = mode_of(*body);
        const std::set<MessageQueue> only{{body->topic, c_.config.broker_name, kLightQueueId}};
        Response response;
        response.body =
            encode_query_assignment_response(balance(*body, setting, only), setting.mode);
        responder.send(std::move(response));
        return;
    }
    auto topic = body->topic;
    c_.routes.find_queues(std::move(topic), [this, body = std::move(*body),
                                             responder =
                                                 std::move(responder)](const Queues& all) mutable {
        const auto setting = mode_of(body);
        Response response;
        response.body = encode_query_assignment_response(balance(body, setting, all), setting.mode);
        responder.send(std::move(response));
    });
}

MessageRequestModeSetting QueryAssignmentProcessor::mode_of(
    const QueryAssignmentRequestBody& request) const {
    if (auto setting = c_.modes.find(request.topic, request.consumer_group)) {
        return std::move(*setting);
    }
    MessageRequestModeSetting setting;
    setting.topic = request.topic;
    setting.consumer_group = request.consumer_group;
    // Retried messages of pull mode are always pulled.
    if (!request.topic.starts_with(topic_name::kRetryPrefix) &&
        c_.config.default_message_request_mode.get() == "POP") {
        setting.mode = MessageRequestMode::POP;
        setting.pop_share_queue_num = c_.config.default_pop_share_queue_num;
    }
    return setting;
}

QueryAssignmentProcessor::Queues QueryAssignmentProcessor::balance(
    const QueryAssignmentRequestBody& request, const MessageRequestModeSetting& setting,
    const Queues& all) const {
    if (!all || request.message_model == MessageModel::BROADCASTING ||
        !c_.config.server_load_balancer_enable) {
        return all;
    }
    auto client_ids = c_.consumers.client_ids(request.consumer_group);
    if (client_ids.empty() && !c_.consumers.group(request.consumer_group)) {
        return std::nullopt;
    }
    std::sort(client_ids.begin(), client_ids.end());
    const std::vector<MessageQueue> queues(all->begin(), all->end());
    const AllocationRequest wish{request.strategy_name, request.client_id, queues, client_ids};
    const bool is_known_strategy =
        request.strategy_name == "AVG" || request.strategy_name == "AVG_BY_CIRCLE";
    if (!is_known_strategy) {
        return std::nullopt;
    }
    const auto own = setting.mode == MessageRequestMode::POP
                         ? allocate_queues_for_pop(wish, setting.pop_share_queue_num)
                         : allocate_queues(wish);
    return own ? Queues(std::set<MessageQueue>(own->begin(), own->end())) : std::nullopt;
}

void QueryAssignmentProcessor::set_message_request_mode(const Request& request,
                                                        Responder responder) {
    const auto json = parse_body_json(request.body());
    if (!json) {
        responder.send(error_response(json.error()));
        return;
    }
    auto setting = parse_message_request_mode_setting(*json);
    if (!setting) {
        responder.send(error_response(setting.error()));
        return;
    }
    if (setting->topic.starts_with(topic_name::kRetryPrefix)) {
        responder.send(ResponseCode::NO_PERMISSION, "retry topic is not allowed to set mode");
    } else if (!c_.topics.contains(setting->topic)) {
        responder.send(ResponseCode::TOPIC_NOT_EXIST, "topic[" + setting->topic + "] not exist");
    } else if (c_.groups.find(setting->consumer_group) == nullptr) {
        responder.send(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST,
                       "subscription group does not exist");
    } else {
        c_.modes.set(std::move(*setting));
        responder.send(Response());
    }
}

void QueryAssignmentProcessor::get_all_message_request_mode(const Request& /*request*/,
                                                            Responder responder) {
    Response response;
    response.body = c_.modes.encode();
    responder.send(std::move(response));
}

}  // namespace rmq::broker
