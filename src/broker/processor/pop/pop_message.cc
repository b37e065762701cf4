// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/pop/pop_message.h"

#include "broker/admission/admission.h"
#include "broker/broker_config.h"
#include "broker/client/consumer_manager.h"
#include "broker/message_copy.h"
#include "broker/metrics/broker_metrics.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/pop/consumer_order_info_manager.h"
#include "broker/pop/pop_buffer_merge_service.h"
#include "broker/pop/pop_inflight_counter.h"
#include "broker/pop/pop_long_polling_service.h"
#include "broker/pop/pop_queue_locks.h"
#include "broker/pop/pop_retry_topic.h"
#include "broker/pop/pop_store.h"
#include "broker/processor/pop/pop_check.h"
#include "broker/response_mapping.h"
#include "broker/stats/broker_stats_manager.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/topic/topic_config_manager.h"
#include "common/message/message_properties.h"
#include "common/message/message_record.h"
#include "common/parse_number.h"
#include "remoting/protocol/header/pop.h"
#include "remoting/protocol/header_codec.h"
#include "store/message_store_config.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace rmq::broker {

namespace {

using ColdReads = store::GetMessageRequest::ColdReads;
using store::GetMessageStatus;

constexpr std::int64_t kLateMs = 500;  // Source: PopMessageRequestHeader.isTimeoutTooMuch

Response refuse(ResponseCode code, std::string remark) {
    return Response(code, std::move(remark));
}

// Of GroupAttributes and TopicAttributes.
bool is_priority(const TopicConfig& topic) {
    const auto type = topic.attributes.find("message.type");
    return type != topic.attributes.end() && type->second == "PRIORITY";
}

std::int32_t priority_factor(const SubscriptionGroupConfig& group) {
    const auto factor = group.attributes.find("priority.factor");
    return factor == group.attributes.end()
               ? 100
               : parse_java_number<std::int32_t>(factor->second).value_or(100);
}

// A retried message under the name that its consumer knows, with its handle, as no client could
// tell it from the topic. Source: PopMessageProcessor.popMsgFromQueue.
std::string under_normal_name(MessageRecord record, std::string_view topic,
                              std::string_view handle) {
    std::string properties(record.properties);
    if (!find_property(properties, property::kPopCk)) {
        append_property(properties, property::kPopCk, handle);
    }
    set_topic(record, topic);
    record.properties = properties;
    return encode_message(record);
}

}  // namespace

struct PopMessageProcessor::Pop {
    const PopMessageRequestHeader& header;
    std::shared_ptr<const OwnedRequest> request{};  // once it was copied
    const Request* frame = nullptr;                 // until then
    std::int64_t born_ms = 0;
    std::int64_t begin_ms = 0;  // Clock::monotonic_ms
    ColdReads cold_reads = ColdReads::kRefuse;

    std::shared_ptr<const TopicConfig> topic{};
    std::shared_ptr<const SubscriptionGroupConfig> group{};
    MessageFilter filter{};
    PopLongPollingService::Ticket ticket = 0;
    std::int64_t pop_ms = 0;
    std::int32_t revive_qid = 0;

    std::vector<BodySlice> slices{};
    std::int32_t count = 0;
    std::int64_t rest = 0;                  // messages left behind
    bool is_more_ready = false;             // some of them could be popped now
    std::optional<PopQueue> turned_away{};  // a queue that another pop was reading
    bool was_cold = false;                  // a queue was passed over, as it is not in memory
    PhysicalOffset safe_end{};              // what must be stored before the answer leaves
    std::string start_offset_info{};
    std::string msg_offset_info{};
    std::string order_count_info{};

    bool is_order() const { return header.order.value_or(false); }
    std::int64_t invisible_ms() const { return clamp_pop_number(header.invisible_time); }
    std::string group_name() const { return std::string(header.consumer_group); }
    std::int32_t room() const { return header.max_msg_nums - count; }
};

void PopMessageProcessor::process(const Request& request, Responder responder) {
    const auto header = decode_header<PopMessageRequestHeader>(request.ext());
    if (!header) {
        responder.send(error_response(header.error()));
        return;
    }
    Pop pop{.header = *header};
    pop.frame = &request;
    pop.born_ms = header->born_time.value_or(0);
    if (pop.born_ms == 0) {
        pop.born_ms = c_.clock.now_ms();
    }
    execute(pop, std::move(responder));
}

void PopMessageProcessor::resume(PopPoll poll) {
    if (!poll.responder.connection().is_open()) {
        poll.responder.leave_unanswered();
        return;
    }
    const auto header = decode_header<PopMessageRequestHeader>(poll.request->view().ext());
    if (!header) {
        poll.responder.send(error_response(header.error()));
        return;
    }
    Pop pop{.header = *header};
    pop.request = std::move(poll.request);
    pop.born_ms = poll.born_ms;
    execute(pop, std::move(poll.responder));
}

void PopMessageProcessor::execute(Pop& pop, Responder responder) {
    pop.begin_ms = c_.clock.monotonic_ms();
    if (auto refusal = check(pop, responder.connection())) {
        responder.send(std::move(*refusal));
        return;
    }
    pop.ticket = c_.polling.ticket(pop.header.topic);
    pop.pop_ms = c_.clock.now_ms();
    pop.revive_qid =
        pop.is_order()
            ? kPopOrderReviveQueue
            : static_cast<std::int32_t>(next_revive_queue_.fetch_add(1) %
                                        static_cast<std::uint32_t>(c_.config.revive_queue_num));
    read_all(pop);
    if (pop.count == 0 && pop.was_cold) {
        repeat_blocking(pop, std::move(responder));
    } else if (pop.count > 0) {
        answer(pop, std::move(responder));
    } else {
        wait(pop, std::move(responder));
    }
}

std::optional<Response> PopMessageProcessor::check(Pop& pop, const Connection& connection) const {
    const auto& header = pop.header;
    const auto& broker_ip = c_.config.broker_ip1;
    const auto wait_ms = std::clamp(header.poll_time, -kLateMs, INT64_MAX / 4);
    if (c_.clock.now_ms() - std::clamp(pop.born_ms, INT64_MIN / 4, INT64_MAX / 4) - wait_ms >
        kLateMs) {
        return refuse(ResponseCode::POLLING_TIMEOUT,
                      fmt::format("the broker[{}] pop message is timeout too much", broker_ip));
    }
    auto access =
        check_pop_access({c_.config, c_.topics, c_.groups},
                         {header.topic, header.consumer_group, header.queue_id, "pop"}, connection);
    // The number is looked at after the broker's permission and before the topic.
    if ((c_.config.broker_permission & perm::kRead) != 0 &&
        header.max_msg_nums > PopCheckPoint::kMessagesMax) {
        return refuse(
            ResponseCode::INVALID_PARAMETER,
            fmt::format("the broker[{}] pop message's num is greater than 32", broker_ip));
    }
    if ((c_.config.broker_permission & perm::kRead) != 0 && !c_.store_config.timer_wheel_enable) {
        return refuse(ResponseCode::SYSTEM_ERROR,
                      fmt::format("the broker[{}] pop message is forbidden because "
                                  "timerWheelEnable is false",
                                  broker_ip));
    }
    if (access.refusal) {
        return std::move(access.refusal);
    }
    pop.topic = std::move(access.topic);
    pop.group = std::move(access.group);
    return check_subscription(pop);
}

std::optional<Response> PopMessageProcessor::check_subscription(Pop& pop) const {
    const auto& header = pop.header;
    const auto text = header.exp.value_or(std::string_view{});
    const auto type = header.exp_type.value_or(kExpressionTypeTag);
    auto filter = make_message_filter(header.topic, text.empty() ? kExpressionTypeTag : type, text);
    if (!filter) {
        return refuse(ResponseCode::SUBSCRIPTION_PARSE_FAILED,
                      "parse the consumer's subscription failed");
    }
    pop.filter = std::move(*filter);
    c_.consumers.compensate_subscription(header.consumer_group, header.topic,
                                         text.empty() ? kSubscribeAll : text,
                                         text.empty() ? kExpressionTypeTag : type);
    const auto retry_topic = pop_retry_topic(c_.config, header.topic, header.consumer_group);
    c_.consumers.compensate_subscription(header.consumer_group, retry_topic, kSubscribeAll,
                                         kExpressionTypeTag);
    return std::nullopt;
}

// One pass over the retry topic, now and then first, and the queues. An answer names a queue by the
// kind of its topic, so that a pass reads one retry topic only.
void PopMessageProcessor::read_all(Pop& pop) {
    const auto dice = random_queue(100);
    const bool by_priority =
        is_priority(*pop.topic) && !pop.is_order() && dice < priority_factor(*pop.group);
    const bool retry_first = dice < (by_priority ? c_.config.pop_from_retry_probability_for_priority
                                                 : c_.config.pop_from_retry_probability);
    const bool is_v1 = !c_.config.enable_retry_topic_v2 ||
                       (c_.config.retrieve_message_from_pop_retry_topic_v1 && dice % 2 == 0);
    const auto first = by_priority ? 0 : dice;
    const auto retry_topic = is_v1
                                 ? pop_retry_topic_v1(pop.header.topic, pop.header.consumer_group)
                                 : pop_retry_topic_v2(pop.header.topic, pop.header.consumer_group);
    if (retry_first && !pop.is_order()) {
        read_topic(pop, retry_topic, first);
    }
    if (pop.header.queue_id < 0) {
        read_topic(pop, pop.topic->topic_name, first);
    } else {
        read_queue(pop, {pop.topic->topic_name, pop.header.queue_id});
    }
    if (!retry_first && pop.room() > 0 && !pop.is_order()) {
        read_topic(pop, retry_topic, first);
    }
}

// Source: PopMessageProcessor.popMsgFromTopic.
void PopMessageProcessor::read_topic(Pop& pop, const std::string& topic, std::int32_t first) const {
    const auto config = c_.topics.select(topic);
    const auto queues = config == nullptr ? 0 : config->read_queue_nums;
    for (std::int32_t i = 0; i < queues; ++i) {
        const auto index = (c_.config.priority_order_asc ? queues - 1 - i : i) + first;
        read_queue(pop, {topic, index % queues});
    }
}

void PopMessageProcessor::read_queue(Pop& pop, const Source& source) const {
    const PopQueue queue{source.topic, pop.group_name(), source.queue_id};
    const auto leave_behind = [&](std::int64_t offset, bool is_ready) {
        const auto rest = c_.positions.rest(queue, offset);
        pop.rest += rest;
        pop.is_more_ready = pop.is_more_ready || (is_ready && rest > 0);
    };
    const auto guard = c_.locks.try_lock(queue);
    if (!guard) {
        pop.turned_away = queue;
        if (!pop.is_order()) {
            leave_behind(c_.positions.peek(queue, pop.header.init_mode), false);
        }
        return;
    }
    if (c_.config.enable_pop_message_threshold &&
        c_.inflight.count(queue) > c_.config.pop_inflight_message_threshold) {
        // Its acknowledgements wake whom it stopped.
        leave_behind(c_.positions.peek(queue, pop.header.init_mode), false);
        return;
    }
    auto offset = c_.positions.take(queue, pop.header.init_mode);
    if (pop.is_order()) {
        if (c_.order_infos.is_blocked(queue, pop.header.attempt_id.value_or(std::string_view{}),
                                      pop.invisible_ms())) {
            return;
        }
        c_.inflight.clear(queue);
    }
    if (pop.room() <= 0) {
        leave_behind(offset, pop.count > 0);
        return;
    }
    auto result = get(pop, queue, offset);
    if (result.is_cold) {
        pop.was_cold = true;
        leave_behind(offset, true);
        return;
    }
    take(pop, queue, offset, result);
}

// A position outside the queue is moved into it.
store::GetMessageResult PopMessageProcessor::get(const Pop& pop, const PopQueue& queue,
                                                 std::int64_t& offset) const {
    store::GetMessageRequest request;
    request.topic = queue.topic;
    request.queue_id = queue.queue_id;
    request.offset = QueueOffset{offset};
    request.max_count = pop.room();
    request.cold_reads = pop.cold_reads;
    const StoreFilters filters(pop.filter);
    filters.bind(request);
    auto result = c_.store.get(request);
    if (!result.is_cold && (result.status == GetMessageStatus::OFFSET_TOO_SMALL ||
                            result.status == GetMessageStatus::OFFSET_OVERFLOW_BADLY ||
                            result.status == GetMessageStatus::OFFSET_FOUND_NULL)) {
        c_.offsets.commit(queue.view(), result.next_begin_offset.value);
        offset = result.next_begin_offset.value;
        request.offset = result.next_begin_offset;
        result = c_.store.get(request);
    }
    return result;
}

void PopMessageProcessor::take(Pop& pop, const PopQueue& queue, std::int64_t offset,
                               store::GetMessageResult& result) const {
    if (result.message_count == 0) {
        pass_over(pop, queue, result);
    } else if (!note(pop, queue, offset, result)) {
        pop.rest += result.message_count;
        return;
    } else {
        c_.stats.on_get({.group = queue.group,
                         .topic = queue.topic,
                         .queue_id = queue.queue_id,
                         .messages = result.message_count,
                         .bytes = result.total_bytes,
                         .latency_ms = c_.clock.monotonic_ms() - pop.begin_ms});
        if (auto* const metrics = c_.stats.metrics()) {
            metrics->on_message_out(
                {.topic = pop.header.topic,
                 .group = queue.group,
                 .messages = result.message_count,
                 .bytes = result.total_bytes,
                 .is_retry = pop_topic_kind(queue.topic) != PopTopicKind::kNormal});
        }
        c_.inflight.increment(queue, result.message_count);
        add_body(pop, queue, offset, result);
        pop.count += result.message_count;
    }
    const auto rest = result.max_offset.value - result.next_begin_offset.value;
    pop.rest += rest;
    pop.is_more_ready = pop.is_more_ready || (rest > 0 && !pop.is_order());
}

// Nothing matched: the position goes on.
void PopMessageProcessor::pass_over(const Pop& pop, const PopQueue& queue,
                                    const store::GetMessageResult& result) const {
    const bool is_over = result.status == GetMessageStatus::NO_MATCHED_MESSAGE ||
                         result.status == GetMessageStatus::OFFSET_FOUND_NULL ||
                         result.status == GetMessageStatus::MESSAGE_WAS_REMOVING ||
                         result.status == GetMessageStatus::NO_MATCHED_LOGIC_QUEUE;
    const auto next = result.next_begin_offset.value;
    if (!is_over || next < 0) {
        return;
    }
    if (pop.is_order()) {
        c_.offsets.commit(queue.view(), next);
    } else {
        c_.buffer.add_offset(queue, next);
    }
}

// Writes down what is handed out; false when it could not be.
bool PopMessageProcessor::note(Pop& pop, const PopQueue& queue, std::int64_t offset,
                               const store::GetMessageResult& result) const {
    std::vector<std::int64_t> offsets;
    for (const auto& slice : result.slices) {
        for_each_record(slice.bytes, [&](const MessageRecord& record) {
            offsets.push_back(record.queue_offset.value);
        });
    }
    const auto kind = pop_topic_kind(queue.topic);
    if (pop.is_order()) {
        c_.order_infos.update(queue,
                              {.attempt_id = pop.header.attempt_id.value_or(std::string_view{}),
                               .pop_time = pop.pop_ms,
                               .invisible_time = pop.invisible_ms(),
                               .offsets = offsets},
                              pop.order_count_info);
        // Acknowledgements move the position.
        c_.offsets.commit(queue.view(), offset);
    } else {
        PopCheckPoint point;
        point.topic = queue.topic;
        point.group = queue.group;
        point.broker_name = c_.config.broker_name;
        point.queue_id = queue.queue_id;
        point.start_offset = offset;
        point.pop_time = pop.pop_ms;
        point.invisible_time = pop.invisible_ms();
        point.num = static_cast<std::int32_t>(offsets.size());
        for (const auto each : offsets) {
            point.diffs.push_back(static_cast<std::int32_t>(each - offset));
        }
        const auto added = c_.buffer.add_check_point(std::move(point), pop.revive_qid,
                                                     result.next_begin_offset.value);
        if (!added.is_added) {
            return false;
        }
        pop.safe_end = std::max(pop.safe_end, added.end);
    }
    add_start_offset_info(pop.start_offset_info, kind, queue.queue_id, offset);
    add_msg_offset_info(pop.msg_offset_info, kind, queue.queue_id, offsets);
    return true;
}

void PopMessageProcessor::add_body(Pop& pop, const PopQueue& queue, std::int64_t offset,
                                   store::GetMessageResult& result) const {
    const auto kind = pop_topic_kind(queue.topic);
    if (kind == PopTopicKind::kNormal || c_.config.pop_response_return_actual_retry_topic) {
        for (auto& slice : result.slices) {
            pop.slices.push_back({std::move(slice.owner), slice.bytes});
        }
        return;
    }
    const auto add = [&](const MessageRecord& record) {
        const auto handle = build_extra_info({.ck_queue_offset = offset,
                                              .pop_time = pop.pop_ms,
                                              .invisible_time = pop.invisible_ms(),
                                              .revive_qid = pop.revive_qid,
                                              .broker_name = c_.config.broker_name,
                                              .queue_id = queue.queue_id,
                                              .queue_offset = record.queue_offset.value},
                                             kind);
        auto bytes = std::make_shared<const std::string>(
            under_normal_name(record, pop.header.topic, handle));
        const std::string_view view = *bytes;
        pop.slices.push_back({std::move(bytes), view});
    };
    for (const auto& slice : result.slices) {
        for_each_record(slice.bytes, add);
    }
}

namespace {

Response response_of(ResponseCode code, GetMessageStatus status,
                     const PopMessageResponseHeader& header) {
    Response response(code, store::get_message_status_name(status));
    encode_header(header, response.ext);
    return response;
}

}  // namespace

void PopMessageProcessor::answer(Pop& pop, Responder responder) {
    PopMessageResponseHeader header;
    header.pop_time = pop.pop_ms;
    header.invisible_time = pop.invisible_ms();
    header.revive_qid = pop.revive_qid;
    header.rest_num = pop.rest;
    header.start_offset_info = pop.start_offset_info;
    header.msg_offset_info = pop.msg_offset_info;
    if (pop.is_order()) {
        header.order_count_info = pop.order_count_info;
    }
    auto response = response_of(ResponseCode::SUCCESS, GetMessageStatus::FOUND, header);
    response.slices = std::move(pop.slices);
    if (pop.is_more_ready) {
        c_.polling.notify(pop.header.topic, pop.header.consumer_group, pop.header.queue_id);
    }
    c_.store.when_safe(
        pop.safe_end, [response = std::move(response), responder = std::move(responder)]() mutable {
            responder.send(std::move(response));
        });
}

void PopMessageProcessor::wait(Pop& pop, Responder responder) {
    if (pop.request == nullptr) {
        pop.request = std::make_shared<const OwnedRequest>(*pop.frame);
    }
    PopPoll poll{.request = pop.request,
                 .responder = std::move(responder),
                 .topic = std::string(pop.header.topic),
                 .group = pop.group_name(),
                 .queue_id = pop.header.queue_id,
                 .born_ms = pop.born_ms,
                 .poll_ms = pop.header.poll_time,
                 .filter = pop.filter};
    const auto outcome = c_.polling.poll(poll, pop.ticket);
    if (outcome == PopLongPollingService::Result::kPolling) {
        // Once it waits: what it passed over is read again by one pop when the other is done. One
        // for one, so that pops that meet again and again become fewer.
        const bool is_free = pop.turned_away && !c_.locks.await(*pop.turned_away);
        if (pop.is_more_ready || is_free) {
            c_.polling.notify(pop.header.topic, pop.header.consumer_group, pop.header.queue_id);
        }
        return;
    }
    PopMessageResponseHeader header;
    header.pop_time = pop.pop_ms;
    header.invisible_time = pop.invisible_ms();
    header.revive_qid = pop.revive_qid;
    header.rest_num = pop.rest;
    header.start_offset_info = std::string_view{};
    header.msg_offset_info = std::string_view{};
    if (pop.is_order()) {
        header.order_count_info = std::string_view{};
    }
    poll.responder.send(response_of(outcome == PopLongPollingService::Result::kFull
                                        ? ResponseCode::POLLING_FULL
                                        : ResponseCode::POLLING_TIMEOUT,
                                    GetMessageStatus::NO_MESSAGE_IN_QUEUE, header));
}

// Nothing found that is in memory: the whole pass again where it may wait for the disk.
void PopMessageProcessor::repeat_blocking(Pop& pop, Responder responder) {
    if (pop.request == nullptr) {
        pop.request = std::make_shared<const OwnedRequest>(*pop.frame);
    }
    auto work = [this, request = pop.request, born_ms = pop.born_ms](Responder late) {
        const auto header = decode_header<PopMessageRequestHeader>(request->view().ext());
        if (!header) {
            late.send(error_response(header.error()));
            return;
        }
        Pop again{.header = *header};
        again.request = request;
        again.born_ms = born_ms;
        again.cold_reads = ColdReads::kAllow;
        execute(again, std::move(late));
    };
    c_.admission.run_blocking(std::move(responder), c_.config.wait_time_mills_in_pull_queue,
                              std::move(work));
}

}  // namespace rmq::broker
