// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/admin/connection_admin.h"

#include "broker/broker_config.h"
#include "broker/client/broker2client.h"
#include "broker/client/consumer_manager.h"
#include "broker/client/producer_manager.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/processor/admin/admin_handler.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/topic/topic_config_manager.h"
#include "common/message/message_id.h"
#include "remoting/protocol/body/connection_list.h"
#include "remoting/protocol/body/json_fields.h"
#include "remoting/protocol/body/topic_list.h"
#include "remoting/protocol/header/admin.h"
#include "remoting/protocol/header/client.h"
#include "remoting/protocol/header/subscription_group.h"
#include "remoting/protocol/header/topic.h"
#include "store/message_store.h"

#include <nlohmann/json.hpp>

#include <utility>

namespace rmq::broker {

namespace {

std::vector<ConnectionInfo> infos_of(const std::vector<ClientChannelInfo>& channels) {
    std::vector<ConnectionInfo> infos;
    infos.reserve(channels.size());
    for (const auto& channel : channels) {
        infos.push_back({.client_id = channel.client_id,
                         .client_addr = channel.connection->peer().to_string(),
                         .language = channel.language,
                         .version = channel.version,
                         .last_update_timestamp = channel.last_update_ms});
    }
    return infos;
}

// The fields of a request that is passed on, without those that the broker sets itself.
OutboundCommand passed_on(RequestCode code, const Request& request,
                          std::initializer_list<std::string_view> left_out) {
    OutboundCommand command(code);
    for (const auto& field : request.ext()) {
        if (std::find(left_out.begin(), left_out.end(), field.key) == left_out.end()) {
            command.ext.add(field.key, field.value);
        }
    }
    command.body = std::string(request.body());
    return command;
}

}  // namespace

void ConnectionAdmin::register_in(RequestRegistry& registry, const AdminQueue& queue) {
    using Self = ConnectionAdmin;
    const auto immediate = [&](RequestCode code, auto member) {
        registry.add(code, answer_inline([this, member](const Request& request) {
                         return (this->*member)(request);
                     }));
    };
    const auto blocking = [&](RequestCode code, auto member) {
        registry.add(code, answer_on(queue, [this, member](const Request& request) {
                         return (this->*member)(request);
                     }));
    };
    immediate(RequestCode::GET_CONSUMER_CONNECTION_LIST, &Self::get_consumer_connections);
    immediate(RequestCode::GET_PRODUCER_CONNECTION_LIST, &Self::get_producer_connections);
    immediate(RequestCode::GET_ALL_PRODUCER_INFO, &Self::get_all_producers);
    immediate(RequestCode::QUERY_SUBSCRIPTION_BY_CONSUMER, &Self::query_subscription);
    blocking(RequestCode::QUERY_TOPIC_CONSUME_BY_WHO, &Self::query_topic_consume_by_who);
    blocking(RequestCode::QUERY_TOPICS_BY_CONSUMER, &Self::query_topics_by_consumer);
    registry.add(RequestCode::INVOKE_BROKER_TO_GET_CONSUMER_STATUS,
                 [this](const Request& request, Responder responder) {
                     get_consumer_status(request, std::move(responder));
                 });
    registry.add(RequestCode::GET_CONSUMER_RUNNING_INFO,
                 [this](const Request& request, Responder responder) {
                     get_consumer_running_info(request, std::move(responder));
                 });
    registry.add(RequestCode::CONSUME_MESSAGE_DIRECTLY,
                 relay_on(queue, [this](const Request& request, Responder responder) {
                     consume_message_directly(request, std::move(responder));
                 }));
}

Result<Response> ConnectionAdmin::get_consumer_connections(const Request& request) {
    RMQ_TRY(const auto header, decode_header<ConsumerGroupRequestHeader>(request.ext()));
    auto group = parts_.consumers.group(header.consumer_group);
    if (!group) {
        return Response(
            ResponseCode::CONSUMER_NOT_ONLINE,
            "the consumer group[" + std::string(header.consumer_group) + "] not online");
    }
    ConsumerConnection body;
    body.connections = infos_of(group->channels);
    body.subscription_table = std::move(group->subscriptions);
    body.consume_type = group->consume_type;
    body.message_model = group->message_model;
    body.consume_from_where = group->consume_from_where;
    return success_with(encode(body));
}

Result<Response> ConnectionAdmin::get_producer_connections(const Request& request) {
    RMQ_TRY(const auto header, decode_header<ProducerGroupRequestHeader>(request.ext()));
    const auto channels = parts_.producers.channels(header.producer_group);
    if (channels.empty()) {
        return Response(ResponseCode::SYSTEM_ERROR,
                        "the producer group[" + std::string(header.producer_group) + "] not exist");
    }
    return success_with(encode_producer_connection(infos_of(channels)));
}

Result<Response> ConnectionAdmin::get_all_producers(const Request&) {
    std::map<std::string, std::vector<ConnectionInfo>> by_group;
    for (const auto& [group, channels] : parts_.producers.table()) {
        by_group[group] = infos_of(channels);
    }
    return success_with(encode_producer_table(by_group));
}

Result<Response> ConnectionAdmin::query_topic_consume_by_who(const Request& request) {
    RMQ_TRY(const auto header, decode_header<TopicRequestHeader>(request.ext()));
    auto groups = parts_.consumers.groups_consuming(header.topic);
    groups.merge(parts_.offsets.groups_of_topic(header.topic));
    return success_with(dump_json({{"groupList", groups}}));
}

Result<Response> ConnectionAdmin::query_topics_by_consumer(const Request& request) {
    RMQ_TRY(const auto header, decode_header<GroupRequestHeader>(request.ext()));
    const auto topics = parts_.offsets.topics_of_group(header.group);
    return success_with(encode(TopicList{.topic_list = {topics.begin(), topics.end()},
                                         .broker_addr = broker_address(parts_.config)}));
}

Result<Response> ConnectionAdmin::query_subscription(const Request& request) {
    RMQ_TRY(const auto header,
            decode_header<QuerySubscriptionByConsumerRequestHeader>(request.ext()));
    nlohmann::json body{{"group", header.group}};
    if (header.topic) {
        body["topic"] = *header.topic;
        if (const auto group = parts_.consumers.group(header.group)) {
            const auto found = group->subscriptions.find(std::string(*header.topic));
            if (found != group->subscriptions.end()) {
                body["subscriptionData"] = to_json(found->second);
            }
        }
    }
    return success_with(dump_json(body));
}

void ConnectionAdmin::get_consumer_status(const Request& request, Responder responder) {
    const auto header = decode_header<GetConsumerStatusRequestHeader>(request.ext());
    if (!header) {
        responder.send(ResponseCode::SYSTEM_ERROR, header.error().remark);
        return;
    }
    parts_.to_clients.get_consume_status(header->topic, header->group,
                                         header->client_addr.value_or(""), std::move(responder));
}

void ConnectionAdmin::get_consumer_running_info(const Request& request, Responder responder) {
    const auto header = decode_header<GetConsumerRunningInfoRequestHeader>(request.ext());
    if (!header) {
        responder.send(ResponseCode::SYSTEM_ERROR, header.error().remark);
        return;
    }
    parts_.to_clients.call_consumer(header->consumer_group, header->client_id,
                                    passed_on(RequestCode::GET_CONSUMER_RUNNING_INFO, request, {}),
                                    std::move(responder));
}

void ConnectionAdmin::consume_message_directly(const Request& request, Responder responder) {
    const auto header = decode_header<ConsumeMessageDirectlyRequestHeader>(request.ext());
    if (!header) {
        responder.send(ResponseCode::SYSTEM_ERROR, header.error().remark);
        return;
    }
    auto command = passed_on(RequestCode::CONSUME_MESSAGE_DIRECTLY, request,
                             {"brokerName", "topicSysFlag", "groupSysFlag"});
    command.ext.add("brokerName", parts_.config.broker_name);
    if (const auto topic = parts_.topics.select(header->topic.value_or(""))) {
        command.ext.add("topicSysFlag", topic->topic_sys_flag);
    }
    if (!header->consumer_group.empty()) {
        if (const auto group = parts_.groups.find(header->consumer_group)) {
            command.ext.add("groupSysFlag", group->group_sys_flag);
        }
    }
    const auto id = parse_offset_message_id(header->msg_id.value_or(""));
    if (!id) {
        responder.send(ResponseCode::SYSTEM_ERROR, "msgId is not an offset message id: " +
                                                       std::string(header->msg_id.value_or("")));
        return;
    }
    const auto record = parts_.store.record_at(id->offset);
    if (!record) {
        responder.send(ResponseCode::SYSTEM_ERROR,
                       "can not find message by the offset, " + std::to_string(id->offset.value));
        return;
    }
    command.body = std::string(record->bytes);
    parts_.to_clients.call_consumer(header->consumer_group, header->client_id.value_or(""), command,
                                    std::move(responder));
}

}  // namespace rmq::broker
