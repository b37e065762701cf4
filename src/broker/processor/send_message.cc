// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/send_message.h"

#include "broker/admission/admission.h"
#include "broker/broker_config.h"
#include "broker/lock/rebalance_lock_manager.h"
#include "broker/message_copy.h"
#include "broker/metrics/broker_metrics.h"
#include "broker/processor/message_batch.h"
#include "broker/processor/send_check.h"
#include "broker/processor/send_properties.h"
#include "broker/response_mapping.h"
#include "broker/stats/broker_stats_manager.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/timer/recall_handle.h"
#include "broker/timer/schedule_rewrite.h"
#include "broker/topic/attributes.h"
#include "broker/topic/topic_config_manager.h"
#include "broker/topic/topic_validator.h"
#include "broker/transaction/half_message.h"
#include "broker/transaction/transactional_message_service.h"
#include "common/limits.h"
#include "common/lite_topic.h"
#include "common/log.h"
#include "common/message/message_id.h"
#include "common/message/message_properties.h"
#include "common/message/property_order.h"
#include "common/parse_number.h"
#include "remoting/protocol/header_codec.h"
#include "store/message_encoder.h"
#include "store/message_store.h"
#include "store/message_store_config.h"

#include <boost/container/small_vector.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

namespace rmq::broker {
namespace {

constexpr std::int32_t kDlqQueues = 1;  // Source: AbstractSendMessageProcessor.DLQ_NUMS_PER_GROUP
constexpr std::size_t kOffsetIdMax = 56;

// Scratch of one io thread, kept so that a send on the steady path allocates nothing.
struct Scratch {
    std::string properties;
    std::string topic;
    std::vector<BatchPart> parts;
    std::vector<store::MessageToPut> messages;
};
Scratch& scratch() {
    thread_local Scratch instance;
    return instance;
}

}  // namespace

struct SendMessageProcessor::Send {
    const Request& request;
    const SendMessageRequestHeader& header;
    std::shared_ptr<const TopicConfig> topic;
    std::int32_t queue_id = 0;  // of the answer; the stored one may differ
    std::int32_t delay_level = 0;
    bool is_half = false;
    MessageType type = MessageType::kNormal;
    std::int64_t begin_ms = 0;
    store::MessageToPut message{};
};

struct SendMessageProcessor::Reply {
    boost::container::small_vector<char, 64> msg_ids;  // comma-joined
    std::int32_t queue_id = 0;
    boost::container::small_vector<char, 64> unique_key;
    bool is_inner_batch = false;
    std::string recall_handle;  // of a timer message

    void add_msg_id(const SocketAddress& store_host, PhysicalOffset offset) {
        if (!msg_ids.empty()) {
            msg_ids.push_back(',');
        }
        char id[kOffsetIdMax];
        const auto length = write_offset_message_id(store_host, offset, id);
        msg_ids.insert(msg_ids.end(), id, id + length);
    }
};

SendMessageProcessor::SendMessageProcessor(Collaborators collaborators)
    : c_(std::move(collaborators)) {}

void SendMessageProcessor::process(const Request& request, Responder responder) {
    if (c_.store_config.broker_role == store::BrokerRole::SLAVE ||
        c_.store.is_os_page_cache_busy()) {
        responder.send(ResponseCode::SYSTEM_BUSY, kRejectRequest);
        return;
    }
    SendMessageRequestHeaderV2 header;
    if (request.command.code == static_cast<std::int32_t>(RequestCode::SEND_MESSAGE)) {
        auto decoded = decode_header<SendMessageRequestHeader>(request.ext());
        if (!decoded) {
            responder.send(error_response(decoded.error()));
            return;
        }
        static_cast<SendMessageRequestHeader&>(header) = *decoded;
    } else {
        auto decoded = decode_header<SendMessageRequestHeaderV2>(request.ext());
        if (!decoded) {
            responder.send(error_response(decoded.error()));
            return;
        }
        header = *decoded;
    }
    if (request.body().empty()) {
        // The original fails on the absent body before it looks at anything else.
        responder.send(ResponseCode::SYSTEM_ERROR, "message body is null");
        return;
    }
    const auto start_ms = c_.config.start_accept_send_request_time_stamp.get();
    const auto now_ms = c_.clock.now_ms();
    if (now_ms < start_ms) {
        refuse(responder, ResponseCode::SYSTEM_ERROR,
               "broker unable to service, until " + human_time(start_ms));
        return;
    }
    auto checked = check_send(c_.config, c_.topics, header, *request.connection);
    if (checked.topic == nullptr) {
        refuse(responder, checked.code, std::move(checked.remark));
        return;
    }
    Send send{.request = request, .header = header, .topic = std::move(checked.topic)};
    send.begin_ms = now_ms;
    send.queue_id = header.queue_id;
    if (send.queue_id < 0) {
        if (send.topic->write_queue_nums <= 0) {
            refuse(responder, ResponseCode::SYSTEM_ERROR, "the topic has no write queue");
            return;
        }
        send.queue_id = random_queue(send.topic->write_queue_nums);
    }
    send.message.topic = header.topic;
    send.message.queue_id = send.queue_id;
    send.message.flag = header.flag;
    send.message.sys_flag = header.sys_flag;
    if (send.topic->topic_filter_type == TopicFilterType::MULTI_TAG) {
        send.message.sys_flag |= sys_flag::kMultiTags;
    }
    send.message.born_timestamp = header.born_timestamp;
    send.message.born_host = request.connection->peer();
    send.message.store_host = c_.store_host;
    send.message.reconsume_times = header.reconsume_times.value_or(0);
    send.message.body = request.body();
    if (header.batch.value_or(false)) {
        send_batch(send, std::move(responder));
    } else {
        send_message(send, std::move(responder));
    }
}

// The properties that will be stored, in scratch().
SendProperties SendMessageProcessor::take_properties(const Send& send) const {
    return rewrite_properties(send.header.properties.value_or(std::string_view{}),
                              {.region_id = c_.config.region_id,
                               .cluster_name = c_.config.broker_cluster_name,
                               .trace_on = c_.config.trace_on},
                              scratch().properties);
}

void SendMessageProcessor::send_message(Send& send, Responder responder) {
    const auto found = take_properties(send);
    send.type = found.type();
    const auto delay_level = parse_delay_level(found.delay_level);
    if (!delay_level) {
        refuse(responder, ResponseCode::SYSTEM_ERROR,
               fmt::format("java.lang.NumberFormatException, For input string: \"{}\"",
                           found.delay_level));
        return;
    }
    send.delay_level = *delay_level;
    handle_priority(send, found);
    handle_lite_topic(send, found);
    if (send.header.topic.starts_with(topic_name::kRetryPrefix) &&
        !handle_retry_and_dlq(send, responder)) {
        return;
    }
    if (!send.topic->attributes.empty() && found.keys.empty() &&
        is_compaction(send.topic->attributes)) {
        refuse(responder, ResponseCode::MESSAGE_ILLEGAL, "Required message key is missing");
        return;
    }
    // Clients before 4.6.1 leave TRAN_MSG in a message that they send back for its retry.
    send.is_half =
        found.is_half_message() && !(send.message.reconsume_times > 0 && send.delay_level > 0);
    if (send.is_half && c_.config.reject_transaction_message) {
        refuse(responder, ResponseCode::NO_PERMISSION,
               fmt::format("the broker[{}] sending transaction message is forbidden",
                           c_.config.broker_ip1));
        return;
    }
    append_and_reply(send, found, std::move(responder));
}

// The priority of a message is its queue, whatever the attributes of the topic say. A message of
// another kind has none. Source: SendMessageProcessor.sendMessage.
void SendMessageProcessor::handle_priority(Send& send, const SendProperties& found) {
    const auto priority = found.priority.empty() ? -1 : found.parse_priority();
    if (priority < 0) {
        return;
    }
    if (!found.is_priority_message()) {
        remove_property(scratch().properties, property::kPriority);
        return;
    }
    send.queue_id = std::min(priority, std::max(send.topic->write_queue_nums - 1, 0));
    send.message.queue_id = send.queue_id;
}

// A message for a lite topic has an entry in that one's queue, too, whatever type its topic is of.
// Source: SendMessageProcessor.sendMessage.
void SendMessageProcessor::handle_lite_topic(const Send& send, const SendProperties& found) {
    if (const auto queue = lite_queue_name(send.header.topic, found.lite_topic)) {
        set_property(scratch().properties, property::kInnerMultiDispatch, *queue);
    }
}

// Source: SendMessageProcessor.handleRetryAndDLQ.
bool SendMessageProcessor::handle_retry_and_dlq(Send& send, Responder& responder) {
    const auto group = send.header.topic.substr(topic_name::kRetryPrefix.size());
    const auto group_config = c_.groups.find(group);
    if (group_config == nullptr) {
        refuse(responder, ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST,
               fmt::format("subscription group not exist, {} {}", group, kSuggestTodo));
        return false;
    }
    auto max_reconsume_times = group_config->retry_max_times;
    if (send.request.command.version >= mq_version::kV3_4_9 && send.header.max_reconsume_times) {
        max_reconsume_times = *send.header.max_reconsume_times;
    }
    if (send.message.reconsume_times <= max_reconsume_times &&
        c_.locks.is_lock_all_expired(group)) {
        return true;
    }
    auto& dlq_topic = scratch().topic;
    dlq_topic.assign(topic_name::kDlqPrefix).append(group);
    if (dlq_topic.size() > static_cast<std::size_t>(limits::kTopicMaxChars)) {
        refuse(responder, store::PutMessageStatus::MESSAGE_ILLEGAL);
        return false;
    }
    auto topic =
        c_.topics.create_in_send_back(dlq_topic, kDlqQueues, perm::kRead | perm::kWrite, 0);
    if (topic == nullptr) {
        refuse(responder, ResponseCode::SYSTEM_ERROR,
               fmt::format("topic[{}] not exist", dlq_topic));
        return false;
    }
    log_of("broker").info("send_to_dlq topic={} group={} reconsumeTimes={}", dlq_topic, group,
                          send.message.reconsume_times);
    if (auto* const metrics = c_.stats.metrics()) {
        metrics->on_dead_letter(group, send.header.topic);
    }
    send.topic = std::move(topic);
    send.message.topic = dlq_topic;
    send.message.queue_id = 0;
    send.delay_level = 0;
    auto& properties = scratch().properties;
    set_property(properties, property::kDelayLevel, "-1");
    // For readers of gRPC; the original has the names but does not write them.
    const std::string origin(
        find_property(properties, property::kRetryTopic).value_or(send.header.topic));
    set_property(properties, property::kDlqOriginTopic, origin);
    if (const auto unique_key = find_property(properties, property::kUniqKey)) {
        set_property(properties, property::kDlqOriginMessageId, std::string(*unique_key));
    }
    return true;
}

// Timers and delay levels.
bool SendMessageProcessor::handle_schedule(Send& send, const SendProperties& found, Reply& reply,
                                           Responder& responder) {
    if (send.delay_level <= 0 && !found.is_timer()) {
        return true;
    }
    auto& properties = scratch().properties;
    ScheduleTarget target{send.message.topic, send.message.queue_id};
    const auto status = c_.schedule.rewrite(send.message.sys_flag, target, properties);
    if (status != store::PutMessageStatus::PUT_OK) {
        refuse(responder, status);
        return false;
    }
    if (target.topic == topic_name::kTimer && target.topic != send.message.topic &&
        !send.message.topic.starts_with(topic_name::kRetryPrefix)) {
        const auto slot_ms = find_property(properties, property::kTimerOutMs);
        reply.recall_handle = encode_recall_handle(
            {.topic = std::string(send.message.topic),
             .broker_name = c_.config.broker_name,
             .timestamp = std::to_string(parse_number<std::int64_t>(*slot_ms).value_or(0) + 1),
             .message_id = std::string(reply.unique_key.begin(), reply.unique_key.end())});
    }
    send.message.topic = target.topic;
    send.message.queue_id = target.queue_id;
    return true;
}

// A half message's delay begins with its commit, which must not fail for it. The original moves
// the half message itself to where delayed messages wait, and drops it when it is due.
bool SendMessageProcessor::may_be_scheduled(const Send& send, const SendProperties& found,
                                            Responder& responder) {
    if (send.delay_level <= 0 && !found.is_timer()) {
        return true;
    }
    std::string tried = scratch().properties;
    ScheduleTarget target{send.message.topic, send.message.queue_id};
    const auto status = c_.schedule.rewrite(sys_flag::kTransactionCommit, target, tried);
    if (status != store::PutMessageStatus::PUT_OK) {
        refuse(responder, status);
        return false;
    }
    return true;
}

void SendMessageProcessor::append_and_reply(Send& send, const SendProperties& found,
                                            Responder responder) {
    auto& properties = scratch().properties;
    Reply reply;
    if (found.unique_key.empty()) {
        const auto unique_key = make_unique_id(c_.store_host, c_.clock.now_ms());
        append_property(properties, property::kUniqKey, unique_key);
        reply.unique_key.assign(unique_key.begin(), unique_key.end());
    } else {
        reply.unique_key.assign(found.unique_key.begin(), found.unique_key.end());
    }
    if (!found.inner_num.empty() && (send.message.sys_flag & sys_flag::kInnerBatch) == 0) {
        refuse(responder, store::PutMessageStatus::MESSAGE_ILLEGAL);
        return;
    }
    if (send.is_half) {
        if (!may_be_scheduled(send, found, responder)) {
            return;
        }
        rewrite_as_half({reply.unique_key.data(), reply.unique_key.size()}, send.message,
                        properties);
    } else if (!handle_schedule(send, found, reply, responder)) {
        return;
    }
    order_properties(properties);
    send.message.properties = properties;
    reply.queue_id = send.queue_id;
    const auto result = c_.store.put_message(send.message);
    if (!is_stored(result.status)) {
        refuse(responder, result.status);
        return;
    }
    count(send, result);
    if (send.is_half) {
        c_.transactions.metrics().add(send.topic->topic_name, 1);
    }
    reply.add_msg_id(c_.store_host, result.physical_offset);
    reply_put_result(result, std::move(reply), std::move(responder), found.waits_for_store());
}

// Source: SendMessageProcessor.sendBatchMessage, CommitLog.asyncPutMessages.
void SendMessageProcessor::send_batch(Send& send, Responder responder) {
    if (send.header.topic.size() > static_cast<std::size_t>(limits::kTopicMaxChars)) {
        refuse(responder, ResponseCode::MESSAGE_ILLEGAL,
               fmt::format("message topic length too long {}", send.header.topic.size()));
        return;
    }
    if (send.header.topic.starts_with(topic_name::kRetryPrefix)) {
        refuse(responder, ResponseCode::MESSAGE_ILLEGAL,
               fmt::format("batch request does not support retry group {}", send.header.topic));
        return;
    }
    const auto found = read_properties(send.header.properties.value_or(std::string_view{}));
    send.type = found.type();
    const auto delay_level = parse_delay_level(found.delay_level);
    auto& parts = scratch().parts;
    const auto decoded = decode_batch(send.request.body(), parts);
    const auto transaction = send.header.sys_flag & sys_flag::kTransactionMask;
    if (!delay_level || *delay_level > 0 || found.is_timer() || !decoded ||
        transaction != sys_flag::kTransactionNot ||
        send.request.body().size() > static_cast<std::size_t>(c_.store_config.max_message_size)) {
        refuse(responder, store::PutMessageStatus::MESSAGE_ILLEGAL);
        return;
    }
    if (!send.topic->attributes.empty() && !found.unique_key.empty() &&
        is_batch_queue(send.topic->attributes)) {
        send_inner_batch(send, parts.size(), std::move(responder));
        return;
    }
    auto& messages = scratch().messages;
    messages.assign(parts.size(), send.message);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        messages[i].flag = parts[i].flag;
        messages[i].body = parts[i].body;
        messages[i].properties = parts[i].properties;
    }
    const auto result = c_.store.put_messages(messages);
    if (!is_stored(result.status)) {
        refuse(responder, result.status);
        return;
    }
    count(send, result);
    Reply reply;
    reply.queue_id = send.queue_id;
    reply.unique_key.assign(found.unique_key.begin(), found.unique_key.end());
    auto offset = result.physical_offset;
    for (const auto& message : messages) {
        reply.add_msg_id(c_.store_host, offset);
        offset = offset + store::record_bytes(message);
    }
    reply_put_result(result, std::move(reply), std::move(responder), found.waits_for_store());
}

// The batch as one record, which consumers take apart. Source:
// SendMessageProcessor.sendBatchMessage.
void SendMessageProcessor::send_inner_batch(Send& send, std::size_t messages, Responder responder) {
    if (messages > static_cast<std::size_t>(std::numeric_limits<std::int16_t>::max())) {
        refuse(responder, store::PutMessageStatus::MESSAGE_ILLEGAL);
        return;
    }
    auto& properties = scratch().properties;
    const auto found = take_properties(send);
    send.type = found.type();
    set_property(properties, property::kInnerNum, std::to_string(messages));
    order_properties(properties);
    send.message.properties = properties;
    send.message.sys_flag |= sys_flag::kNeedUnwrap | sys_flag::kInnerBatch;
    const auto result = c_.store.put_message(send.message);
    if (!is_stored(result.status)) {
        refuse(responder, result.status);
        return;
    }
    count(send, result);
    Reply reply;
    reply.queue_id = send.queue_id;
    reply.unique_key.assign(found.unique_key.begin(), found.unique_key.end());
    reply.is_inner_batch = true;
    reply.add_msg_id(c_.store_host, result.physical_offset);
    reply_put_result(result, std::move(reply), std::move(responder), found.waits_for_store());
}

void SendMessageProcessor::reply_put_result(const store::PutMessageResult& result, Reply reply,
                                            Responder responder, bool waits) {
    auto response = make_response();
    response.code = response_code_of(result.status);
    SendMessageResponseHeader header;
    header.msg_id = std::string_view(reply.msg_ids.data(), reply.msg_ids.size());
    header.queue_id = reply.queue_id;
    header.queue_offset = result.queue_offset.value;
    if (!reply.unique_key.empty()) {
        header.transaction_id = std::string_view(reply.unique_key.data(), reply.unique_key.size());
    }
    if (reply.is_inner_batch) {
        header.batch_uniq_id = header.transaction_id;
    }
    if (!reply.recall_handle.empty()) {
        header.recall_handle = reply.recall_handle;
    }
    encode_header(header, response.ext);
    if (!waits || !c_.store.needs_flush_wait()) {
        responder.send(std::move(response));
        return;
    }
    c_.store.when_flushed(
        result.end, [this, response = std::move(response),
                     responder = std::move(responder)](store::PutMessageStatus status) mutable {
            if (!is_stored(status)) {
                refuse(responder, status);
                return;
            }
            response.code = response_code_of(status);
            responder.send(std::move(response));
        });
}

// Under the topic that was asked for; a dead letter and a half message under their own.
void SendMessageProcessor::count(const Send& send, const store::PutMessageResult& result) const {
    c_.stats.on_put(
        {.topic = send.is_half ? topic_name::kTransHalf : std::string_view(send.topic->topic_name),
         .queue_id = send.queue_id,
         .messages = result.message_count,
         .bytes = result.end.value - result.physical_offset.value,
         .latency_ms = result.store_timestamp - send.begin_ms});
    if (auto* const metrics = c_.stats.metrics()) {
        metrics->on_message_in({.topic = send.message.topic,
                                .type = send.type,
                                .messages = result.message_count,
                                .bytes = result.end.value - result.physical_offset.value});
    }
}

Response SendMessageProcessor::make_response() const {
    Response response;
    response.ext.add(property::kMsgRegion, std::string_view(c_.config.region_id));
    response.ext.add(property::kTraceOn, c_.config.trace_on.get());
    return response;
}

void SendMessageProcessor::refuse(Responder& responder, ResponseCode code,
                                  std::string remark) const {
    auto response = make_response();
    response.code = code;
    response.remark = std::move(remark);
    responder.send(std::move(response));
}

void SendMessageProcessor::refuse(Responder& responder, store::PutMessageStatus status) const {
    PutRemarkFacts facts;
    facts.max_message_size = c_.store_config.max_message_size;
    facts.timer_max_delay_sec = c_.store_config.timer_max_delay_sec;
    facts.timer_congest_num_each_slot = c_.store_config.timer_congest_num_each_slot;
    if (status == store::PutMessageStatus::SERVICE_NOT_AVAILABLE) {
        const auto runtime = c_.store.runtime();
        facts.commit_log_disk_ratio = runtime.disk_ratio_commit_log;
        facts.consume_queue_disk_ratio = runtime.disk_ratio_consume_queue;
    }
    refuse(responder, response_code_of(status), remark_of(status, facts));
}

}  // namespace rmq::broker
