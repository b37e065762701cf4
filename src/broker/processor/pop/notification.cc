// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/pop/notification.h"

#include "broker/broker_config.h"
#include "broker/message_copy.h"
#include "broker/pop/consumer_order_info_manager.h"
#include "broker/pop/pop_long_polling_service.h"
#include "broker/pop/pop_offsets.h"
#include "broker/pop/pop_store.h"
#include "broker/processor/pop/pop_check.h"
#include "broker/response_mapping.h"
#include "broker/topic/topic_config_manager.h"
#include "remoting/protocol/body/heartbeat_data.h"
#include "remoting/protocol/extra_info.h"
#include "remoting/protocol/header/pop.h"
#include "remoting/protocol/header_codec.h"

#include <algorithm>
#include <utility>

namespace rmq::broker {

struct NotificationProcessor::Look {
    const NotificationRequestHeader& header;
    std::shared_ptr<const OwnedRequest> request{};  // once it was copied
    const Request* frame = nullptr;                 // until then
    std::int64_t born_ms = 0;
    MessageFilter filter{};
};

void NotificationProcessor::process(const Request& request, Responder responder) {
    const auto header = decode_header<NotificationRequestHeader>(request.ext());
    if (!header) {
        responder.send(error_response(header.error()));
        return;
    }
    Look look{.header = *header};
    look.frame = &request;
    look.born_ms = header->born_time.value_or(0);
    if (look.born_ms == 0) {
        look.born_ms = c_.clock.now_ms();
    }
    execute(look, std::move(responder));
}

void NotificationProcessor::resume(PopPoll poll) {
    const auto header = decode_header<NotificationRequestHeader>(poll.request->view().ext());
    if (!header) {
        poll.responder.send(error_response(header.error()));
        return;
    }
    Look look{.header = *header};
    look.request = std::move(poll.request);
    look.born_ms = poll.born_ms;
    execute(look, std::move(poll.responder));
}

void NotificationProcessor::execute(Look& look, Responder responder) {
    const auto& header = look.header;
    const auto access = check_pop_access(
        {c_.config, c_.topics, c_.groups},
        {header.topic, header.consumer_group, header.queue_id, "peeking"}, responder.connection());
    if (access.refusal) {
        responder.send(*access.refusal);
        return;
    }
    const auto text = header.exp.value_or(std::string_view{});
    const auto type = header.exp_type.value_or(std::string_view{});
    if (c_.config.use_message_filter_for_notification && !type.empty() && !text.empty()) {
        auto filter = make_message_filter(header.topic, type, text);
        if (!filter) {
            responder.send(ResponseCode::SUBSCRIPTION_PARSE_FAILED,
                           "parse the consumer's subscription failed");
            return;
        }
        look.filter = std::move(*filter);
    }
    const auto ticket = c_.polling.ticket(header.topic);
    const auto first = random_queue(100);
    const auto& topic = access.topic->topic_name;
    bool has_msg = header.queue_id < 0 ? has_message(look, topic, first, true)
                                       : has_message_in(look, topic, header.queue_id, true);
    if (!has_msg && c_.config.enable_retry_topic_v2) {
        has_msg = has_message(look, pop_retry_topic_v2(header.topic, header.consumer_group), first,
                              false);
    }
    if (!has_msg &&
        (!c_.config.enable_retry_topic_v2 || c_.config.retrieve_message_from_pop_retry_topic_v1)) {
        has_msg = has_message(look, pop_retry_topic_v1(header.topic, header.consumer_group), first,
                              false);
    }
    NotificationResponseHeader answer;
    answer.has_msg = has_msg;
    if (!has_msg) {
        if (look.request == nullptr) {
            look.request = std::make_shared<const OwnedRequest>(*look.frame);
        }
        PopPoll poll{.request = look.request,
                     .responder = std::move(responder),
                     .kind = PopPoll::Kind::kNotification,
                     .topic = std::string(header.topic),
                     .group = std::string(header.consumer_group),
                     .queue_id = header.queue_id,
                     .born_ms = look.born_ms,
                     .poll_ms = header.poll_time,
                     .filter = look.filter};
        const auto outcome = c_.polling.poll(poll, ticket);
        if (outcome == PopLongPollingService::Result::kPolling) {
            return;
        }
        answer.polling_full = outcome == PopLongPollingService::Result::kFull;
        responder = std::move(poll.responder);
    }
    Response response;
    encode_header(answer, response.ext);
    responder.send(std::move(response));
}

bool NotificationProcessor::has_message(const Look& look, const std::string& topic,
                                        std::int32_t first, bool is_filtered) const {
    const auto config = c_.topics.select(topic);
    const auto queues = config == nullptr ? 0 : config->read_queue_nums;
    for (std::int32_t i = 0; i < queues; ++i) {
        if (has_message_in(look, topic, (first + i) % queues, is_filtered)) {
            return true;
        }
    }
    return false;
}

// With a filter a short backlog is looked through; a long one counts as it is.
// Source: NotificationProcessor.hasMsgFromQueue.
bool NotificationProcessor::has_message_in(const Look& look, const std::string& topic,
                                           std::int32_t queue_id, bool is_filtered) const {
    constexpr std::int64_t kLookMax = 32;
    const auto& header = look.header;
    const PopQueue queue{topic, std::string(header.consumer_group), queue_id};
    if (header.order.value_or(false) &&
        c_.order_infos.is_blocked({std::string(header.topic), queue.group, queue_id},
                                  header.attempt_id.value_or(std::string_view{}), 0)) {
        return false;
    }
    const auto offset = c_.positions.peek(queue, consume_init_mode::kMin);
    const auto rest = c_.positions.rest(queue, offset);
    if (!is_filtered || look.filter.matches_all_tags() ||
        rest >= c_.config.max_message_filter_num_for_notification) {
        return rest > 0;
    }
    for (std::int64_t i = 0; i < std::min(rest, kLookMax); ++i) {
        const auto tags_code = c_.store.tags_code(topic, queue_id, QueueOffset{offset + i});
        if (tags_code && look.filter.matches_tags_code(*tags_code)) {
            return true;
        }
    }
    return false;
}

}  // namespace rmq::broker
