// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/lite/lite_receipt.h"

#include "broker/lite/lite_event_dispatcher.h"
#include "broker/lite/lite_lifecycle_manager.h"
#include "broker/lite/lite_metadata.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/pop/consumer_order_info_manager.h"
#include "broker/pop/pop_queue_locks.h"
#include "broker/response_mapping.h"
#include "broker/topic/topic_validator.h"
#include "common/light_queue.h"
#include "common/lite_topic.h"
#include "remoting/protocol/extra_info.h"
#include "remoting/protocol/header/pop.h"
#include "remoting/protocol/header_codec.h"

#include <string>
#include <utility>

namespace rmq::broker {

namespace {

template <class Header>
std::optional<PopQueue> lite_queue_of(const Header& header) {
    const auto lite_topic = header.lite_topic.value_or(std::string_view{});
    if (is_blank(lite_topic)) {
        return std::nullopt;
    }
    return PopQueue{lite_queue_name(header.topic, lite_topic).value_or(std::string{}),
                    std::string(header.consumer_group), kLightQueueId};
}

}  // namespace

std::optional<Response> LiteReceiptProcessor::ack(const AckMessageRequestHeader& header) {
    const auto queue = lite_queue_of(header);
    if (!queue) {
        return std::nullopt;
    }
    if (c_.metadata.bind_topic(queue->group) != header.topic) {
        return Response(ResponseCode::INVALID_PARAMETER, "group type or bind topic not match.");
    }
    if (header.offset > c_.lifecycle.max_offset(queue->topic)) {
        return Response(ResponseCode::NO_MESSAGE, "ack offset illegal.");
    }
    const auto handle = parse_extra_info(header.extra_info);
    if (!handle) {
        return error_response(handle.error());
    }
    if (header.queue_id != kLightQueueId || !handle->is_order()) {
        return Response(ResponseCode::INVALID_PARAMETER, "ack queue illegal.");
    }
    using Commit = ConsumerOrderInfoManager::Commit;
    bool is_free = false;
    {
        const auto guard = c_.locks.lock(*queue);
        if (header.offset < c_.offsets.query(queue->view())) {
            return Response(ResponseCode::SUCCESS);
        }
        const auto committed = c_.order_infos.commit(*queue, header.offset, handle->pop_time);
        if (committed.outcome == Commit::kUnknownOffset) {
            return Response(ResponseCode::MESSAGE_ILLEGAL, "ack offset illegal.");
        }
        if (committed.outcome == Commit::kCommitted) {
            if (!c_.offsets.has_reset(queue->view())) {
                c_.offsets.commit(queue->view(), committed.next_offset);
            }
            is_free = !c_.order_infos.is_blocked(*queue, {}, handle->invisible_time);
        }
    }
    if (is_free) {
        c_.events.dispatch(queue->topic, queue->group);
    }
    return Response(ResponseCode::SUCCESS);
}

std::optional<Response> LiteReceiptProcessor::change(
    const ChangeInvisibleTimeRequestHeader& header) {
    const auto queue = lite_queue_of(header);
    if (!queue) {
        return std::nullopt;
    }
    Response response;
    ChangeInvisibleTimeResponseHeader answer;
    if (header.offset > c_.lifecycle.max_offset(queue->topic)) {
        response.code = ResponseCode::NO_MESSAGE;
        encode_header(answer, response.ext);
        return response;
    }
    const auto handle = parse_extra_info(header.extra_info);
    if (!handle) {
        return error_response(handle.error());
    }
    {
        const auto guard = c_.locks.lock(*queue);
        if (header.offset >= c_.offsets.query(queue->view())) {
            const auto visible_ms = c_.clock.now_ms() + clamp_pop_number(header.invisible_time);
            if (header.suspend.value_or(false)) {
                c_.order_infos.suspend(*queue, handle->pop_time, visible_ms);
            } else {
                c_.order_infos.set_visible_at(*queue, header.offset, handle->pop_time, visible_ms);
            }
            answer = {.pop_time = handle->pop_time,
                      .invisible_time = visible_ms - handle->pop_time,
                      .revive_qid = handle->revive_qid};
        }
    }
    encode_header(answer, response.ext);
    return response;
}

}  // namespace rmq::broker
