// SPDX-License-Identifier: Apache-2.0
#include "broker/timer/timer_processor.h"

#include "broker/broker_config.h"
#include "broker/response_mapping.h"
#include "broker/stats/broker_stats_manager.h"
#include "broker/timer/pending_timers.h"
#include "broker/timer/schedule_rewrite.h"
#include "broker/timer/timer_record.h"
#include "broker/topic/topic_config_manager.h"
#include "broker/topic/topic_validator.h"
#include "common/message/message_properties.h"
#include "common/message/property_order.h"
#include "common/parse_number.h"
#include "remoting/protocol/body/json_fields.h"
#include "remoting/protocol/header/timer.h"
#include "remoting/protocol/header_codec.h"
#include "store/message_store.h"
#include "store/message_store_config.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <utility>

namespace rmq::broker {

using store::PutMessageStatus;

namespace {

// Source: RecallMessageProcessor.RECALL_MESSAGE_TAG
constexpr std::string_view kRecallTag = "_RECALL_TAG_";
constexpr std::string_view kBornTimestamp = "BORN_TIMESTAMP";
constexpr std::int32_t kListDefault = 100;
constexpr std::int32_t kListMax = 1000;
// Records with one key that a cancellation looks at.
constexpr int kCandidatesMax = 1000;

}  // namespace

struct TimerProcessor::Marker {
    std::string topic;
    std::string unique_key;
    std::int64_t deliver_ms = 0;  // in the slot of the message
    std::string_view producer_group{};
    SocketAddress born_host;
};

// Messages by unique key, as they were last stored.
struct TimerProcessor::Candidates {
    struct Candidate {
        PendingTimer message;
        std::int64_t out_ms = 0;
    };
    std::map<std::string, Candidate> by_id;
};

void TimerProcessor::register_in(RequestRegistry& registry, const AdminQueue& queue) {
    registry.add(RequestCode::RECALL_MESSAGE, [this](const Request& request, Responder responder) {
        recall_message(request, std::move(responder));
    });
    registry.add(RequestCode::GET_TIMER_CHECK_POINT,
                 answer_inline([this](const Request&) -> Result<Response> {
                     if (!c_.store_config.timer_wheel_enable) {
                         return Response(ResponseCode::SYSTEM_ERROR, "The checkpoint is null");
                     }
                     return success_with(c_.timers.checkpoint().encode());
                 }));
    registry.add(
        RequestCode::GET_TIMER_METRICS, answer_inline([this](const Request&) -> Result<Response> {
            if (!c_.store_config.timer_wheel_enable) {
                return Response(ResponseCode::SYSTEM_ERROR, "The timer message store is null");
            }
            return success_with(c_.timers.metrics().encode());
        }));
    registry.add(RequestCode::LIST_TIMER_MESSAGES, answer_on(queue, [this](const Request& request) {
                     return list_timer_messages(request);
                 }));
    registry.add(
        RequestCode::CANCEL_TIMER_MESSAGE,
        answer_on(queue, [this](const Request& request) { return cancel_timer_message(request); }));
}

TimerProcessor::Put TimerProcessor::put_marker(const Marker& marker,
                                               store::PutMessageResult& result) {
    const std::int64_t precision_ms = c_.store_config.timer_precision();
    const std::int64_t slot_ms = (marker.deliver_ms - 1) / precision_ms * precision_ms;
    const std::int64_t now_ms = c_.clock.now_ms();
    std::string properties;
    append_property(properties, property::kTags, kRecallTag);
    append_property(properties, property::kTimerDelUniqueKey,
                    c_.store_config.append_topic_for_timer_delete_key
                        ? marker.topic + "+" + marker.unique_key
                        : marker.unique_key);
    append_property(properties, property::kUniqKey, marker.unique_key);
    append_property(properties, property::kTimerDeliverMs, std::to_string(marker.deliver_ms));
    append_property(properties, kBornTimestamp, std::to_string(now_ms));
    if (!marker.producer_group.empty()) {
        append_property(properties, property::kProducerGroup, marker.producer_group);
    }
    ScheduleTarget target{marker.topic, 0};
    result.status = c_.schedule.rewrite(0, target, properties);
    if (result.status != PutMessageStatus::PUT_OK) {
        return Put::kFailed;
    }
    order_properties(properties, kMadePropertySlots);
    if (!c_.timers.cancels().begin(slot_ms, marker.unique_key)) {
        return Put::kTooLate;
    }
    store::MessageToPut message;
    message.topic = target.topic;
    message.queue_id = target.queue_id;
    message.born_timestamp = now_ms;
    message.born_host = marker.born_host;
    message.store_host = c_.store_host;
    message.body = "0";
    message.properties = properties;
    result = c_.store.put_message(message);
    c_.timers.cancels().finish(marker.unique_key, is_stored(result.status));
    if (!is_stored(result.status)) {
        return Put::kFailed;
    }
    c_.stats.on_put({.topic = target.topic,
                     .bytes = result.end.value - result.physical_offset.value,
                     .latency_ms = c_.clock.now_ms() - now_ms});
    return Put::kStored;
}

// Source: RecallMessageProcessor.processRequest
std::optional<Response> TimerProcessor::refuse_recall(std::string_view topic) const {
    constexpr const char* kNotAvailable = "recall failed, broker service not available";
    if (!c_.config.recall_message_enable) {
        return Response(ResponseCode::NO_PERMISSION, "recall failed, operation is forbidden");
    }
    if (c_.store_config.broker_role == store::BrokerRole::SLAVE) {
        return Response(ResponseCode::SLAVE_NOT_AVAILABLE, kNotAvailable);
    }
    const bool is_writeable = (c_.config.broker_permission & perm::kWrite) != 0;
    if (c_.clock.now_ms() < c_.config.start_accept_send_request_time_stamp.get() ||
        (!is_writeable && !c_.config.allow_recall_when_broker_not_writeable)) {
        return Response(ResponseCode::SERVICE_NOT_AVAILABLE, kNotAvailable);
    }
    if (c_.topics.select(topic) == nullptr) {
        return Response(ResponseCode::TOPIC_NOT_EXIST,
                        "recall failed, the topic[" + std::string(topic) + "] not exist");
    }
    return std::nullopt;
}

void TimerProcessor::recall_message(const Request& request, Responder responder) {
    const auto answer = [this, &responder](Response response) {
        response.ext.add(property::kMsgRegion, c_.config.region_id);
        responder.send(std::move(response));
    };
    const auto header = decode_header<RecallMessageRequestHeader>(request.ext());
    if (!header) {
        responder.send(error_response(header.error()));
        return;
    }
    if (auto refusal = refuse_recall(header->topic)) {
        answer(std::move(*refusal));
        return;
    }
    const auto illegal = [&answer](std::string remark) {
        answer(Response(ResponseCode::ILLEGAL_OPERATION, std::move(remark)));
    };
    const auto handle = decode_recall_handle(header->recall_handle);
    if (!handle) {
        illegal(handle.error().remark);
        return;
    }
    if (handle->topic != header->topic) {
        illegal("recall failed, topic not match");
        return;
    }
    if (handle->broker_name != c_.config.broker_name) {
        illegal("recall failed, broker service not available");
        return;
    }
    const std::int64_t timestamp = parse_number<std::int64_t>(handle->timestamp).value_or(-1);
    const std::int64_t left_ms = timestamp - c_.clock.now_ms();
    if (timestamp <= 0 || left_ms <= 0 ||
        left_ms >= std::int64_t{c_.store_config.timer_max_delay_sec} * 1000) {
        illegal("recall failed, timestamp invalid");
        return;
    }
    store::PutMessageResult result;
    const Put put = put_marker({.topic = handle->topic,
                                .unique_key = handle->message_id,
                                .deliver_ms = timestamp,
                                .producer_group = header->producer_group.value_or(""),
                                .born_host = request.connection->peer()},
                               result);
    if (put != Put::kStored) {
        put == Put::kTooLate
            ? illegal("recall failed, timestamp invalid")
            : answer(Response(ResponseCode::SYSTEM_ERROR, "recall failed, execute error"));
        return;
    }
    Response response(ResponseCode::SUCCESS);
    encode_header(RecallMessageResponseHeader{handle->message_id}, response.ext);
    response.ext.add(property::kMsgRegion, c_.config.region_id);
    if (!c_.store.needs_flush_wait()) {
        responder.send(std::move(response));
        return;
    }
    // Stored whatever the flush says, and so answered.
    c_.store.when_flushed(result.end,
                          [response = std::move(response), responder = std::move(responder)](
                              auto) mutable { responder.send(std::move(response)); });
}

Result<Response> TimerProcessor::list_timer_messages(const Request& request) {
    RMQ_TRY(const auto header, decode_header<ListTimerMessagesRequestHeader>(request.ext()));
    PendingTimersQuery query;
    query.topic = header.topic;
    query.begin_ms = header.begin_time_ms.value_or(INT64_MIN);
    query.end_ms = header.end_time_ms.value_or(INT64_MAX);
    query.max =
        static_cast<std::size_t>(std::clamp(header.max_num.value_or(kListDefault), 0, kListMax));
    return success_with(encode(list_pending_timers(c_.timers, query)));
}

// Unique ids and keys of timer messages are in the index, under the timer's topic.
TimerProcessor::Candidates TimerProcessor::find_candidates(std::string_view topic,
                                                           std::string_view key) const {
    Candidates found;
    auto records = c_.store.query_message(topic_name::kTimer, key, kCandidatesMax, 0, INT64_MAX);
    for (auto& slice : records.slices) {
        const auto size = static_cast<std::int32_t>(slice.bytes.size());
        const auto record = read_timer_record(std::move(slice), size);
        if (!record || record->real_topic != topic || !record->delete_key.empty() ||
            record->unique_key.empty() || !has_key(record->message.properties, key)) {
            continue;
        }
        auto& candidate = found.by_id[std::string(record->unique_key)];
        if (record->out_ms >= candidate.out_ms) {
            candidate = {describe(*record, c_.store_config.timer_precision()), record->out_ms};
        }
    }
    return found;
}

bool TimerProcessor::is_cancelled(std::string_view topic, std::string_view unique_key) const {
    if (c_.timers.cancels().state(unique_key) == TimerCancels::State::kCancelled) {
        return true;
    }
    auto records =
        c_.store.query_message(topic_name::kTimer, unique_key, kCandidatesMax, 0, INT64_MAX);
    return std::any_of(records.slices.begin(), records.slices.end(), [&](auto& slice) {
        const auto size = static_cast<std::int32_t>(slice.bytes.size());
        const auto record = read_timer_record(std::move(slice), size);
        return record && record->real_topic == topic && record->unique_key == unique_key &&
               !record->delete_key.empty();
    });
}

// {"result":"CANCELLED","messages":[{"msgId":…,"deliverTime":ms,"result":"CANCELLED"}]}. Asked
// again, the answer is the same: a message that was cancelled in time stays CANCELLED.
Result<Response> TimerProcessor::cancel_timer_message(const Request& request) {
    RMQ_TRY(const auto header, decode_header<CancelTimerMessageRequestHeader>(request.ext()));
    if (!c_.config.recall_message_enable) {
        return Response(ResponseCode::NO_PERMISSION, "recallMessageEnable is false");
    }
    if (!c_.store_config.message_index_enable) {
        return Response(ResponseCode::SYSTEM_ERROR,
                        "keys are not indexed, messageIndexEnable is false");
    }
    auto messages = nlohmann::json::array();
    bool is_too_late = false;
    for (const auto& [id, candidate] : find_candidates(header.topic, header.key).by_id) {
        Put put = Put::kStored;
        if (!is_cancelled(header.topic, id)) {
            store::PutMessageResult result;
            // One more than the slot's time lies inside the slot.
            put = candidate.out_ms <= c_.clock.now_ms()
                      ? Put::kTooLate
                      : put_marker({.topic = std::string(header.topic),
                                    .unique_key = id,
                                    .deliver_ms = candidate.out_ms + 1,
                                    .born_host = request.connection->peer()},
                                   result);
            if (put == Put::kFailed) {
                return Response(response_code_of(result.status),
                                std::string("cannot store the cancellation: ") +
                                    put_message_status_name(result.status));
            }
        }
        is_too_late = is_too_late || put == Put::kTooLate;
        messages.push_back({{"msgId", id},
                            {"deliverTime", candidate.message.deliver_ms},
                            {"result", put == Put::kStored ? "CANCELLED" : "TOO_LATE"}});
    }
    const char* const overall = messages.empty() ? "NOT_FOUND"
                                : is_too_late    ? "TOO_LATE"
                                                 : "CANCELLED";
    return success_with(dump_json({{"result", overall}, {"messages", std::move(messages)}}));
}

}  // namespace rmq::broker
