// SPDX-License-Identifier: Apache-2.0
#include "broker/pop/pop_revive_service.h"

#include "broker/broker_config.h"
#include "broker/message_copy.h"
#include "broker/metrics/broker_metrics.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/pop/pop_inflight_counter.h"
#include "broker/pop/pop_retry_topic.h"
#include "broker/pop/pop_revive_log.h"
#include "broker/pop/pop_store.h"
#include "broker/stats/broker_stats_manager.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/topic/topic_config_manager.h"
#include "broker/topic/topic_validator.h"
#include "common/log.h"
#include "common/message/message_properties.h"
#include "common/message/message_record.h"
#include "common/message/property_order.h"
#include "common/parse_number.h"
#include "remoting/protocol/extra_info.h"

#include <algorithm>
#include <array>
#include <utility>

namespace rmq::broker {

namespace {

using store::GetMessageStatus;

constexpr std::int32_t kReadMax = 32;
constexpr int kReadsPerRound = 256;
// A check point has ended when what was due this long after it was read: its acknowledgements are
// due with it. Source: PopAckConstants.ackTimeInterval + SECOND.
constexpr std::int64_t kEndedMs = 2000;
// At the end of a queue time goes on without records, once they are this late.
constexpr std::int64_t kQuietMs = 3000;
// Source: PopReviveService.ckRewriteIntervalsInSeconds
constexpr std::array<std::int32_t, 17> kRewriteSeconds = {
    10, 20, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800, 3600, 7200};

Logger& logger() {
    return log_of("broker");
}

std::optional<store::MappedSlice> first_slice(const store::GetMessageResult& result) {
    return result.status == GetMessageStatus::FOUND && !result.slices.empty()
               ? std::optional(result.slices.front())
               : std::nullopt;
}

}  // namespace

PopReviveService::PopReviveService(Collaborators collaborators) : c_(std::move(collaborators)) {
    for (std::int32_t id = 0; id < c_.config.revive_queue_num; ++id) {
        queues_.push_back({.id = id});
    }
}

bool PopReviveService::run_once() {
    bool has_more = false;
    std::int64_t pending = 0;
    for (auto& queue : queues_) {
        has_more = run_queue(queue) || has_more;
        pending += static_cast<std::int64_t>(queue.points.size());
    }
    pending_.store(pending, std::memory_order_relaxed);
    return has_more;
}

bool PopReviveService::run_queue(Queue& queue) {
    follow_position(queue);
    const bool has_more = read(queue);
    const auto now_ms = c_.clock.now_ms();
    if (!has_more && queue.end_ms != 0 && now_ms - queue.end_ms > kQuietMs &&
        c_.store.is_delivery_current()) {
        queue.end_ms = now_ms;
    }
    revive_ended(queue);
    commit(queue);
    return has_more;
}

// The position may have been moved forward by an administrator, or another broker before.
void PopReviveService::follow_position(Queue& queue) const {
    const auto done = c_.offsets.query({kReviveGroup, c_.log.topic(), queue.id});
    const auto next = std::max<std::int64_t>(done + 1, 0);
    if (!queue.next || *queue.next < next) {
        queue.next = next;
    }
    while (!queue.points.empty() && queue.points.begin()->first <= done) {
        forget(queue, queue.points.begin());
    }
}

// Returns whether more is there than one round reads.
bool PopReviveService::read(Queue& queue) {
    for (int round = 0; round < kReadsPerRound; ++round) {
        store::GetMessageRequest request;
        request.topic = c_.log.topic();
        request.queue_id = queue.id;
        request.offset = QueueOffset{*queue.next};
        request.max_count = kReadMax;
        request.cold_reads = store::GetMessageRequest::ColdReads::kAllow;
        const auto result = c_.store.get(request);
        const auto next = result.next_begin_offset.value;
        if (result.status == GetMessageStatus::FOUND) {
            if (auto* const metrics = c_.stats.metrics()) {
                metrics->on_message_out({.topic = c_.log.topic(),
                                         .group = kReviveGroup,
                                         .messages = result.message_count,
                                         .bytes = result.total_bytes});
            }
            for (const auto& slice : result.slices) {
                for_each_record(slice.bytes,
                                [&](const MessageRecord& record) { absorb(queue, record); });
            }
        } else if (next == *queue.next || result.status == GetMessageStatus::NO_MESSAGE_IN_QUEUE ||
                   result.status == GetMessageStatus::OFFSET_OVERFLOW_ONE) {
            return false;
        } else {
            logger().warn("revive_position_moved queueId={} from={} to={} status={}", queue.id,
                          *queue.next, next, store::get_message_status_name(result.status));
        }
        queue.next = next;
    }
    return true;
}

void PopReviveService::absorb(Queue& queue, const MessageRecord& record) const {
    const auto tag = find_property(record.properties, property::kTags).value_or("");
    if (tag == pop_tag::kCheckPoint) {
        add_point(queue, record.queue_offset.value, record.body);
    } else if (tag == pop_tag::kAck || tag == pop_tag::kBatchAck) {
        add_ack(queue, record.body, tag == pop_tag::kBatchAck);
    }
    const auto deliver_ms = parse_number<std::int64_t>(
        find_property(record.properties, property::kTimerDeliverMs).value_or(""));
    queue.end_ms = std::max(queue.end_ms, deliver_ms.value_or(0));
}

void PopReviveService::add_point(Queue& queue, std::int64_t offset, std::string_view body) const {
    auto point = parse_pop_check_point(body);
    if (!point) {
        logger().warn("pop_check_point_unreadable queueId={} offset={} cause=\"{}\"", queue.id,
                      offset, point.error().remark);
        return;
    }
    if (point->topic.empty() || point->group.empty()) {
        return;
    }
    count_read(queue, point->group, point->topic, true);
    point->revive_offset = offset;
    auto key = merge_key(*point);
    // A record that the timer delivered twice: what was acknowledged stays so.
    if (const auto twin = queue.by_key.find(key); twin != queue.by_key.end()) {
        const auto before = queue.points.find(twin->second);
        if (before->second.diffs == point->diffs) {
            point->bit_map |= before->second.bit_map;
        }
        queue.points.erase(before);
    }
    queue.by_key[std::move(key)] = offset;
    queue.points.emplace(offset, std::move(*point));
}

void PopReviveService::count_read(const Queue& queue, std::string_view group,
                                  std::string_view topic, bool is_check_point) const {
    if (auto* const metrics = c_.stats.metrics()) {
        metrics->on_revive_get({.group = group,
                                .topic = topic,
                                .is_check_point = is_check_point,
                                .queue_id = queue.id});
    }
}

void PopReviveService::add_ack(Queue& queue, std::string_view body, bool is_batch) const {
    const auto ack = parse_ack_msg(body, is_batch);
    if (!ack) {
        logger().warn("pop_ack_unreadable queueId={} cause=\"{}\"", queue.id, ack.error().remark);
        return;
    }
    count_read(queue, ack->group, ack->topic, false);
    const auto found = queue.by_key.find(merge_key(*ack, c_.config.broker_name));
    if (found == queue.by_key.end()) {
        return;  // too late
    }
    queue.points.at(found->second).set_acked(*ack);
}

void PopReviveService::revive_ended(Queue& queue) const {
    while (!queue.points.empty()) {
        const auto first = queue.points.begin();
        if (queue.end_ms - first->second.revive_time() <= kEndedMs ||
            !revive(first->second, queue.id)) {
            return;
        }
        forget(queue, first);
    }
}

void PopReviveService::forget(Queue& queue,
                              std::map<std::int64_t, PopCheckPoint>::iterator point) const {
    queue.by_key.erase(merge_key(point->second));
    queue.points.erase(point);
}

// Everything before the first open check point is done with.
void PopReviveService::commit(const Queue& queue) const {
    const auto done = (queue.points.empty() ? *queue.next : queue.points.begin()->first) - 1;
    const GroupQueue position{kReviveGroup, c_.log.topic(), queue.id};
    if (done > c_.offsets.query(position)) {
        c_.offsets.commit(position, done);
    }
}

bool PopReviveService::revive(PopCheckPoint& point, std::int32_t revive_qid) const {
    if (!is_wanted(point)) {
        return true;
    }
    for (std::int32_t i = 0; i < point.num; ++i) {
        if (point.is_acked(i)) {
            continue;
        }
        if (!revive_message(point, i) && !put_again(point, point.offset_at(i), revive_qid)) {
            return false;
        }
        point.set_acked(i);
    }
    return true;
}

bool PopReviveService::is_wanted(const PopCheckPoint& point) const {
    const bool has_topic = c_.topics.contains(pop_normal_topic(point.topic, point.group));
    const bool has_group = !c_.config.pop_revive_skip_if_group_absent
                               ? c_.groups.find(point.group) != nullptr
                               : c_.groups.contains(point.group);
    if (!has_topic || !has_group) {
        static LogLimiter limiter;
        if (const auto admission = limiter.admit(c_.clock.monotonic_ms()); admission.admitted) {
            logger().warn("pop_revive_skipped topic={} group={} suppressed={}", point.topic,
                          point.group, admission.suppressed);
        }
    }
    return has_topic && has_group;
}

// False when it could not be put into the retry topic. A message that is gone is done with.
bool PopReviveService::revive_message(const PopCheckPoint& point, std::int32_t index) const {
    if (!point.broker_name.empty() && point.broker_name != c_.config.broker_name) {
        return false;
    }
    store::GetMessageRequest request;
    request.topic = point.topic;
    request.queue_id = point.queue_id;
    request.offset = QueueOffset{point.offset_at(index)};
    request.max_count = 1;
    request.cold_reads = store::GetMessageRequest::ColdReads::kAllow;
    const auto result = c_.store.get(request);
    const auto slice = first_slice(result);
    const auto record = slice ? decode_message(slice->bytes) : Result<MessageRecord>(Error{});
    if (!record) {
        static LogLimiter limiter;
        if (const auto admission = limiter.admit(c_.clock.monotonic_ms()); admission.admitted) {
            logger().warn(
                "pop_revive_message_gone topic={} group={} queueId={} offset={} "
                "status={} suppressed={}",
                point.topic, point.group, point.queue_id, point.offset_at(index),
                store::get_message_status_name(result.status), admission.suppressed);
        }
        return true;
    }
    return put_retry(point, *record);
}

std::string PopReviveService::retry_topic_of(const PopCheckPoint& point) const {
    if (point.topic.starts_with(topic_name::kRetryPrefix)) {
        return point.topic;
    }
    return pop_retry_topic(c_.config, point.topic, point.group);
}

// Makes the retry topic, or adds what queues it lacks; returns how many it has. With
// useSeparateRetryQueue these are as many as of the topic itself, so that a retried message keeps
// its queue. The original also takes queues away again, with what waits in them.
// Source: PopReviveService.addRetryTopicIfNotExist.
std::int32_t PopReviveService::prepare_retry_topic(const PopCheckPoint& point,
                                                   const std::string& topic) const {
    std::int32_t wanted = 1;
    if (c_.config.use_separate_retry_queue) {
        const auto normal = c_.topics.select(pop_normal_topic(point.topic, point.group));
        wanted = std::max(normal == nullptr ? 0 : normal->write_queue_nums, 1);
    }
    const auto present = c_.topics.select(topic);
    const auto queues = present == nullptr ? 0 : present->write_queue_nums;
    if (queues >= wanted) {
        return queues;
    }
    if (present == nullptr) {
        if (c_.topics.create_in_send_back(topic, wanted, perm::kRead | perm::kWrite, 0) ==
            nullptr) {
            return 0;
        }
    } else if (!c_.topics.update(
                   {.topic_name = topic, .read_queue_nums = wanted, .write_queue_nums = wanted})) {
        return queues;
    }
    for (auto queue = queues; queue < wanted; ++queue) {
        if (c_.offsets.query({point.group, topic, queue}) < 0) {
            c_.offsets.commit({point.group, topic, queue}, 0);
        }
    }
    return wanted;
}

// Source: PopReviveService.reviveRetry.
bool PopReviveService::put_retry(const PopCheckPoint& point, const MessageRecord& record) const {
    const auto topic = retry_topic_of(point);
    const auto queues = prepare_retry_topic(point, topic);
    if (queues <= 0) {
        return false;
    }
    std::string properties(record.properties);
    if (record.reconsume_times == 0 || !find_property(properties, property::kFirstPopTime)) {
        set_property(properties, property::kFirstPopTime, std::to_string(point.pop_time));
    }
    set_property(properties, property::kOriginGroup, point.group);
    order_properties(properties,
                     copied_property_slots(decode_properties(record.properties).size()));
    auto copy = message_copy(record);
    copy.topic = topic;
    copy.queue_id =
        c_.config.use_separate_retry_queue && record.queue_id < queues ? record.queue_id : 0;
    copy.born_host = c_.host;
    copy.store_host = c_.host;
    copy.reconsume_times =
        record.reconsume_times + (point.suspend || record.reconsume_times == INT32_MAX ? 0 : 1);
    copy.properties = properties;
    const auto put = c_.store.put(copy);
    if (auto* const metrics = c_.stats.metrics()) {
        metrics->on_revive_retry(point.group, point.topic,
                                 store::put_message_status_name(put.status));
    }
    if (put.status != store::PutMessageStatus::PUT_OK) {
        return false;
    }
    c_.inflight.decrement({point.topic, point.group, point.queue_id}, point.pop_time, 1);
    c_.stats.on_put({.topic = topic,
                     .queue_id = copy.queue_id,
                     .bytes = put.end.value - put.physical_offset.value});
    return true;
}

// To be tried again later. Source: PopReviveService.rePutCK.
bool PopReviveService::put_again(const PopCheckPoint& point, std::int64_t offset,
                                 std::int32_t revive_qid) const {
    const auto times = point.parse_re_put_times();
    const auto last = static_cast<std::int32_t>(kRewriteSeconds.size());
    if (times >= last && c_.config.skip_when_ck_re_put_reach_max_times) {
        logger().warn("pop_revive_given_up topic={} group={} queueId={} offset={}", point.topic,
                      point.group, point.queue_id, offset);
        return true;
    }
    auto again = point;
    again.bit_map = 0;
    again.num = 1;
    again.start_offset = offset;
    again.diffs = {0};
    again.revive_offset = 0;
    again.re_put_times = std::to_string(times + 1);
    if (point.revive_time() <= c_.clock.now_ms()) {
        const auto wait = kRewriteSeconds[static_cast<std::size_t>(std::clamp(times, 0, last - 1))];
        again.invisible_time += wait * std::int64_t{1000};
    }
    return c_.log.put(again, revive_qid).status == store::PutMessageStatus::PUT_OK;
}

}  // namespace rmq::broker
