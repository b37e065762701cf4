// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/pop/peek_message.h"

#include "broker/broker_config.h"
#include "broker/message_copy.h"
#include "broker/metrics/broker_metrics.h"
#include "broker/pop/pop_check_point.h"
#include "broker/pop/pop_long_polling_service.h"
#include "broker/pop/pop_offsets.h"
#include "broker/pop/pop_retry_topic.h"
#include "broker/pop/pop_store.h"
#include "broker/processor/pop/pop_check.h"
#include "broker/response_mapping.h"
#include "broker/stats/broker_stats_manager.h"
#include "broker/topic/topic_config_manager.h"
#include "remoting/protocol/header/pop.h"
#include "remoting/protocol/header_codec.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace rmq::broker {

struct PeekMessageProcessor::Peek {
    const PeekMessageRequestHeader& header;
    std::vector<BodySlice> slices{};
    std::int32_t count = 0;
    std::int64_t bytes = 0;
    std::int64_t rest = 0;

    std::int32_t room() const {
        return std::min(header.max_msg_nums, PopCheckPoint::kMessagesMax) - count;
    }
};

void PeekMessageProcessor::peek(const Request& request, Responder responder) {
    const auto header = decode_header<PeekMessageRequestHeader>(request.ext());
    if (!header) {
        responder.send(error_response(header.error()));
        return;
    }
    auto access =
        check_pop_access({c_.config, c_.topics, c_.groups},
                         {header->topic, header->consumer_group, header->queue_id, "peeking"},
                         responder.connection());
    if (access.refusal) {
        responder.send(std::move(*access.refusal));
        return;
    }
    Peek peek{.header = *header};
    const auto dice = random_queue(100);
    const bool retry_first = dice % 5 == 0;
    const auto retry_topic = pop_retry_topic(c_.config, header->topic, header->consumer_group);
    if (retry_first) {
        peek_topic(peek, retry_topic, dice);
    }
    if (header->queue_id < 0) {
        peek_topic(peek, access.topic->topic_name, dice);
    } else {
        peek_queue(peek, access.topic->topic_name, header->queue_id);
    }
    if (!retry_first && peek.room() > 0) {
        peek_topic(peek, retry_topic, dice);
    }
    const bool is_found = peek.count > 0;
    Response response(
        is_found ? ResponseCode::SUCCESS : ResponseCode::PULL_NOT_FOUND,
        store::get_message_status_name(is_found ? store::GetMessageStatus::FOUND
                                                : store::GetMessageStatus::NO_MESSAGE_IN_QUEUE));
    PopMessageResponseHeader answer;
    answer.rest_num = peek.rest;
    encode_header(answer, response.ext);
    response.slices = std::move(peek.slices);
    if (is_found) {
        c_.stats.on_get({.group = header->consumer_group,
                         .topic = header->topic,
                         .queue_id = header->queue_id,
                         .messages = peek.count,
                         .bytes = peek.bytes});
        if (auto* const metrics = c_.stats.metrics()) {
            metrics->on_message_out({.topic = header->topic,
                                     .group = header->consumer_group,
                                     .messages = peek.count,
                                     .bytes = peek.bytes});
        }
    }
    responder.send(std::move(response));
}

void PeekMessageProcessor::peek_topic(Peek& peek, const std::string& topic,
                                      std::int32_t first) const {
    const auto config = c_.topics.select(topic);
    const auto queues = config == nullptr ? 0 : config->read_queue_nums;
    for (std::int32_t i = 0; i < queues; ++i) {
        peek_queue(peek, topic, (first + i) % queues);
    }
}

void PeekMessageProcessor::peek_queue(Peek& peek, const std::string& topic,
                                      std::int32_t queue_id) const {
    const PopQueue queue{topic, std::string(peek.header.consumer_group), queue_id};
    const auto offset = c_.positions.peek(queue, consume_init_mode::kMin);
    peek.rest += c_.positions.rest(queue, offset);
    if (peek.room() <= 0) {
        return;
    }
    store::GetMessageRequest request;
    request.topic = topic;
    request.queue_id = queue_id;
    request.offset = QueueOffset{offset};
    request.max_count = peek.room();
    auto result = c_.store.get(request);
    if (result.status == store::GetMessageStatus::OFFSET_TOO_SMALL ||
        result.status == store::GetMessageStatus::OFFSET_OVERFLOW_BADLY) {
        request.offset = result.next_begin_offset;
        result = c_.store.get(request);
    }
    for (auto& slice : result.slices) {
        peek.slices.push_back({std::move(slice.owner), slice.bytes});
    }
    peek.count += result.message_count;
    peek.bytes += result.total_bytes;
}

void PeekMessageProcessor::polling_info(const Request& request, Responder responder) {
    const auto header = decode_header<PollingInfoRequestHeader>(request.ext());
    if (!header) {
        responder.send(error_response(header.error()));
        return;
    }
    const auto access =
        check_pop_access({c_.config, c_.topics, c_.groups},
                         {header->topic, header->consumer_group, header->queue_id, "peeking"},
                         responder.connection());
    if (access.refusal) {
        responder.send(*access.refusal);
        return;
    }
    Response response;
    encode_header(PollingInfoResponseHeader{c_.polling.polling_count(
                      header->topic, header->consumer_group, header->queue_id)},
                  response.ext);
    responder.send(std::move(response));
}

}  // namespace rmq::broker
