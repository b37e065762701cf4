// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/end_transaction.h"

#include "broker/admission/admission.h"
#include "broker/broker_config.h"
#include "broker/message_copy.h"
#include "broker/metrics/broker_metrics.h"
#include "broker/processor/send_properties.h"
#include "broker/response_mapping.h"
#include "broker/stats/broker_stats_manager.h"
#include "broker/timer/schedule_rewrite.h"
#include "broker/topic/topic_validator.h"
#include "broker/transaction/half_message.h"
#include "broker/transaction/transactional_message_service.h"
#include "common/log.h"
#include "common/message/message_id.h"
#include "common/message/message_properties.h"
#include "remoting/protocol/header/transaction.h"
#include "remoting/protocol/header_codec.h"
#include "store/message_store.h"
#include "store/message_store_config.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace rmq::broker {
namespace {

constexpr const char* kNotFound = "Find prepared transaction message failed";
constexpr const char* kNotPutBack = "Put message back to RMQ_SYS_TRANS_HALF_TOPIC failed.";
constexpr const char* kPutBackFailed =
    "Exception was thrown when putting message back to RMQ_SYS_TRANS_HALF_TOPIC.";

Response refusal(std::string remark) {
    return Response(ResponseCode::SYSTEM_ERROR, std::move(remark));
}

}  // namespace

void EndTransactionProcessor::end_transaction(const Request& request, Responder responder) {
    const auto header = decode_header<EndTransactionRequestHeader>(request.ext());
    if (!header) {
        responder.send(error_response(header.error()));
        return;
    }
    const auto wish = header->commit_or_rollback;
    if (wish != sys_flag::kTransactionNot && wish != sys_flag::kTransactionCommit &&
        wish != sys_flag::kTransactionRollback) {
        responder.send(ResponseCode::SYSTEM_ERROR, "commitOrRollback field wrong");
        return;
    }
    if (c_.store_config.broker_role == store::BrokerRole::SLAVE) {
        responder.send(ResponseCode::SLAVE_NOT_AVAILABLE);
        return;
    }
    if (wish == sys_flag::kTransactionNot) {
        responder.leave_unanswered();
        return;
    }
    End wanted;
    wanted.group = header->producer_group;
    wanted.half = QueueOffset{header->tran_state_table_offset};
    wanted.at = PhysicalOffset{header->commit_log_offset};
    wanted.is_commit = wish == sys_flag::kTransactionCommit;
    wanted.is_from_check = header->from_transaction_check.value_or(false);
    if (!c_.store.is_cold(wanted.at)) {
        end(wanted, std::move(responder));
        return;
    }
    c_.admission.run_blocking(
        std::move(responder), c_.config.wait_time_mills_in_transaction_queue,
        [this, wanted = std::move(wanted)](Responder late) { end(wanted, std::move(late)); });
}

void EndTransactionProcessor::end(const End& end, Responder responder) {
    const auto slice = c_.store.record_at(end.at);
    const auto half = slice ? decode_message(slice->bytes) : Error{Errc::kNotFound, kNotFound};
    if (!half) {
        responder.send(refusal(kNotFound));
        return;
    }
    auto checked = check(end, *half);
    if (checked.code != ResponseCode::SUCCESS) {
        log_of("broker").warn(
            "transaction_end_refused group={} half={} commit={} code={} why=\"{}\"", end.group,
            end.half.value, end.is_commit, static_cast<int>(checked.code), checked.remark);
        responder.send(std::move(checked));
        return;
    }
    if (end.is_commit) {
        commit(*half, std::move(responder));
        return;
    }
    const auto topic = find_property(half->properties, property::kRealTopic).value_or(half->topic);
    settle(*half, topic);
    if (auto* const metrics = c_.stats.metrics()) {
        metrics->on_rollback(topic);
    }
    responder.send(std::move(checked));
}

// Source: EndTransactionProcessor.rejectCommitOrRollback, checkPrepareMessage.
Response EndTransactionProcessor::check(const End& end, const MessageRecord& half) const {
    const auto immunity = find_property(half.properties, property::kCheckImmunityTimeInSeconds);
    if (!end.is_from_check && immunity) {
        const std::int64_t timeout_ms = c_.config.transaction_time_out;
        const auto age_ms = c_.clock.now_ms() - half.born_timestamp;
        if (age_ms > std::max(timeout_ms, immunity_ms(*immunity, timeout_ms))) {
            return Response(ResponseCode::ILLEGAL_OPERATION);
        }
    }
    if (find_property(half.properties, property::kProducerGroup) != end.group) {
        return refusal("The producer group wrong");
    }
    if (half.queue_offset != end.half) {
        return refusal("The transaction state table offset wrong");
    }
    if (half.physical_offset != end.at) {
        return refusal("The commit log offset wrong");
    }
    return {};
}

// Source: EndTransactionProcessor.endMessageTransaction.
void EndTransactionProcessor::commit(const MessageRecord& half, Responder responder) {
    const auto target = real_target(half.properties);
    if (!target) {
        responder.send(refusal("the half message does not name its topic and queue"));
        return;
    }
    auto properties = committed_properties(half.properties);
    const auto found = read_properties(properties);
    const bool waits = found.waits_for_store();
    auto copy = message_copy(half);
    copy.topic = target->topic;
    copy.queue_id = target->queue_id;
    copy.sys_flag |= sys_flag::kTransactionCommit;
    copy.prepared_transaction_offset = half.physical_offset.value;
    ScheduleTarget place{copy.topic, copy.queue_id};
    const auto scheduled = c_.schedule.rewrite(copy.sys_flag, place, properties);
    if (scheduled != store::PutMessageStatus::PUT_OK) {
        responder.send(commit_response(scheduled));
        return;
    }
    if (place.topic != copy.topic) {
        // Encoded once more, from properties that TRAN_MSG has left by now.
        remove_property(properties, property::kTransactionPrepared);
        copy.topic = place.topic;
        copy.queue_id = place.queue_id;
    }
    copy.properties = properties;
    const auto result = c_.store.put_message(copy);
    if (!is_stored(result.status)) {
        responder.send(commit_response(result.status));
        return;
    }
    c_.stats.on_put({.topic = copy.topic,
                     .queue_id = copy.queue_id,
                     .bytes = result.end.value - result.physical_offset.value});
    // The op comes after the copy in the log: what loses the one loses the other, too.
    settle(half, target->topic);
    if (auto* const metrics = c_.stats.metrics()) {
        metrics->on_commit(copy.topic, c_.clock.now_ms() - half.born_timestamp);
    }
    if (!waits || !c_.store.needs_flush_wait()) {
        responder.send(Response());
        return;
    }
    c_.store.when_flushed(result.end, [this, responder = std::move(responder)](
                                          store::PutMessageStatus status) mutable {
        responder.send(commit_response(status));
    });
}

void EndTransactionProcessor::settle(const MessageRecord& half, std::string_view topic) {
    if (half.topic == topic_name::kTransHalf) {
        c_.transactions.settle(half.queue_offset);
    } else {
        log_of("broker").warn("transaction_not_settled topic={} offset={}", half.topic,
                              half.queue_offset.value);
    }
    c_.transactions.metrics().add(topic, -1);
}

// Source: EndTransactionProcessor.sendFinalMessage.
Response EndTransactionProcessor::commit_response(store::PutMessageStatus status) const {
    switch (status) {
        case store::PutMessageStatus::PUT_OK:
        case store::PutMessageStatus::FLUSH_DISK_TIMEOUT:
            return {};
        case store::PutMessageStatus::CREATE_MAPPED_FILE_FAILED:
            return refusal("Create mapped file failed.");
        case store::PutMessageStatus::MESSAGE_ILLEGAL:
        case store::PutMessageStatus::PROPERTIES_SIZE_EXCEEDED:
            return Response(
                ResponseCode::MESSAGE_ILLEGAL,
                fmt::format("The message is illegal, maybe msg body or properties length not "
                            "matched. msg body length limit {}B, msg properties length limit 32KB.",
                            c_.store_config.max_message_size.get()));
        case store::PutMessageStatus::SERVICE_NOT_AVAILABLE:
            return Response(ResponseCode::SERVICE_NOT_AVAILABLE, "Service not available now.");
        case store::PutMessageStatus::OS_PAGE_CACHE_BUSY:
            return refusal("OS page cache busy, please try another machine");
        case store::PutMessageStatus::WHEEL_TIMER_MSG_ILLEGAL:
        case store::PutMessageStatus::WHEEL_TIMER_FLOW_CONTROL:
        case store::PutMessageStatus::WHEEL_TIMER_NOT_ENABLE: {
            PutRemarkFacts facts;
            facts.timer_max_delay_sec = c_.store_config.timer_max_delay_sec;
            facts.timer_congest_num_each_slot = c_.store_config.timer_congest_num_each_slot;
            return Response(response_code_of(status), remark_of(status, facts));
        }
        case store::PutMessageStatus::UNKNOWN_ERROR:
            return refusal("UNKNOWN_ERROR");
        case store::PutMessageStatus::LMQ_CONSUME_QUEUE_NUM_EXCEEDED:
            break;
    }
    return refusal("UNKNOWN_ERROR DEFAULT");
}

void EndTransactionProcessor::resume_check_half_message(const Request& request,
                                                        Responder responder) {
    const auto header = decode_header<ResumeCheckHalfMessageRequestHeader>(request.ext());
    if (!header) {
        responder.send(error_response(header.error()));
        return;
    }
    const auto id = parse_offset_message_id(header->msg_id.value_or(std::string_view{}));
    if (!id) {
        responder.send(refusal(kPutBackFailed));
        return;
    }
    c_.admission.run_blocking(std::move(responder), c_.config.wait_time_mills_in_admin_broker_queue,
                              [this, at = id->offset](Responder late) { late.send(put_back(at)); });
}

Response EndTransactionProcessor::put_back(PhysicalOffset at) {
    const auto slice = c_.store.record_at(at);
    const auto record = slice ? decode_message(slice->bytes) : Error{Errc::kNotFound, kNotFound};
    if (!record) {
        return refusal(kPutBackFailed);
    }
    std::string properties(record->properties);
    set_property(properties, property::kTransactionCheckTimes, "0");
    auto copy = message_copy(*record);
    copy.topic = topic_name::kTransHalf;
    copy.queue_id = kHalfQueue;
    copy.properties = properties;
    if (c_.store.put_message(copy).status != store::PutMessageStatus::PUT_OK) {
        return refusal(kNotPutBack);
    }
    log_of("broker").info("half_message_resumed position={}", at.value);
    return {};
}

}  // namespace rmq::broker
