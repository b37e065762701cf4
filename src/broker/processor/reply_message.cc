// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/reply_message.h"

#include "broker/broker_config.h"
#include "broker/client/producer_manager.h"
#include "broker/message_copy.h"
#include "broker/metrics/broker_metrics.h"
#include "broker/processor/send_check.h"
#include "broker/processor/send_properties.h"
#include "broker/response_mapping.h"
#include "broker/stats/broker_stats_manager.h"
#include "broker/topic/topic_config_manager.h"
#include "common/log.h"
#include "common/message/message_id.h"
#include "common/message/message_properties.h"
#include "common/message/property_order.h"
#include "remoting/protocol/header_codec.h"
#include "store/message_store.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace rmq::broker {
namespace {

constexpr std::chrono::milliseconds kPushTimeout{10'000};  // Source: Broker2Client.callClient

Result<SendMessageRequestHeader> header_of(const Request& request) {
    if (request.command.code == static_cast<std::int32_t>(RequestCode::SEND_REPLY_MESSAGE)) {
        return decode_header<SendMessageRequestHeader>(request.ext());
    }
    RMQ_TRY(const auto header, decode_header<SendMessageRequestHeaderV2>(request.ext()));
    return static_cast<const SendMessageRequestHeader&>(header);
}

Response start_response(const BrokerConfig& config) {
    Response response;
    response.ext.add(property::kMsgRegion, std::string_view(config.region_id));
    response.ext.add(property::kTraceOn, config.trace_on.get());
    return response;
}

void refuse(const BrokerConfig& config, Responder& responder, ResponseCode code,
            std::string remark) {
    auto response = start_response(config);
    response.code = code;
    response.remark = std::move(remark);
    responder.send(std::move(response));
}

}  // namespace

struct ReplyMessageProcessor::Reply {
    std::string topic;
    std::string body;
    std::string properties;  // as stored; what is pushed also has PUSH_REPLY_TIME
    store::MessageToPut message{};
    Responder responder;
};

void ReplyMessageProcessor::process(const Request& request, Responder responder) {
    const auto header = header_of(request);
    if (!header) {
        responder.send(error_response(header.error()));
        return;
    }
    if (request.body().empty()) {
        // The original fails on the absent body before it looks at anything else.
        responder.send(ResponseCode::SYSTEM_ERROR, "message body is null");
        return;
    }
    const auto start_ms = c_.config.start_accept_send_request_time_stamp.get();
    if (c_.clock.now_ms() < start_ms) {
        refuse(c_.config, responder, ResponseCode::SYSTEM_ERROR,
               "broker unable to service, until " + human_time(start_ms));
        return;
    }
    auto checked = check_send(c_.config, c_.topics, *header, *request.connection);
    if (checked.topic == nullptr) {
        refuse(c_.config, responder, checked.code, std::move(checked.remark));
        return;
    }
    auto reply = std::make_unique<Reply>();
    reply->topic = header->topic;
    reply->body = request.body();
    reply->properties = header->properties.value_or(std::string_view{});
    set_property(reply->properties, property::kMsgRegion, c_.config.region_id);
    set_property(reply->properties, property::kTraceOn, c_.config.trace_on ? "true" : "false");
    order_properties(reply->properties);
    reply->responder = std::move(responder);
    auto& message = reply->message;
    message.queue_id = header->queue_id;
    if (message.queue_id < 0) {
        message.queue_id = random_queue(std::max(1, checked.topic->write_queue_nums));
    }
    message.flag = header->flag;
    message.born_timestamp = header->born_timestamp;
    message.born_host = request.connection->peer();
    message.store_host = c_.store_host;
    message.reconsume_times = header->reconsume_times.value_or(0);
    push(std::move(reply), *header);
}

// Source: ReplyMessageProcessor.pushReplyMessage.
void ReplyMessageProcessor::push(std::unique_ptr<Reply> reply,
                                 const SendMessageRequestHeader& header) {
    const auto found = find_property(reply->properties, property::kReplyToClient);
    if (!found) {
        finish(std::move(reply), "reply message properties[REPLY_TO_CLIENT] is null");
        return;
    }
    const std::string asker(*found);
    const auto channel = c_.producers.find_channel(asker);
    if (!channel) {
        finish(std::move(reply), "push reply message fail, channel of <" + asker + "> not found.");
        return;
    }
    std::string properties = reply->properties;
    set_property(properties, property::kPushReplyTime, std::to_string(c_.clock.now_ms()));
    const std::string born_host = reply->message.born_host.to_string();
    const std::string store_host = c_.store_host.to_string();
    ReplyMessageRequestHeader pushed;
    static_cast<SendMessageRequestHeader&>(pushed) = header;
    pushed.properties = properties;
    pushed.unit_mode = header.unit_mode.value_or(false);
    pushed.born_host = born_host;
    pushed.store_host = store_host;
    pushed.store_timestamp = c_.clock.now_ms();
    OutboundCommand command(RequestCode::PUSH_REPLY_MESSAGE_TO_CLIENT);
    encode_header(pushed, command.ext);
    command.body = reply->body;
    channel->connection->invoke(
        command, kPushTimeout,
        [this, reply = std::move(reply), asker](Result<InboundResponse> answer) mutable {
            const bool is_ok =
                answer && answer->code == static_cast<std::int32_t>(ResponseCode::SUCCESS);
            finish(std::move(reply), is_ok ? "" : "push reply message to " + asker + "fail.");
        });
}

void ReplyMessageProcessor::finish(std::unique_ptr<Reply> reply, std::string failure) {
    auto response = start_response(c_.config);
    SendMessageResponseHeader header;
    header.msg_id = "0";  // clients decode it
    header.queue_id = reply->message.queue_id;
    bool has_header = failure.empty();
    if (!failure.empty()) {
        log_of("broker").warn("reply_not_pushed topic={} why=\"{}\"", reply->topic, failure);
        response.code = ResponseCode::SYSTEM_ERROR;
        response.remark = std::move(failure);
    }
    std::string msg_id;
    if (c_.config.store_reply_message_enable) {
        auto& message = reply->message;
        message.topic = reply->topic;
        message.body = reply->body;
        message.properties = reply->properties;
        const auto result = c_.store.put_message(message);
        if (is_stored(result.status)) {
            c_.stats.on_put({.topic = message.topic,
                             .queue_id = message.queue_id,
                             .bytes = result.end.value - result.physical_offset.value});
            if (auto* const metrics = c_.stats.metrics()) {
                metrics->on_message_in({.topic = message.topic,
                                        .type = read_properties(reply->properties).type(),
                                        .messages = 1,
                                        .bytes = result.end.value - result.physical_offset.value});
            }
            msg_id = make_offset_message_id(c_.store_host, result.physical_offset);
            header.msg_id = msg_id;
            header.queue_offset = result.queue_offset.value;
            has_header = true;
        } else {
            log_of("broker").warn("reply_not_stored topic={} status={}", reply->topic,
                                  store::put_message_status_name(result.status));
        }
        if (is_stored(result.status) && c_.store.needs_flush_wait() &&
            read_properties(reply->properties).waits_for_store()) {
            encode_header(header, response.ext);
            c_.store.when_flushed(
                result.end,
                [response = std::move(response), responder = std::move(reply->responder)](
                    store::PutMessageStatus) mutable { responder.send(std::move(response)); });
            return;
        }
    }
    if (has_header) {
        encode_header(header, response.ext);
    }
    reply->responder.send(std::move(response));
}

}  // namespace rmq::broker
