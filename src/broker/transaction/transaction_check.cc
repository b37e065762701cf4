// SPDX-License-Identifier: Apache-2.0
#include "broker/transaction/transaction_check.h"

#include "broker/broker_config.h"
#include "broker/client/producer_manager.h"
#include "broker/message_copy.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/stats/broker_stats_manager.h"
#include "broker/topic/topic_config_manager.h"
#include "broker/topic/topic_validator.h"
#include "broker/transaction/pending_ops.h"
#include "broker/transaction/transaction_metrics.h"
#include "broker/transaction/transaction_store.h"
#include "common/log.h"
#include "common/message/message_id.h"
#include "common/message/message_properties.h"
#include "common/message/property_order.h"
#include "common/parse_number.h"
#include "remoting/protocol/header/transaction.h"
#include "remoting/protocol/header_codec.h"

#include <algorithm>
#include <utility>

namespace rmq::broker {
namespace {

constexpr std::int64_t kRoundMaxMs = 60'000;  // Source: MAX_PROCESS_TIME_LIMIT
constexpr int kOpsPerRead = 32;               // Source: OP_MSG_PULL_NUMS
// Between two calls of run_once() the thread writes ops and sees that it is to stop.
constexpr int kHalvesPerTurn = 1024;
constexpr int kDiscardedNamed = 3;  // of a round, in the log: all are in TRANS_CHECK_MAX_TIME_TOPIC
constexpr std::int64_t kMsPerHour = 3'600'000;
constexpr std::int64_t kReached = -1;       // instead of an op, in Round::done
constexpr std::int32_t kDiscardQueues = 1;  // Source: TCMT_QUEUE_NUMS

Logger& logger() {
    static Logger& instance = log_of("broker");
    return instance;
}

}  // namespace

bool TransactionCheck::run_once() {
    if (!round_) {
        round_ = begin();
    }
    for (int turn = 0; turn < kHalvesPerTurn; ++turn) {
        if (c_.clock.monotonic_ms() > round_->end_ms || look_at(*round_) == Step::kEnd) {
            finish(*round_);
            round_.reset();
            return false;
        }
        round_->half = round_->half + 1;
    }
    return true;
}

// A position outside the queue, whose files may have gone or come from elsewhere, moves to the
// nearest end.
QueueOffset TransactionCheck::position(std::string_view topic) const {
    const QueueOffset min = c_.store.min_offset(topic);
    const QueueOffset max = std::max(min, c_.store.max_offset(topic));
    const auto committed = c_.offsets.query({kTransGroup, topic, kHalfQueue});
    return committed < 0 ? min : std::clamp(QueueOffset{committed}, min, max);
}

TransactionCheck::Round TransactionCheck::begin() const {
    c_.pending.on_readable(c_.store.max_offset(topic_name::kTransOpHalf));
    Round round;
    round.start_ms = c_.clock.now_ms();
    round.end_ms = c_.clock.monotonic_ms() + kRoundMaxMs;
    round.half = round.first_half = position(topic_name::kTransHalf);
    round.op = round.first_op = position(topic_name::kTransOpHalf);
    return round;
}

void TransactionCheck::finish(const Round& round) {
    // A queue that nobody has moved on in has no position yet, and is in no list of groups.
    const auto commit = [this](std::string_view topic, QueueOffset first, QueueOffset reached) {
        const GroupQueue queue{kTransGroup, topic, kHalfQueue};
        const auto committed = c_.offsets.query(queue);
        if (committed != reached.value && (committed >= 0 || reached != first)) {
            c_.offsets.commit(queue, reached.value);
        }
    };
    commit(topic_name::kTransHalf, round.first_half, round.half);
    // Ops are behind us up to the first that names a message which was not reached.
    const auto first_open = std::find_if(round.open_in_op.begin(), round.open_in_op.end(),
                                         [](std::int32_t open) { return open > 0; });
    commit(topic_name::kTransOpHalf, round.first_op,
           round.first_op + (first_open - round.open_in_op.begin()));
    c_.pending.forget_below(round.half);
    if (round.asked > 0 || round.discarded > 0) {
        logger().info("transactions_checked from={} to={} asked={} discarded={}",
                      round.first_half.value, round.half.value, round.asked, round.discarded);
    }
}

// --- ops -----------------------------------------------------------------------------------------

bool TransactionCheck::is_done(Round& round, QueueOffset half) const {
    while (!round.done.contains(half.value)) {
        if (!read_ops(round)) {
            return c_.pending.contains(half);
        }
    }
    return true;
}

// False when there are no more.
bool TransactionCheck::read_ops(Round& round) const {
    const QueueOffset end =
        std::min(c_.store.max_offset(topic_name::kTransOpHalf), round.op + kOpsPerRead);
    if (round.op >= end) {
        return false;
    }
    for (; round.op < end; round.op = round.op + 1) {
        round.open_in_op.push_back(0);
        read_op(round, round.op);
    }
    return true;
}

void TransactionCheck::read_op(Round& round, QueueOffset op) const {
    const auto slice = c_.store.record(topic_name::kTransOpHalf, op);
    const auto record = slice ? decode_message(slice->bytes) : Error{Errc::kNotFound, "gone"};
    if (!record || find_property(record->properties, property::kTags) != kOpTag) {
        logger().error("transaction_op_skipped offset={} cause=\"{}\"", op.value,
                       record ? "not an op" : record.error().remark);
        return;
    }
    read_op_body(record->body, [&](std::int64_t half) {
        const bool is_ahead = half >= round.half.value;
        if (round.done.emplace(half, is_ahead ? op.value : kReached).second && is_ahead) {
            ++round.open_in_op.back();
        }
    });
}

// The entry stays: copies of the message name it.
void TransactionCheck::settle(Round& round, std::int64_t half) {
    const auto found = round.done.find(half);
    if (found != round.done.end() && found->second != kReached) {
        --round.open_in_op[static_cast<std::size_t>(found->second - round.first_op.value)];
        found->second = kReached;
    }
}

// --- half messages -------------------------------------------------------------------------------

TransactionCheck::Step TransactionCheck::look_at(Round& round) {
    if (round.half >= c_.store.max_offset(topic_name::kTransHalf)) {
        return Step::kEnd;
    }
    if (is_done(round, round.half)) {
        settle(round, round.half.value);
        return Step::kNext;
    }
    const auto slice = c_.store.record(topic_name::kTransHalf, round.half);
    const auto record = slice ? decode_message(slice->bytes) : Error{Errc::kNotFound, "gone"};
    if (!record) {
        logger().warn("half_message_skipped offset={} cause=\"{}\"", round.half.value,
                      record.error().remark);
        return Step::kNext;
    }
    // This includes what this round put again itself: its answer is on its way.
    if (record->store_timestamp >= round.start_ms) {
        return Step::kEnd;
    }
    const auto checks = find_property(record->properties, property::kTransactionCheckTimes);
    return decide(round,
                  {*record, checks ? parse_java_number<std::int32_t>(*checks).value_or(0) : 0,
                   c_.clock.now_ms() - record->born_timestamp});
}

TransactionCheck::Step TransactionCheck::decide(Round& round, const Half& half) {
    const std::string_view properties = half.record.properties;
    const bool was_checked =
        find_property(properties, property::kTransactionCheckTimes).has_value();
    if (was_checked && half.checks >= c_.config.transaction_check_max) {
        return discard(round, half, std::string(properties));
    }
    if (half.age_ms > c_.file_reserved_hours * kMsPerHour) {
        std::string counted(properties);
        set_property(counted, property::kTransactionCheckTimes, std::to_string(half.checks + 1));
        return discard(round, half, std::move(counted));
    }
    const std::int64_t timeout_ms = c_.config.transaction_time_out;
    const auto immunity = find_property(properties, property::kCheckImmunityTimeInSeconds);
    if (immunity) {
        const auto origin = find_property(properties, property::kTransactionPreparedQueueOffset);
        const auto from = origin ? parse_java_number<std::int64_t>(*origin) : std::nullopt;
        if (from && round.done.contains(*from)) {
            settle(round, *from);
            return Step::kNext;
        }
        if (half.age_ms <= immunity_ms(*immunity, timeout_ms)) {
            return put_immune_again(half);
        }
    } else if (half.age_ms >= 0 && half.age_ms <= timeout_ms) {
        return Step::kEnd;
    }
    return put_again_and_ask(round, half);
}

// Source: DefaultTransactionalMessageCheckListener.resolveDiscardMsg. The original goes on without
// the message when it cannot be put; here it waits for the next round.
TransactionCheck::Step TransactionCheck::discard(Round& round, const Half& half,
                                                 std::string properties) {
    c_.topics.create_in_send_back(topic_name::kTransCheckMaxTime, kDiscardQueues,
                                  perm::kRead | perm::kWrite, 0);
    auto copy = message_copy(half.record);
    copy.topic = topic_name::kTransCheckMaxTime;
    copy.queue_id = 0;
    copy.properties = properties;
    const auto target = real_target(half.record.properties);
    const auto result = c_.store.put(copy);
    if (result.status != store::PutMessageStatus::PUT_OK) {
        logger().error("half_message_not_discarded offset={} status={}",
                       half.record.queue_offset.value,
                       store::put_message_status_name(result.status));
        return Step::kEnd;
    }
    if (round.discarded < kDiscardedNamed) {
        logger().warn("half_message_discarded offset={} topic={} checks={} age_ms={} moved_to={}",
                      half.record.queue_offset.value, target ? target->topic : "none", half.checks,
                      half.age_ms, copy.topic);
    }
    if (target) {
        c_.metrics.add(target->topic, -1);
    }
    ++round.discarded;
    return Step::kNext;
}

TransactionCheck::Step TransactionCheck::put_immune_again(const Half& half) {
    std::string properties(half.record.properties);
    if (!find_property(properties, property::kTransactionPreparedQueueOffset)) {
        set_property(properties, property::kTransactionPreparedQueueOffset,
                     std::to_string(half.record.queue_offset.value));
    }
    set_property(properties, property::kWait, "false");
    order_properties(properties);
    return put_again(half.record, properties) ? Step::kNext : Step::kEnd;
}

TransactionCheck::Step TransactionCheck::put_again_and_ask(Round& round, const Half& half) {
    std::string properties(half.record.properties);
    set_property(properties, property::kTransactionCheckTimes, std::to_string(half.checks + 1));
    order_properties(properties);
    const auto place = put_again(half.record, properties);
    if (!place) {
        return Step::kEnd;
    }
    ++round.asked;
    ask(half.record, *place, std::move(properties));
    return Step::kNext;
}

// Source: TransactionalMessageBridge.renewHalfMessageInner, whose copies begin with no retries.
std::optional<NewPlace> TransactionCheck::put_again(const MessageRecord& record,
                                                    std::string_view properties) {
    auto copy = message_copy(record);
    copy.topic = topic_name::kTransHalf;
    copy.queue_id = kHalfQueue;
    copy.reconsume_times = 0;
    copy.properties = properties;
    const auto result = c_.store.put(copy);
    if (result.status != store::PutMessageStatus::PUT_OK) {
        logger().error("half_message_not_put_again offset={} status={}", record.queue_offset.value,
                       store::put_message_status_name(result.status));
        return std::nullopt;
    }
    c_.pending.on_put_again(record.queue_offset, result.queue_offset);
    c_.stats.on_put({.topic = copy.topic,
                     .queue_id = kHalfQueue,
                     .bytes = result.end.value - result.physical_offset.value});
    return NewPlace{result.queue_offset, result.physical_offset};
}

// Source: AbstractTransactionalMessageCheckListener.sendCheckMessage.
void TransactionCheck::ask(const MessageRecord& record, const NewPlace& place,
                           std::string properties) {
    const auto target = real_target(properties);
    const auto group = find_property(properties, property::kProducerGroup);
    const auto producer = group ? c_.producers.available_connection(*group) : nullptr;
    if (!target || producer == nullptr) {
        static LogLimiter limiter(10'000);
        if (const auto admission = limiter.admit(c_.clock.monotonic_ms()); admission.admitted) {
            logger().warn("transaction_check_without_producer group={} half={} suppressed={}",
                          group.value_or("none"), place.queue_offset.value, admission.suppressed);
        }
        return;
    }
    const std::string offset_id = make_offset_message_id(record.store_host, place.physical_offset);
    OutboundCommand command(RequestCode::CHECK_TRANSACTION_STATE);
    CheckTransactionStateRequestHeader header;
    header.topic = topic_name::kTransHalf;
    header.tran_state_table_offset = place.queue_offset.value;
    header.commit_log_offset = place.physical_offset.value;
    header.msg_id = header.transaction_id = find_property(record.properties, property::kUniqKey);
    header.offset_msg_id = offset_id;
    header.broker_name = c_.config.broker_name;
    encode_header(header, command.ext);
    set_property(properties, property::kWait, "false");
    // `target` points into the text as it was.
    command.body = encode_for_check(record, *real_target(properties), place, properties);
    producer->send_oneway(command);
}

}  // namespace rmq::broker
