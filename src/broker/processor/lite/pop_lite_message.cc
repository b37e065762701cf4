// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/lite/pop_lite_message.h"

#include "broker/admission/admission.h"
#include "broker/broker_config.h"
#include "broker/lite/lite_consumer_lag.h"
#include "broker/lite/lite_event_dispatcher.h"
#include "broker/lite/lite_metadata.h"
#include "broker/lite/lite_subscription_registry.h"
#include "broker/metrics/broker_metrics.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/pop/consumer_order_info_manager.h"
#include "broker/pop/pop_check_point.h"
#include "broker/pop/pop_long_polling_service.h"
#include "broker/pop/pop_offsets.h"
#include "broker/pop/pop_queue_locks.h"
#include "broker/pop/pop_store.h"
#include "broker/processor/send_check.h"
#include "broker/response_mapping.h"
#include "broker/stats/broker_stats_manager.h"
#include "common/light_queue.h"
#include "common/message/message_record.h"
#include "common/parse_number.h"
#include "remoting/protocol/body/subscription_group_config.h"
#include "remoting/protocol/body/topic_config.h"
#include "remoting/protocol/extra_info.h"
#include "remoting/protocol/header/lite.h"
#include "remoting/protocol/header/pop.h"
#include "remoting/protocol/header_codec.h"

#include <fmt/core.h>

#include <algorithm>
#include <deque>
#include <set>
#include <utility>
#include <vector>

namespace rmq::broker {

namespace {

using ColdReads = store::GetMessageRequest::ColdReads;
using store::GetMessageStatus;

constexpr std::int64_t kLateMs = 500;  // Source: PopLiteMessageRequestHeader.isTimeoutTooMuch

template <class Number>
Number number_of(const std::optional<std::string_view>& text) {
    return text ? parse_java_number<Number>(*text).value_or(0) : Number{0};
}

// What the original's NullPointerException becomes.
Response missing(std::string_view field) {
    return error_response(missing_ext_field(field));
}

bool is_outside(GetMessageStatus status) {
    switch (status) {
        case GetMessageStatus::OFFSET_TOO_SMALL:
        case GetMessageStatus::OFFSET_OVERFLOW_BADLY:
        case GetMessageStatus::OFFSET_FOUND_NULL:
        case GetMessageStatus::NO_MATCHED_MESSAGE:
        case GetMessageStatus::MESSAGE_WAS_REMOVING:
        case GetMessageStatus::NO_MATCHED_LOGIC_QUEUE:
            return true;
        case GetMessageStatus::FOUND:
        case GetMessageStatus::OFFSET_OVERFLOW_ONE:
        case GetMessageStatus::NO_MESSAGE_IN_QUEUE:
        case GetMessageStatus::OFFSET_RESET:
            return false;
    }
    return false;
}

}  // namespace

std::string lite_order_counts(const std::string& order_counts, std::size_t messages) {
    const auto last = order_counts.rfind(';');
    if (last != std::string::npos) {
        return order_counts.substr(0, last);  // the count of the queue goes
    }
    const auto blank = order_counts.rfind(' ');
    const auto count = blank == std::string::npos ? "0" : order_counts.substr(blank + 1);
    std::string all;
    for (std::size_t i = 0; i < messages; ++i) {
        all += (i == 0 ? "" : ";") + count;
    }
    return all;
}

struct PopLiteMessageProcessor::Pop {
    PopLiteMessageRequestHeader header{};
    std::shared_ptr<const OwnedRequest> request{};  // what the header's views point into
    LiteClient client{};
    std::int64_t born_ms = 0;
    std::int64_t begin_ms = 0;  // Clock::monotonic_ms
    std::int64_t pop_ms = 0;
    std::int64_t invisible_ms = 0;
    std::int32_t max = 0;
    PopLongPollingService::Ticket ticket = 0;
    ColdReads cold_reads = ColdReads::kRefuse;

    std::vector<BodySlice> slices{};
    std::int32_t count = 0;
    bool was_cold = false;
    std::string order_counts{};
};

void PopLiteMessageProcessor::process(const Request& request, Responder responder) {
    auto owned = std::make_shared<const OwnedRequest>(request);
    const auto header = decode_header<PopLiteMessageRequestHeader>(owned->view().ext());
    auto born_ms = c_.clock.now_ms();
    if (header && header->born_time && *header->born_time != "0") {
        born_ms = number_of<std::int64_t>(header->born_time);
    }
    begin(owned, born_ms, std::move(responder));
}

void PopLiteMessageProcessor::resume(PopPoll poll) {
    if (!poll.responder.connection().is_open()) {
        poll.responder.leave_unanswered();
        return;
    }
    begin(poll.request, poll.born_ms, std::move(poll.responder));
}

void PopLiteMessageProcessor::begin(const std::shared_ptr<const OwnedRequest>& request,
                                    std::int64_t born_ms, Responder responder) {
    const auto header = decode_header<PopLiteMessageRequestHeader>(request->view().ext());
    if (!header) {
        responder.send(error_response(header.error()));
        return;
    }
    Pop pop;
    pop.header = *header;
    pop.request = request;
    pop.born_ms = born_ms;
    execute(pop, std::move(responder));
}

void PopLiteMessageProcessor::execute(Pop& pop, Responder responder) {
    pop.begin_ms = c_.clock.monotonic_ms();
    if (auto refusal = check(pop)) {
        responder.send(std::move(*refusal));
        return;
    }
    pop.ticket = c_.polling.ticket(pop.client.client_id);
    pop.pop_ms = c_.clock.now_ms();
    read_all(pop);
    if (pop.count > 0) {
        answer(pop, ResponseCode::SUCCESS, std::move(responder));
    } else if (pop.was_cold) {
        repeat_blocking(pop, std::move(responder));
    } else {
        wait(pop, std::move(responder));
    }
}

// Source: PopLiteMessageProcessor.preCheck.
std::optional<Response> PopLiteMessageProcessor::check(Pop& pop) const {
    const auto& header = pop.header;
    const auto refuse = [](ResponseCode code, std::string remark) {
        return Response(code, std::move(remark));
    };
    pop.max = number_of<std::int32_t>(header.max_msg_num);
    pop.invisible_ms = clamp_pop_number(number_of<std::int64_t>(header.invisible_time));
    const auto wait_ms =
        std::clamp(number_of<std::int64_t>(header.poll_time), -kLateMs, INT64_MAX / 4);
    const auto born_ms = std::clamp(pop.born_ms, INT64_MIN / 4, INT64_MAX / 4);
    const auto& broker_ip = c_.config.broker_ip1;
    if (c_.clock.now_ms() - born_ms - wait_ms > kLateMs) {
        return refuse(ResponseCode::POLLING_TIMEOUT,
                      fmt::format("the broker[{}] pop message is timeout too much", broker_ip));
    }
    if ((c_.config.broker_permission & perm::kRead) == 0) {
        return refuse(ResponseCode::NO_PERMISSION,
                      fmt::format("the broker[{}] pop message is forbidden", broker_ip));
    }
    if (pop.max > PopCheckPoint::kMessagesMax) {
        return refuse(
            ResponseCode::INVALID_PARAMETER,
            fmt::format("the broker[{}] pop message's num is greater than 32", broker_ip));
    }
    if (!header.topic) {
        return missing("topic");
    }
    const auto topic = c_.metadata.topic(*header.topic);
    if (topic == nullptr) {
        return refuse(ResponseCode::TOPIC_NOT_EXIST,
                      fmt::format("topic [{}] not exist, apply first please! {}", *header.topic,
                                  kSuggestTodo));
    }
    if ((topic->perm & perm::kRead) == 0) {
        return refuse(ResponseCode::NO_PERMISSION,
                      fmt::format("the topic [{}] peeking message is forbidden", *header.topic));
    }
    if (!is_lite_topic(*topic)) {
        return refuse(ResponseCode::INVALID_PARAMETER,
                      fmt::format("the topic [{}] message type not match", *header.topic));
    }
    if (!header.consumer_group) {
        return missing("consumerGroup");
    }
    const auto group = c_.metadata.group(*header.consumer_group);
    if (group == nullptr) {
        return refuse(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST,
                      fmt::format("subscription group [{}] not exist, {}", *header.consumer_group,
                                  kSuggestTodo));
    }
    if (!group->consume_enable) {
        return refuse(ResponseCode::NO_PERMISSION,
                      fmt::format("subscription group no permission, {}", *header.consumer_group));
    }
    if (lite_bind_topic(*group) != *header.topic) {
        return refuse(ResponseCode::INVALID_PARAMETER,
                      fmt::format("subscription bind topic not match, {}", *header.consumer_group));
    }
    if (!header.client_id) {
        return missing("clientId");
    }
    pop.client = {std::string(*header.client_id), std::string(*header.consumer_group)};
    return std::nullopt;
}

// Source: popByClientId.
void PopLiteMessageProcessor::read_all(Pop& pop) {
    if (!c_.config.enable_lite_event_mode) {
        const auto queues = c_.registry.subscriptions(pop.client.client_id);
        for (const auto& queue : queues.value_or(std::set<std::string>{})) {
            if (pop.count >= pop.max) {
                return;
            }
            if (!read_queue(pop, queue)) {
                pop.was_cold = true;
            }
        }
        return;
    }
    std::set<std::string> seen;  // each once; what is dispatched meanwhile is for the next pop
    std::vector<std::string> later;
    while (pop.count < pop.max) {
        auto queue = c_.events.take(pop.client.client_id);
        if (!queue) {
            break;
        }
        if (!seen.insert(*queue).second) {
            later.push_back(std::move(*queue));
            break;
        }
        if (!read_queue(pop, *queue)) {
            pop.was_cold = true;
            later.push_back(std::move(*queue));
        }
    }
    for (const auto& queue : later) {
        c_.events.put_back(pop.client, queue);
    }
}

// Source: popLiteTopic.
bool PopLiteMessageProcessor::read_queue(Pop& pop, const std::string& name) {
    const PopQueue queue{name, pop.client.group, kLightQueueId};
    const auto guard = c_.locks.lock(queue);
    if (c_.order_infos.is_blocked(queue, pop.header.attempt_id.value_or(std::string_view{}),
                                  pop.invisible_ms)) {
        return true;
    }
    auto result = get(pop, queue, take_offset(queue));
    if (result.is_cold) {
        return false;
    }
    if (result.status == GetMessageStatus::FOUND && result.message_count > 0) {
        take(pop, queue, result);
    }
    return true;
}

// Source: getPopOffset.
std::int64_t PopLiteMessageProcessor::take_offset(const PopQueue& queue) const {
    if (const auto reset = c_.offsets.take_reset(queue.view())) {
        c_.order_infos.clear_block(queue);
        c_.offsets.commit(queue.view(), *reset);
        return *reset;
    }
    auto offset = c_.offsets.query(queue.view());
    if (offset < 0) {
        offset = initial_pop_offset(c_.config, c_.store, queue, consume_init_mode::kMax);
        c_.offsets.commit(queue.view(), offset);
    }
    return offset;
}

// A position outside the queue is moved into it.
store::GetMessageResult PopLiteMessageProcessor::get(const Pop& pop, const PopQueue& queue,
                                                     std::int64_t offset) const {
    store::GetMessageRequest request;
    request.topic = queue.topic;
    request.queue_id = queue.queue_id;
    request.offset = QueueOffset{offset};
    request.max_count = pop.max - pop.count;
    request.cold_reads = pop.cold_reads;
    auto result = c_.store.get(request);
    if (!result.is_cold && is_outside(result.status)) {
        request.offset = QueueOffset{std::max<std::int64_t>(0, result.next_begin_offset.value)};
        c_.offsets.commit(queue.view(), request.offset.value);
        result = c_.store.get(request);
    }
    return result;
}

void PopLiteMessageProcessor::take(Pop& pop, const PopQueue& queue,
                                   store::GetMessageResult& result) const {
    std::vector<std::int64_t> offsets;
    for (const auto& slice : result.slices) {
        for_each_record(slice.bytes, [&](const MessageRecord& record) {
            offsets.push_back(record.queue_offset.value);
        });
    }
    // A record's own offset is that in its parent's queue.
    auto offset = result.next_begin_offset.value - static_cast<std::int64_t>(offsets.size());
    for (auto& each : offsets) {
        each = offset++;
    }
    std::string counts;
    c_.order_infos.update(queue,
                          {.attempt_id = pop.header.attempt_id.value_or(std::string_view{}),
                           .pop_time = pop.pop_ms,
                           .invisible_time = pop.invisible_ms,
                           .offsets = offsets},
                          counts);
    pop.order_counts += (pop.order_counts.empty() ? "" : ";") +
                        lite_order_counts(counts, static_cast<std::size_t>(result.message_count));
    const auto& parent = *pop.header.topic;
    c_.stats.on_get({.group = queue.group,
                     .topic = parent,
                     .queue_id = queue.queue_id,
                     .messages = result.message_count,
                     .bytes = result.total_bytes,
                     .latency_ms = c_.clock.monotonic_ms() - pop.begin_ms});
    if (auto* const metrics = c_.stats.metrics()) {
        metrics->on_message_out({.topic = parent,
                                 .group = queue.group,
                                 .messages = result.message_count,
                                 .bytes = result.total_bytes,
                                 .is_retry = false});
    }
    for (auto& slice : result.slices) {
        pop.slices.push_back({std::move(slice.owner), slice.bytes});
    }
    pop.count += result.message_count;
    note_lag(pop, queue, result.next_begin_offset.value);
}

// Source: collectLiteConsumerLagMetrics.
void PopLiteMessageProcessor::note_lag(const Pop& pop, const PopQueue& queue,
                                       std::int64_t next_offset) const {
    if (!c_.config.lite_lag_latency_collect_enable) {
        return;
    }
    const LiteConsumerLag::Key key{std::string(*pop.header.topic), queue.group};
    const auto next_ms = pop.count < pop.max ? -1
                                             : c_.store.store_timestamp(queue.topic, queue.queue_id,
                                                                        QueueOffset{next_offset});
    if (next_ms > 0) {
        c_.lag.note(key, queue.topic, next_ms);
    } else {
        c_.lag.forget(key, queue.topic);
    }
}

void PopLiteMessageProcessor::answer(Pop& pop, ResponseCode code, Responder responder) const {
    const auto status = code == ResponseCode::SUCCESS ? GetMessageStatus::FOUND
                                                      : GetMessageStatus::NO_MESSAGE_IN_QUEUE;
    Response response(code, store::get_message_status_name(status));
    encode_header(PopLiteMessageResponseHeader{.pop_time = pop.pop_ms,
                                               .invisible_time = pop.invisible_ms,
                                               .revive_qid = kPopOrderReviveQueue,
                                               .order_count_info = pop.order_counts},
                  response.ext);
    response.slices = std::move(pop.slices);
    responder.send(std::move(response));
}

void PopLiteMessageProcessor::wait(Pop& pop, Responder responder) const {
    PopPoll poll{.request = pop.request,
                 .responder = std::move(responder),
                 .topic = pop.client.client_id,
                 .born_ms = pop.born_ms,
                 .poll_ms = number_of<std::int64_t>(pop.header.poll_time)};
    const auto outcome = c_.polling.poll(poll, pop.ticket);
    if (outcome != PopLongPollingService::Result::kPolling) {
        answer(pop,
               outcome == PopLongPollingService::Result::kFull ? ResponseCode::POLLING_FULL
                                                               : ResponseCode::POLLING_TIMEOUT,
               std::move(poll.responder));
    }
}

void PopLiteMessageProcessor::repeat_blocking(Pop& pop, Responder responder) {
    auto work = [this, request = pop.request, born_ms = pop.born_ms](Responder late) {
        const auto header = decode_header<PopLiteMessageRequestHeader>(request->view().ext());
        if (!header) {
            late.send(error_response(header.error()));
            return;
        }
        Pop again;
        again.header = *header;
        again.request = request;
        again.born_ms = born_ms;
        again.cold_reads = ColdReads::kAllow;
        execute(again, std::move(late));
    };
    c_.admission.run_blocking(std::move(responder), c_.config.wait_time_mills_in_pull_queue,
                              std::move(work));
}

}  // namespace rmq::broker
