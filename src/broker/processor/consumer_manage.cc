// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/consumer_manage.h"

#include "broker/broker_config.h"
#include "broker/client/consumer_manager.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/response_mapping.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/topic/topic_config_manager.h"
#include "remoting/protocol/body/json_fields.h"
#include "remoting/protocol/header/client.h"
#include "remoting/protocol/header/offset.h"
#include "remoting/protocol/header_codec.h"
#include "store/message_store.h"

#include <fmt/core.h>

namespace rmq::broker {

void ConsumerManageProcessor::get_consumer_list_by_group(const Request& request,
                                                         Responder responder) {
    const auto header = decode_header<ConsumerGroupRequestHeader>(request.ext());
    if (!header) {
        responder.send(error_response(header.error()));
        return;
    }
    const auto ids = c_.consumers.client_ids(header->consumer_group);
    if (ids.empty()) {
        responder.send(ResponseCode::SYSTEM_ERROR,
                       fmt::format("no consumer for this group, {}", header->consumer_group));
        return;
    }
    // Source: GetConsumerListByGroupResponseBody.
    Response response;
    response.body = R"({"consumerIdList":[)";
    for (const auto& id : ids) {
        if (response.body.back() != '[') {
            response.body += ',';
        }
        append_json_string(response.body, id);
    }
    response.body += "]}";
    responder.send(std::move(response));
}

void ConsumerManageProcessor::query_consumer_offset(const Request& request, Responder responder) {
    const auto header = decode_header<QueryConsumerOffsetRequestHeader>(request.ext());
    if (!header) {
        responder.send(error_response(header.error()));
        return;
    }
    OffsetResponseHeader answer;
    answer.offset = c_.offsets.query({header->consumer_group, header->topic, header->queue_id});
    if (answer.offset < 0) {
        if (header->set_zero_if_not_found && !*header->set_zero_if_not_found) {
            responder.send(ResponseCode::QUERY_NOT_FOUND,
                           "Not found, do not set to zero, maybe this group boot first");
            return;
        }
        if (!starts_at_zero(header->topic, header->queue_id)) {
            responder.send(ResponseCode::QUERY_NOT_FOUND,
                           "Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first");
            return;
        }
        answer.offset = 0;
    }
    Response response;
    encode_header(answer, response.ext);
    responder.send(std::move(response));
}

// A new group on a queue that still has its beginning at hand starts there, whatever its
// ConsumeFromWhere says. So it does on a queue to which nothing was sent: where the original says
// "not found", the client asks for the maximum next, and loses what was sent between the two.
bool ConsumerManageProcessor::starts_at_zero(std::string_view topic, std::int32_t queue_id) const {
    const auto config = c_.topics.select(topic);
    if (config != nullptr && queue_id >= 0 && queue_id < config->read_queue_nums &&
        c_.store.max_offset(topic, queue_id).value == 0) {
        return true;
    }
    return c_.store.min_offset(topic, queue_id).value <= 0 &&
           c_.store.is_offset_in_memory(topic, queue_id, QueueOffset{0});
}

void ConsumerManageProcessor::update_consumer_offset(const Request& request, Responder responder) {
    const auto header = decode_header<UpdateConsumerOffsetRequestHeader>(request.ext());
    if (!header) {
        responder.send(error_response(header.error()));
        return;
    }
    if (!c_.groups.contains(header->consumer_group)) {
        responder.send(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST,
                       fmt::format("Group {} not exist!", header->consumer_group));
        return;
    }
    if (!c_.topics.contains(header->topic)) {
        responder.send(ResponseCode::TOPIC_NOT_EXIST,
                       fmt::format("Topic {} not exist!", header->topic));
        return;
    }
    const GroupQueue queue{header->consumer_group, header->topic, header->queue_id};
    if (c_.config.use_server_side_reset_offset && c_.offsets.has_reset(queue)) {
        responder.send(ResponseCode::SUCCESS, "Offset has been previously reset");
        return;
    }
    c_.offsets.commit(queue, header->commit_offset);
    responder.send(Response());
}

}  // namespace rmq::broker
