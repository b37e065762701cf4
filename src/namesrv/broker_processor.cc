// SPDX-License-Identifier: Apache-2.0
#include "namesrv/broker_processor.h"

#include "common/crc32.h"
#include "namesrv/kv_config_manager.h"
#include "namesrv/namesrv_config.h"
#include "namesrv/route_info_manager.h"
#include "remoting/protocol/body/kv_table.h"
#include "remoting/protocol/header/namesrv.h"
#include "remoting/protocol/header_codec.h"

#include <optional>
#include <string>
#include <utility>

namespace rmq::namesrv {

namespace {

Response failed(std::string remark) {
    return Response(ResponseCode::SYSTEM_ERROR, std::move(remark));
}

std::optional<std::string> owned(std::optional<std::string_view> text) {
    return text ? std::optional<std::string>(*text) : std::nullopt;
}

BrokerIdentity identity_of(const BrokerIdentityRequestHeader& header) {
    return {std::string(header.cluster_name), std::string(header.broker_addr),
            std::string(header.broker_name), header.broker_id};
}

// 0 asks for no check.
bool crc_matches(const RegisterBrokerRequestHeader& header, std::string_view body) {
    const auto wanted = header.body_crc32.value_or(0);
    return wanted == 0 || crc32_of(body) == wanted;
}

}  // namespace

void BrokerProcessor::add_to(RequestRegistry& registry) {
    const auto add = [&](RequestCode code, Response (BrokerProcessor::*handle)(const Request&)) {
        registry.add(code, [this, handle](const Request& request, Responder responder) {
            responder.send((this->*handle)(request));
        });
    };
    add(RequestCode::REGISTER_BROKER, &BrokerProcessor::register_broker);
    add(RequestCode::UNREGISTER_BROKER, &BrokerProcessor::unregister_broker);
    add(RequestCode::QUERY_DATA_VERSION, &BrokerProcessor::query_data_version);
    add(RequestCode::BROKER_HEARTBEAT, &BrokerProcessor::broker_heartbeat);
    add(RequestCode::GET_BROKER_MEMBER_GROUP, &BrokerProcessor::broker_member_group);
    add(RequestCode::REGISTER_TOPIC_IN_NAMESRV, &BrokerProcessor::register_topic);
}

Response BrokerProcessor::register_broker(const Request& request) {
    const auto header = decode_header<RegisterBrokerRequestHeader>(request.ext());
    if (!header) {
        return failed(header.error().remark);
    }
    if (!crc_matches(*header, request.body())) {
        return failed("crc32 not match");
    }
    auto body = decode_register_broker_body(request.body(),
                                            {.compressed = header->compressed.value_or(false),
                                             .sender_version = request.command.version});
    if (!body) {
        return failed("Failed to decode RegisterBrokerBody: " + body.error().remark);
    }
    const BrokerRegistration registration{
        .broker = {std::string(header->cluster_name), std::string(header->broker_addr),
                   std::string(header->broker_name), header->broker_id},
        .ha_server_addr = std::string(header->ha_server_addr),
        .zone_name = owned(request.ext().find(kZoneNameKey)),
        .heartbeat_timeout_millis = header->heartbeat_timeout_millis,
        .enable_acting_master = header->enable_acting_master,
        .body = std::move(*body),
        .has_filter_server_list = request.command.version >= mq_version::kV3_0_11,
        .connection = request.connection};
    const auto result = routes_.register_broker(registration);
    if (result.outcome == RegisterOutcome::kRefused) {
        return failed("register broker failed");
    }
    Response response;
    RegisterBrokerResponseHeader answer;
    if (!result.master_addr.empty()) {
        answer.ha_server_addr = result.ha_server_addr;
        answer.master_addr = result.master_addr;
    }
    encode_header(answer, response.ext);
    if (config_.return_order_topic_config_to_broker) {
        if (auto order = kv_configs_.list(kOrderTopicConfigNamespace)) {
            response.body = encode(KvTable{std::move(*order)});
        }
    }
    return response;
}

Response BrokerProcessor::unregister_broker(const Request& request) {
    const auto header = decode_header<BrokerIdentityRequestHeader>(request.ext());
    if (!header) {
        return failed(header.error().remark);
    }
    // Done before the answer, where the original queues it: a client that asks next sees it.
    routes_.unregister_broker(identity_of(*header));
    return Response();
}

Response BrokerProcessor::query_data_version(const Request& request) {
    const auto header = decode_header<BrokerIdentityRequestHeader>(request.ext());
    if (!header) {
        return failed(header.error().remark);
    }
    const auto broker = identity_of(*header);
    const auto known = routes_.broker_data_version(broker);
    const auto theirs = decode_data_version(request.body());
    routes_.update_broker_timestamp(broker);
    Response response;
    encode_header(QueryDataVersionResponseHeader{.changed = !known || !theirs || *known != *theirs},
                  response.ext);
    if (known) {
        response.body = encode(*known);
    }
    return response;
}

Response BrokerProcessor::broker_heartbeat(const Request& request) {
    const auto header = decode_header<BrokerHeartbeatRequestHeader>(request.ext());
    if (!header) {
        return failed(header.error().remark);
    }
    routes_.update_broker_timestamp({std::string(header->cluster_name),
                                     std::string(header->broker_addr),
                                     std::string(header->broker_name), kMasterId});
    return Response();
}

Response BrokerProcessor::broker_member_group(const Request& request) {
    const auto header = decode_header<GetBrokerMemberGroupRequestHeader>(request.ext());
    if (!header) {
        return failed(header.error().remark);
    }
    // The remark is what the original says here in spite of success.
    Response response(ResponseCode::SUCCESS, "not set any response code");
    response.body = encode(routes_.broker_member_group(header->cluster_name, header->broker_name),
                           IntegerKeys::kBare);
    return response;
}

Response BrokerProcessor::register_topic(const Request& request) {
    const auto header = decode_header<NamesrvTopicRequestHeader>(request.ext());
    if (!header) {
        return failed(header.error().remark);
    }
    if (request.body().empty()) {
        return Response();
    }
    const auto route = decode_topic_route_data(request.body());
    if (!route) {
        return failed(route.error().remark);
    }
    routes_.register_topic(header->topic, route->queue_datas);
    return Response();
}

}  // namespace rmq::namesrv
