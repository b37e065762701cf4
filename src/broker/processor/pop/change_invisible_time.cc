// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/pop/change_invisible_time.h"

#include "broker/broker_config.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/pop/consumer_order_info_manager.h"
#include "broker/pop/pop_buffer_merge_service.h"
#include "broker/pop/pop_queue_locks.h"
#include "broker/pop/pop_revive_log.h"
#include "broker/pop/pop_store.h"
#include "broker/processor/lite/lite_receipt.h"
#include "broker/processor/pop/pop_check.h"
#include "broker/response_mapping.h"
#include "remoting/protocol/extra_info.h"
#include "remoting/protocol/header/pop.h"
#include "remoting/protocol/header_codec.h"

#include <algorithm>
#include <utility>

namespace rmq::broker {

namespace {

Response changed(const ChangeInvisibleTimeResponseHeader& header) {
    Response response;
    encode_header(header, response.ext);
    return response;
}

}  // namespace

void ChangeInvisibleTimeProcessor::process(const Request& request, Responder responder) {
    const auto header = decode_header<ChangeInvisibleTimeRequestHeader>(request.ext());
    if (!header) {
        responder.send(error_response(header.error()));
        return;
    }
    if (auto refusal =
            check_pop_queue(c_.topics, {header->topic, header->queue_id}, responder.connection())) {
        responder.send(std::move(*refusal));
        return;
    }
    if (auto answer = c_.lite.change(*header)) {
        responder.send(std::move(*answer));
        return;
    }
    if (header->offset < c_.store.min_offset(header->topic, header->queue_id).value ||
        header->offset >= c_.store.max_offset(header->topic, header->queue_id).value) {
        auto response = changed({});
        response.code = ResponseCode::NO_MESSAGE;
        responder.send(std::move(response));
        return;
    }
    const auto handle = parse_extra_info(header->extra_info);
    if (!handle) {
        responder.send(error_response(handle.error()));
    } else if (handle->is_order()) {
        change_orderly(*header, *handle, std::move(responder));
    } else {
        change(*header, *handle, std::move(responder));
    }
}

void ChangeInvisibleTimeProcessor::change(const ChangeInvisibleTimeRequestHeader& header,
                                          const PopHandle& handle, Responder responder) const {
    PopCheckPoint point;
    point.topic = header.topic;
    point.group = header.consumer_group;
    point.broker_name = handle.broker_name;
    point.queue_id = header.queue_id;
    point.start_offset = header.offset;
    // Not the old one's, by which the acknowledgement of that would find the new one, too.
    point.pop_time = std::max(c_.clock.now_ms(), handle.pop_time + 1);
    point.invisible_time = clamp_pop_number(header.invisible_time);
    point.num = 1;
    point.diffs = {0};
    point.suspend = header.suspend.value_or(false);
    const auto put = c_.log.put(point, handle.revive_qid);
    if (put.status != store::PutMessageStatus::PUT_OK) {
        auto response = changed({});
        response.code = ResponseCode::SYSTEM_ERROR;
        responder.send(std::move(response));
        return;
    }
    ack_origin(header, handle);
    auto response = changed({.pop_time = point.pop_time,
                             .invisible_time = point.invisible_time,
                             .revive_qid = handle.revive_qid});
    c_.store.when_safe(
        put.end, [response = std::move(response), responder = std::move(responder)]() mutable {
            responder.send(std::move(response));
        });
}

void ChangeInvisibleTimeProcessor::ack_origin(const ChangeInvisibleTimeRequestHeader& header,
                                              const PopHandle& handle) const {
    const auto ack = ack_of(
        handle, {std::string(header.topic), std::string(header.consumer_group), header.queue_id},
        header.offset);
    if (!c_.buffer.add_ack(ack)) {
        // Not stored, the message is delivered twice.
        static_cast<void>(
            c_.log.put(ack, handle.revive_qid, handle.pop_time + handle.invisible_time));
    }
}

// Source: ChangeInvisibleTimeProcessor.processChangeInvisibleTimeForOrder.
void ChangeInvisibleTimeProcessor::change_orderly(const ChangeInvisibleTimeRequestHeader& header,
                                                  const PopHandle& handle,
                                                  Responder responder) const {
    const PopQueue queue{std::string(header.topic), std::string(header.consumer_group),
                         header.queue_id};
    ChangeInvisibleTimeResponseHeader answer;
    {
        const auto guard = c_.locks.lock(queue);
        if (header.offset >= c_.offsets.query(queue.view())) {
            const auto visible_ms = c_.clock.now_ms() + clamp_pop_number(header.invisible_time);
            c_.order_infos.set_visible_at(queue, header.offset, handle.pop_time, visible_ms);
            answer = {.pop_time = handle.pop_time,
                      .invisible_time = visible_ms - handle.pop_time,
                      .revive_qid = handle.revive_qid};
        }
    }
    responder.send(changed(answer));
}

}  // namespace rmq::broker
