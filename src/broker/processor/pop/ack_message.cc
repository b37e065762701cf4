// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/pop/ack_message.h"

#include "broker/broker_config.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/pop/consumer_order_info_manager.h"
#include "broker/pop/pop_buffer_merge_service.h"
#include "broker/pop/pop_inflight_counter.h"
#include "broker/pop/pop_long_polling_service.h"
#include "broker/pop/pop_queue_locks.h"
#include "broker/pop/pop_revive_log.h"
#include "broker/pop/pop_store.h"
#include "broker/processor/lite/lite_receipt.h"
#include "broker/processor/pop/pop_check.h"
#include "broker/response_mapping.h"
#include "common/log.h"
#include "remoting/protocol/body/batch_ack.h"
#include "remoting/protocol/extra_info.h"
#include "remoting/protocol/header/pop.h"
#include "remoting/protocol/header_codec.h"

#include <fmt/core.h>

namespace rmq::broker {

namespace {

// Source: ExtraInfoUtil.getRealTopic.
Result<std::string> real_topic(const BatchAck& ack) {
    if (ack.retry == "0") {
        return ack.topic;
    }
    if (ack.retry == "1") {
        return pop_retry_topic_v1(ack.topic, ack.consumer_group);
    }
    if (ack.retry == "2") {
        return pop_retry_topic_v2(ack.topic, ack.consumer_group);
    }
    return Error{Errc::kInvalidArgument, "getRetry fail, format is wrong"};
}

}  // namespace

void AckMessageProcessor::ack(const Request& request, Responder responder) {
    const auto header = decode_header<AckMessageRequestHeader>(request.ext());
    if (!header) {
        responder.send(error_response(header.error()));
        return;
    }
    if (auto refusal =
            check_pop_queue(c_.topics, {header->topic, header->queue_id}, responder.connection())) {
        responder.send(std::move(*refusal));
        return;
    }
    if (auto answer = c_.lite.ack(*header)) {
        responder.send(std::move(*answer));
        return;
    }
    const auto min = c_.store.min_offset(header->topic, header->queue_id).value;
    const auto max = c_.store.max_offset(header->topic, header->queue_id).value;
    if (header->offset < min || header->offset > max) {
        responder.send(ResponseCode::NO_MESSAGE,
                       fmt::format("offset is illegal, key:{}@{}, commit:{}, store:{}~{}",
                                   header->topic, header->queue_id, header->offset, min, max));
        return;
    }
    const auto handle = parse_extra_info(header->extra_info);
    if (!handle) {
        responder.send(error_response(handle.error()));
        return;
    }
    Response response;
    const PopQueue queue{std::string(header->topic), std::string(header->consumer_group),
                         header->queue_id};
    if (handle->is_order()) {
        ack_orderly(queue, header->offset, handle->pop_time, response);
    } else {
        append(ack_of(*handle, queue, header->offset),
               {handle->revive_qid, handle->pop_time, handle->invisible_time});
    }
    responder.send(std::move(response));
}

void AckMessageProcessor::batch_ack(const Request& request, Responder responder) {
    if (request.body().empty()) {
        responder.send(ResponseCode::NO_MESSAGE);
        return;
    }
    const auto body = parse_batch_ack_request(request.body());
    if (!body) {
        responder.send(error_response(body.error()));
        return;
    }
    if (body->acks.empty()) {
        responder.send(ResponseCode::NO_MESSAGE);
        return;
    }
    Response response;
    for (const auto& ack : body->acks) {
        ack_all(ack, body->broker_name, response);
    }
    responder.send(std::move(response));
}

void AckMessageProcessor::ack_all(const BatchAck& batch, std::string_view broker_name,
                                  Response& response) const {
    const auto topic = real_topic(batch);
    if (!topic) {
        response = error_response(topic.error());
        return;
    }
    const auto min = c_.store.min_offset(*topic, batch.queue_id).value;
    const auto max = c_.store.max_offset(*topic, batch.queue_id).value;
    if (min < 0) {
        return;
    }
    AckMsg ack;
    ack.topic = *topic;
    ack.group = batch.consumer_group;
    ack.broker_name = broker_name;
    ack.queue_id = batch.queue_id;
    ack.start_offset = batch.start_offset;
    ack.pop_time = batch.pop_time;
    ack.is_batch = true;
    for (const auto offset : batch.offsets) {
        if (offset < min || offset > max) {
            continue;
        }
        if (batch.revive_queue_id == kPopOrderReviveQueue) {
            ack_orderly({ack.topic, ack.group, ack.queue_id}, offset, ack.pop_time, response);
        } else {
            ack.ack_offsets.push_back(offset);
        }
    }
    if (!ack.ack_offsets.empty()) {
        append(ack, {batch.revive_queue_id, batch.pop_time, batch.invisible_time});
    }
}

// Source: AckMessageProcessor.appendAck.
void AckMessageProcessor::append(const AckMsg& ack, const Timing& timing) const {
    const PopQueue queue{ack.topic, ack.group, ack.queue_id};
    if (!c_.buffer.add_ack(ack)) {
        const auto put =
            c_.log.put(ack, timing.revive_qid, timing.pop_time + timing.invisible_time);
        if (put.status != store::PutMessageStatus::PUT_OK) {
            static LogLimiter limiter;
            if (const auto admission = limiter.admit(c_.clock.monotonic_ms()); admission.admitted) {
                log_of("broker").warn(
                    "pop_ack_not_stored topic={} group={} status={} suppressed={}", ack.topic,
                    ack.group, store::put_message_status_name(put.status), admission.suppressed);
            }
        }
    }
    c_.inflight.decrement(queue, timing.pop_time,
                          ack.is_batch ? static_cast<std::int64_t>(ack.ack_offsets.size()) : 1);
    if (c_.config.enable_pop_message_threshold) {
        c_.polling.notify_queue(pop_normal_topic(ack.topic, ack.group), ack.group, ack.queue_id);
    }
}

// Waits for the queue's lock, whose holders do little. Source: AckMessageProcessor.ackOrderly.
void AckMessageProcessor::ack_orderly(const PopQueue& queue, std::int64_t offset,
                                      std::int64_t pop_time, Response& response) const {
    const auto position = queue.view();
    using Commit = ConsumerOrderInfoManager::Commit;
    bool is_free = false;
    {
        const auto guard = c_.locks.lock(queue);
        const auto before = c_.offsets.query(position);
        if (offset < before) {
            return;
        }
        const auto committed = c_.order_infos.commit(queue, offset, pop_time);
        if (committed.outcome == Commit::kUnknownOffset) {
            response =
                Response(ResponseCode::MESSAGE_ILLEGAL,
                         fmt::format("offset is illegal, key:{}@{}@{}, old:{}, commit:{}, "
                                     "next:-1",
                                     queue.topic, queue.group, queue.queue_id, before, offset));
            return;
        }
        if (committed.outcome == Commit::kCommitted) {
            if (!c_.offsets.has_reset(position)) {
                c_.offsets.commit(position, committed.next_offset);
            }
            is_free = !c_.order_infos.is_blocked(queue, {}, 0);
        }
    }
    if (is_free) {
        c_.polling.notify_queue(queue.topic, queue.group, queue.queue_id);
    }
    c_.inflight.decrement(queue, pop_time, 1);
}

}  // namespace rmq::broker
