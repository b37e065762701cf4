// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/pull_message.h"

#include "broker/admission/admission.h"
#include "broker/admission/slow_consumers.h"
#include "broker/broker_config.h"
#include "broker/client/consumer_manager.h"
#include "broker/cold/cold_data_control.h"
#include "broker/cold/cold_pull_hold.h"
#include "broker/filter/consumer_filter_manager.h"
#include "broker/hold/pull_request_hold_service.h"
#include "broker/metrics/broker_metrics.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/processor/send_check.h"
#include "broker/response_mapping.h"
#include "broker/stats/broker_stats_manager.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/topic/topic_config_manager.h"
#include "broker/topic/topic_validator.h"
#include "common/log.h"
#include "remoting/protocol/body/topic_config.h"
#include "remoting/protocol/header_codec.h"
#include "store/message_store.h"
#include "store/message_store_config.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace rmq::broker {

namespace {

// Longer than any client waits for an answer.
constexpr std::int64_t kSuspendMaxMs = 24 * 3'600'000LL;

}  // namespace

using ColdReads = store::GetMessageRequest::ColdReads;

struct PullMessageProcessor::Pull {
    const PullMessageRequestHeader& header;
    bool is_lite = false;
    bool may_suspend = true;    // false once it was held
    bool is_slowed = false;     // it waited for reading too much cold data: one message
    std::int64_t begin_ms = 0;  // Clock::monotonic_ms
    std::shared_ptr<const TopicConfig> topic{};
    std::shared_ptr<const SubscriptionGroupConfig> group{};
    MessageFilter filter{};

    bool has_flag(std::int32_t flag) const { return (header.sys_flag & flag) != 0; }
    bool wants_suspend() const { return may_suspend && has_flag(pull_sys_flag::kSuspend); }
    GroupQueue queue() const { return {header.consumer_group, header.topic, header.queue_id}; }
};

namespace {

Response refuse(ResponseCode code, std::string remark) {
    return Response(code, std::move(remark));
}

Response forbid(ForbiddenType type, std::string remark) {
    Response response(ResponseCode::NO_PERMISSION, std::move(remark));
    response.ext.add("forbiddenType", static_cast<std::int32_t>(type));
    return response;
}

// Neighbours in one file become one slice, so that a pull of one busy queue leaves as one piece.
void move_slices(std::vector<store::MappedSlice> from, std::vector<BodySlice>& to) {
    to.reserve(from.size());
    for (auto& slice : from) {
        if (!to.empty() && to.back().owner == slice.owner &&
            to.back().bytes.data() + to.back().bytes.size() == slice.bytes.data()) {
            to.back().bytes = {to.back().bytes.data(), to.back().bytes.size() + slice.bytes.size()};
        } else {
            to.push_back({std::move(slice.owner), slice.bytes});
        }
    }
}

}  // namespace

void PullMessageProcessor::process(const Request& request, Responder responder) {
    if (c_.store_config.broker_role == store::BrokerRole::SLAVE && !c_.config.slave_read_enable) {
        responder.send(ResponseCode::SYSTEM_BUSY, kRejectRequest);
        return;
    }
    const auto header = decode_header<PullMessageRequestHeader>(request.ext());
    if (!header) {
        responder.send(error_response(header.error()));
        return;
    }
    Pull pull{.header = *header};
    pull.begin_ms = c_.clock.monotonic_ms();
    pull.is_lite =
        request.command.code == static_cast<std::int32_t>(RequestCode::LITE_PULL_MESSAGE);
    execute(pull, std::move(responder));
}

void PullMessageProcessor::execute_woken(PullRequest request, Responder responder) {
    Pull pull{.header = request.header()};
    pull.begin_ms = c_.clock.monotonic_ms();
    pull.is_lite = request.is_lite();
    pull.may_suspend = false;
    execute(pull, std::move(responder));
}

void PullMessageProcessor::execute_slowed(PullRequest request, Responder responder) {
    Pull pull{.header = request.header()};
    pull.begin_ms = c_.clock.monotonic_ms();
    pull.is_lite = request.is_lite();
    pull.may_suspend = false;
    pull.is_slowed = true;
    execute(pull, std::move(responder));
}

void PullMessageProcessor::execute(Pull& pull, Responder responder) {
    if (auto refusal = check(pull, responder.connection())) {
        responder.send(std::move(*refusal));
        return;
    }
    switch (judge_cold(pull)) {
        case ColdVerdict::kFree:
            break;
        case ColdVerdict::kRefuse:
            responder.send(ResponseCode::SYSTEM_BUSY,
                           "This consumer group is reading cold data. It has been flow control");
            return;
        case ColdVerdict::kHold:
            hold_cold(pull, std::move(responder));
            return;
    }
    store::GetMessageResult result;
    const auto reset = c_.offsets.take_reset(pull.queue());
    if (reset && c_.config.use_server_side_reset_offset) {
        result.status = store::GetMessageStatus::OFFSET_RESET;
        result.next_begin_offset = QueueOffset{*reset};
        result.min_offset = c_.store.min_offset(pull.header.topic, pull.header.queue_id);
        result.max_offset = c_.store.max_offset(pull.header.topic, pull.header.queue_id);
    } else {
        result = read(pull, ColdReads::kRefuse);
        if (result.is_cold) {
            read_cold(pull, std::move(responder));
            return;
        }
    }
    commit(pull, result);
    if (pull.wants_suspend() && pull_response_code(result.status, pull.header.queue_offset) ==
                                    ResponseCode::PULL_NOT_FOUND) {
        hold(pull, std::move(responder));
        return;
    }
    responder.send(make_response(pull, std::move(result)));
}

std::optional<Response> PullMessageProcessor::check(Pull& pull,
                                                    const Connection& connection) const {
    const auto& header = pull.header;
    if ((c_.config.broker_permission & perm::kRead) == 0) {
        return forbid(
            ForbiddenType::kBroker,
            fmt::format("the broker[{}] pulling message is forbidden", c_.config.broker_ip1));
    }
    if (pull.is_lite && !c_.config.lite_pull_message_enable) {
        return forbid(ForbiddenType::kBroker,
                      fmt::format("the broker[{}] for lite pull consumer is forbidden",
                                  c_.config.broker_ip1));
    }
    pull.group = c_.groups.find(header.consumer_group);
    if (pull.group == nullptr) {
        return refuse(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST,
                      fmt::format("subscription group [{}] does not exist, {}",
                                  header.consumer_group, kSuggestTodo));
    }
    if (!pull.group->consume_enable) {
        return forbid(ForbiddenType::kGroup,
                      fmt::format("subscription group no permission, {}", header.consumer_group));
    }
    pull.topic = c_.topics.select(header.topic);
    if (pull.topic == nullptr) {
        return refuse(
            ResponseCode::TOPIC_NOT_EXIST,
            fmt::format("topic[{}] not exist, apply first please! {}", header.topic, kSuggestTodo));
    }
    if ((pull.topic->perm & perm::kRead) == 0) {
        return forbid(ForbiddenType::kTopic,
                      fmt::format("the topic[{}] pulling message is forbidden", header.topic));
    }
    if (header.queue_id < 0 || header.queue_id >= pull.topic->read_queue_nums) {
        return refuse(ResponseCode::INVALID_PARAMETER,
                      fmt::format("queueId[{}] is illegal, topic:[{}] "
                                  "topicConfig.readQueueNums:[{}] consumer:[/{}]",
                                  header.queue_id, header.topic, pull.topic->read_queue_nums,
                                  connection.peer().to_string()));
    }
    if (auto refusal = pull.has_flag(pull_sys_flag::kSubscription) ? check_subscription(pull)
                                                                   : check_registered(pull)) {
        return refusal;
    }
    if (c_.config.reject_pull_consumer_enable && is_rejected_pull_consumer(pull, connection)) {
        return refuse(ResponseCode::SUBSCRIPTION_NOT_EXIST,
                      fmt::format("the consumer's group info not exist, or the pull consumer is "
                                  "rejected by server.{}",
                                  kSuggestTodo));
    }
    return std::nullopt;
}

namespace {

Response refuse_expression(std::string_view expression_type) {
    return refuse(ResponseCode::SYSTEM_ERROR,
                  fmt::format("The broker does not support consumer to filter message by {}",
                              expression_type));
}

}  // namespace

// The request brings its subscription. The original lets everything through when the expression
// does not compile, though it means to refuse it.
std::optional<Response> PullMessageProcessor::check_subscription(Pull& pull) const {
    const auto& header = pull.header;
    const auto text = header.subscription.value_or(std::string_view{});
    const auto type = header.expression_type.value_or(kExpressionTypeTag);
    const bool is_tag = is_tag_type(type);
    if (!is_tag && !text.empty() && !c_.config.enable_property_filter) {
        return refuse_expression(type);
    }
    auto filter = make_message_filter(header.topic, type, text);
    if (!filter) {
        return refuse(ResponseCode::SUBSCRIPTION_PARSE_FAILED,
                      "parse the consumer's subscription failed");
    }
    pull.filter = std::move(*filter);
    c_.consumers.compensate_subscription(header.consumer_group, header.topic,
                                         text.empty() ? kSubscribeAll : text, type);
    if (!is_tag) {
        use_retry_filter(pull);
    }
    return std::nullopt;
}

// filterSupportRetry: a retry topic that is subscribed by an expression is judged by the
// expressions for the topics that its messages came from.
// Source: ExpressionForRetryMessageFilter.
void PullMessageProcessor::use_retry_filter(Pull& pull) const {
    const auto topic = pull.header.topic;
    if (c_.config.filter_support_retry && topic.starts_with(topic_name::kRetryPrefix)) {
        pull.filter = MessageFilter(c_.filters, topic.substr(topic_name::kRetryPrefix.size()));
    }
}

// The subscription is the one that heartbeats registered.
std::optional<Response> PullMessageProcessor::check_registered(Pull& pull) const {
    const auto& header = pull.header;
    auto registered = c_.consumers.find_subscription(header.consumer_group, header.topic);
    if (!registered.group_known) {
        return refuse(ResponseCode::SUBSCRIPTION_NOT_EXIST,
                      fmt::format("the consumer's group info not exist{}", kSuggestTodo));
    }
    if (!pull.group->consume_broadcast_enable &&
        registered.message_model == MessageModel::BROADCASTING) {
        return forbid(ForbiddenType::kBroadcasting,
                      fmt::format("the consumer group[{}] can not consume by broadcast way",
                                  header.consumer_group));
    }
    if (c_.groups.is_forbidden(pull.group->group_name, header.topic,
                               SubscriptionGroupManager::kReadIndex)) {
        return forbid(ForbiddenType::kSubscription,
                      fmt::format("the consumer group[{}] is forbidden for topic[{}]",
                                  header.consumer_group, header.topic));
    }
    if (!registered.topic_known) {
        return refuse(ResponseCode::SUBSCRIPTION_NOT_EXIST,
                      fmt::format("the consumer's subscription not exist{}", kSuggestTodo));
    }
    if (registered.sub_version < header.sub_version) {
        return refuse(ResponseCode::SUBSCRIPTION_NOT_LATEST,
                      "the consumer's subscription not latest");
    }
    if (!registered.is_tag_type) {
        return check_filter(pull, registered.expression_type);
    }
    pull.filter = MessageFilter(std::move(registered.filter));
    return std::nullopt;
}

// The expression is the one that heartbeats registered.
std::optional<Response> PullMessageProcessor::check_filter(Pull& pull,
                                                           std::string_view expression_type) const {
    const auto& header = pull.header;
    auto found = c_.filters.find(header.topic, header.consumer_group);
    if (!found) {
        return refuse(
            ResponseCode::FILTER_DATA_NOT_EXIST,
            "The broker's consumer filter data is not exist!Your expression may be wrong!");
    }
    if (found->client_version < header.sub_version) {
        return refuse(ResponseCode::FILTER_DATA_NOT_LATEST,
                      "the consumer's consumer filter data not latest");
    }
    if (!c_.config.enable_property_filter) {
        return refuse_expression(expression_type);
    }
    pull.filter = MessageFilter(std::move(found->expression));
    use_retry_filter(pull);
    return std::nullopt;
}

// rejectPullConsumerEnable: only members of the group may pull, and tools.
bool PullMessageProcessor::is_rejected_pull_consumer(const Pull& pull,
                                                     const Connection& connection) const {
    const auto group = c_.consumers.group(pull.header.consumer_group);
    if (group && group->consume_type != ConsumeType::CONSUME_ACTIVELY) {
        return false;
    }
    if (group) {
        for (const auto& channel : group->channels) {
            if (channel.connection->id() == connection.id()) {
                return false;
            }
        }
    }
    return !is_tools_group(pull.header.consumer_group);
}

// Push clients come again by themselves; others wait here. Source: PullMessageProcessor.
PullMessageProcessor::ColdVerdict PullMessageProcessor::judge_cold(const Pull& pull) const {
    const auto& header = pull.header;
    if (pull.is_slowed || !c_.cold_data.is_over(header.consumer_group)) {
        return ColdVerdict::kFree;
    }
    const auto entry =
        c_.store.queue_entry(header.topic, header.queue_id, QueueOffset{header.queue_offset});
    if (!entry || !c_.store.is_in_cold_area(entry->physical_offset)) {
        return ColdVerdict::kFree;
    }
    const auto group = c_.consumers.group(header.consumer_group);
    return group && group->consume_type == ConsumeType::CONSUME_PASSIVELY ? ColdVerdict::kRefuse
                                                                          : ColdVerdict::kHold;
}

void PullMessageProcessor::hold_cold(const Pull& pull, Responder responder) {
    PullRequest request(pull.header, pull.is_lite);
    const auto k = responder.connection().io_thread();
    responder.mark_suspended();
    if (!c_.cold_holds.hold(k, request, responder)) {
        responder.send(ResponseCode::SYSTEM_BUSY, kOverload);
    }
}

store::GetMessageResult PullMessageProcessor::read(const Pull& pull, ColdReads cold_reads) const {
    store::GetMessageRequest request;
    request.topic = pull.header.topic;
    request.queue_id = pull.header.queue_id;
    request.offset = QueueOffset{pull.header.queue_offset};
    request.max_count = pull.is_slowed ? 1 : pull.header.max_msg_nums;
    request.cold_reads = cold_reads;
    const StoreFilters filters(pull.filter);
    filters.bind(request);
    return c_.store.get_message(request);
}

void PullMessageProcessor::read_cold(Pull& pull, Responder responder) {
    const auto& max_wait_ms = pull.is_lite ? c_.config.wait_time_mills_in_lite_pull_queue
                                           : c_.config.wait_time_mills_in_pull_queue;
    auto work = [this, request = PullRequest(pull.header, pull.is_lite),
                 may_suspend = pull.may_suspend, is_slowed = pull.is_slowed,
                 begin_ms = pull.begin_ms, topic = pull.topic, group = pull.group,
                 filter = pull.filter](Responder late) mutable {
        Pull again{.header = request.header()};
        again.is_lite = request.is_lite();
        again.may_suspend = may_suspend;
        again.is_slowed = is_slowed;
        again.begin_ms = begin_ms;
        again.topic = std::move(topic);
        again.group = std::move(group);
        again.filter = std::move(filter);
        auto result = read(again, ColdReads::kAllow);
        commit(again, result);
        if (again.wants_suspend() && pull_response_code(result.status, again.header.queue_offset) ==
                                         ResponseCode::PULL_NOT_FOUND) {
            // Only the io thread holds. It looks again first, so nothing that came is missed.
            const auto k = late.connection().io_thread();
            c_.post(k, [this, request = std::move(request), late = std::move(late)]() mutable {
                Pull first{.header = request.header()};
                first.is_lite = request.is_lite();
                first.begin_ms = c_.clock.monotonic_ms();
                execute(first, std::move(late));
            });
            return;
        }
        late.send(make_response(again, std::move(result)));
    };
    c_.admission.run_blocking(std::move(responder), max_wait_ms, std::move(work));
}

// Source: PullMessageProcessor.tryCommitOffset.
void PullMessageProcessor::commit(const Pull& pull, const store::GetMessageResult& result) {
    c_.cold_data.add(pull.header.consumer_group, result.cold_bytes);
    c_.offsets.commit_pull(pull.queue(), result.next_begin_offset.value);
    if (c_.config.disable_consume_if_consumer_read_slowly) {
        record_fall_behind(pull, result);
    }
    if (pull.may_suspend && pull.has_flag(pull_sys_flag::kCommitOffset)) {
        c_.offsets.commit(pull.queue(), pull.header.commit_offset);
    }
}

// Source: DefaultMessageStore.getMessage, diskFallRecorded.
void PullMessageProcessor::record_fall_behind(const Pull& pull,
                                              const store::GetMessageResult& result) const {
    const auto& header = pull.header;
    const auto entry = c_.store.queue_entry(header.topic, header.queue_id,
                                            QueueOffset{result.next_begin_offset.value - 1});
    if (entry) {
        c_.slow_consumers.record(header.consumer_group, header.topic, header.queue_id,
                                 c_.store.runtime().commit_log_max - entry->physical_offset);
    }
}

void PullMessageProcessor::hold(Pull& pull, Responder responder) {
    // A bound, so that the deadline of a client's wild number does not overflow.
    const auto wait_ms =
        std::clamp(c_.config.long_polling_enable ? pull.header.suspend_timeout_millis
                                                 : c_.config.short_polling_time_mills.get(),
                   std::int64_t{0}, kSuspendMaxMs);
    const auto k = responder.connection().io_thread();
    HeldPull held{.request = PullRequest(pull.header, pull.is_lite),
                  .responder = std::move(responder),
                  .filter = std::move(pull.filter),
                  .deadline_ms = c_.clock.monotonic_ms() + wait_ms};
    held.responder.mark_suspended();
    if (!c_.holds.hold(k, held)) {
        held.responder.send(ResponseCode::SYSTEM_BUSY, kOverload);
    }
}

// Source: DefaultPullMessageResultHandler.handle.
void PullMessageProcessor::count(const Pull& pull, const store::GetMessageResult& result) const {
    c_.stats.on_get({.group = pull.header.consumer_group,
                     .topic = pull.header.topic,
                     .queue_id = pull.header.queue_id,
                     .messages = result.message_count,
                     .bytes = result.total_bytes,
                     .latency_ms = c_.clock.monotonic_ms() - pull.begin_ms});
    auto* const metrics = c_.stats.metrics();
    const std::string_view topic = pull.header.topic;
    if (metrics != nullptr && !topic.starts_with(topic_name::kRetryPrefix) &&
        !topic.starts_with(topic_name::kDlqPrefix)) {
        metrics->on_message_out({.topic = topic,
                                 .group = pull.header.consumer_group,
                                 .messages = result.message_count,
                                 .bytes = result.total_bytes});
    }
}

// Source: PullMessageProcessor.composeResponseHeader.
Response PullMessageProcessor::make_response(const Pull& pull,
                                             store::GetMessageResult result) const {
    Response response(pull_response_code(result.status, pull.header.queue_offset),
                      store::get_message_status_name(result.status));
    PullMessageResponseHeader header;
    header.next_begin_offset = result.next_begin_offset.value;
    header.min_offset = result.min_offset.value;
    header.max_offset = result.max_offset.value;
    header.topic_sys_flag = pull.topic->topic_sys_flag;
    header.group_sys_flag = pull.group->group_sys_flag;
    if (c_.config.slave_read_enable) {
        header.suggest_which_broker_id = result.suggest_pulling_from_slave
                                             ? pull.group->which_broker_when_consume_slowly
                                             : pull.group->broker_id;
    }
    encode_header(header, response.ext);
    if (response.code == ResponseCode::PULL_OFFSET_MOVED) {
        static LogLimiter limiter;
        if (const auto admission = limiter.admit(c_.clock.monotonic_ms()); admission.admitted) {
            log_of("broker").warn(
                "pull_offset_moved group={} topic={} queueId={} requested={} next={} "
                "suppressed={}",
                pull.header.consumer_group, pull.header.topic, pull.header.queue_id,
                pull.header.queue_offset, header.next_begin_offset, admission.suppressed);
        }
    }
    if (response.code == ResponseCode::SUCCESS) {
        count(pull, result);
    }
    move_slices(std::move(result.slices), response.slices);
    return response;
}

}  // namespace rmq::broker
