// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/client_manage.h"

#include "broker/broker_config.h"
#include "broker/client/consumer_manager.h"
#include "broker/client/producer_manager.h"
#include "broker/filter/consumer_filter_manager.h"
#include "broker/response_mapping.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/topic/topic_config_manager.h"
#include "broker/topic/topic_validator.h"
#include "remoting/protocol/body/heartbeat_data.h"
#include "remoting/protocol/header/client.h"
#include "remoting/protocol/header_codec.h"

#include <fmt/core.h>

namespace rmq::broker {

void ClientManageProcessor::heart_beat(const Request& request, Responder responder) {
    const auto data = parse_heartbeat_data(request.body());
    if (!data) {
        responder.send(error_response(data.error()));
        return;
    }
    ClientChannelInfo channel;
    channel.connection = request.connection;
    channel.client_id = data->client_id;
    channel.language = request.command.language;
    channel.version = request.command.version;

    HeartbeatResponseHeader header;
    const bool is_v2 = data->heartbeat_fingerprint != 0;
    const bool is_other_fingerprint = register_consumers(*data, channel);
    header.is_sub_change = !is_v2 || is_other_fingerprint;
    for (const auto& group : data->producer_groups) {
        c_.producers.register_producer(group, channel);
    }
    Response response;
    encode_header(header, response.ext);
    responder.send(std::move(response));
}

bool ClientManageProcessor::register_consumers(const HeartbeatData& data,
                                               const ClientChannelInfo& channel) {
    bool is_other_fingerprint = false;
    for (const auto& consumer : data.consumers) {
        if (c_.config.reject_pull_consumer_enable &&
            consumer.consume_type == ConsumeType::CONSUME_ACTIVELY) {
            continue;
        }
        const auto group = c_.groups.find(consumer.group_name);
        if (group == nullptr) {
            continue;
        }
        const auto last =
            c_.consumers.exchange_fingerprint(consumer.group_name, data.heartbeat_fingerprint);
        if (last && *last != data.heartbeat_fingerprint) {
            is_other_fingerprint = true;
        }
        // The short form for a group without members, as after a restart or a long pause, brings
        // back no subscriptions. The original leaves the group without; here the client is asked
        // for the full form.
        if (data.is_without_sub && !c_.consumers.is_online(consumer.group_name)) {
            is_other_fingerprint = true;
        }
        register_consumer(data, consumer, *group, channel);
    }
    return is_other_fingerprint;
}

void ClientManageProcessor::register_consumer(const HeartbeatData& data,
                                              const ConsumerData& consumer,
                                              const SubscriptionGroupConfig& group,
                                              const ClientChannelInfo& channel) {
    const auto retry_topic = std::string(topic_name::kRetryPrefix) + consumer.group_name;
    c_.topics.create_in_send_back(retry_topic, group.retry_queue_nums, perm::kRead | perm::kWrite,
                                  consumer.unit_mode ? topic_sys_flag::kUnitSub : 0);
    const bool notify = group.notify_consumer_ids_changed_enable;
    if (data.heartbeat_fingerprint != 0 && data.is_without_sub) {
        c_.consumers.register_consumer_without_sub(consumer, channel, notify);
    } else {
        c_.consumers.register_consumer(consumer, channel, notify);
        c_.filters.register_group(consumer.group_name, consumer.subscriptions);
    }
}

void ClientManageProcessor::unregister_client(const Request& request, Responder responder) {
    const auto header = decode_header<UnregisterClientRequestHeader>(request.ext());
    if (!header) {
        responder.send(error_response(header.error()));
        return;
    }
    if (header->producer_group) {
        c_.producers.unregister_producer(*header->producer_group, *request.connection);
    }
    if (header->consumer_group) {
        const auto group = c_.groups.find(*header->consumer_group);
        c_.consumers.unregister_consumer(
            *header->consumer_group, *request.connection,
            group == nullptr || group->notify_consumer_ids_changed_enable);
    }
    responder.send(Response());
}

void ClientManageProcessor::check_client_config(const Request& request, Responder responder) {
    const auto body = parse_check_client_request(request.body());
    if (!body) {
        responder.send(error_response(body.error()));
        return;
    }
    const auto& subscription = body->subscription;
    if (!is_tag_type(subscription.expression_type)) {
        if (!c_.config.enable_property_filter) {
            responder.send(
                ResponseCode::SYSTEM_ERROR,
                fmt::format("The broker does not support consumer to filter message by {}",
                            subscription.expression_type));
            return;
        }
        const auto compiled =
            compile_expression(subscription.expression_type, subscription.sub_string);
        if (!compiled) {
            responder.send(ResponseCode::SUBSCRIPTION_PARSE_FAILED, compiled.error().remark);
            return;
        }
    }
    responder.send(Response());
}

}  // namespace rmq::broker
