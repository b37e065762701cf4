// SPDX-License-Identifier: Apache-2.0
#include "broker/pop/pop_buffer_merge_service.h"

#include "broker/broker_config.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/pop/pop_queue_locks.h"
#include "broker/pop/pop_revive_log.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/topic/topic_config_manager.h"
#include "common/log.h"

#include <utility>

namespace rmq::broker {

namespace {

// Time to spare between taking something into memory and having to store it.
constexpr std::int64_t kMarginMs = 1500;
constexpr int kDrainRounds = 100;
// What is invisible for longer may be more than the timer takes, and has to be told at once.
constexpr std::int64_t kKeptMaxMs = 24 * 3'600'000LL;

std::uint32_t all_bits(std::int32_t num) {
    return num >= 32 ? ~0U : (1U << num) - 1;
}

PopQueue queue_of(const PopCheckPoint& point) {
    return {point.topic, point.group, point.queue_id};
}

AckMsg ack_of(const PopCheckPoint& point) {
    AckMsg ack;
    ack.topic = point.topic;
    ack.group = point.group;
    ack.broker_name = point.broker_name;
    ack.queue_id = point.queue_id;
    ack.start_offset = point.start_offset;
    ack.pop_time = point.pop_time;
    return ack;
}

}  // namespace

bool PopBufferMergeService::Kept::is_done() const {
    const auto all = all_bits(point.num);
    return (point.bit_map & all) == all;
}

bool PopBufferMergeService::Kept::is_finished() const {
    return is_stored && ((point.bit_map ^ stored_acks) & all_bits(point.num)) == 0;
}

PopBufferMergeService::Addition PopBufferMergeService::add_check_point(PopCheckPoint point,
                                                                       std::int32_t revive_qid,
                                                                       std::int64_t next_offset) {
    if (c_.config.enable_pop_buffer_merge && keep(point, revive_qid, next_offset)) {
        return {true, PhysicalOffset{}};
    }
    const auto put = c_.log.put(point, revive_qid);
    if (put.status != store::PutMessageStatus::PUT_OK) {
        static LogLimiter limiter;
        if (const auto admission = limiter.admit(c_.clock.monotonic_ms()); admission.admitted) {
            log_of("broker").warn(
                "pop_check_point_not_stored topic={} group={} status={} "
                "suppressed={}",
                point.topic, point.group, store::put_message_status_name(put.status),
                admission.suppressed);
        }
        return {};
    }
    add_offset(queue_of(point), next_offset);
    return {true, put.end};
}

void PopBufferMergeService::add_offset(const PopQueue& queue, std::int64_t next_offset) {
    {
        const std::lock_guard lock(mutex_);
        if (uncommitted_.contains(queue)) {
            auto kept = std::make_shared<Kept>();
            kept->next_offset = next_offset;
            kept->is_stored = true;
            push_offset(queue, std::move(kept));
            return;
        }
    }
    c_.offsets.commit(queue.view(), next_offset);
}

// With mutex_ held.
void PopBufferMergeService::push_offset(const PopQueue& queue, KeptPtr kept) {
    uncommitted_[queue].push_back(std::move(kept));
    size_.fetch_add(1, std::memory_order_relaxed);
}

bool PopBufferMergeService::keep(PopCheckPoint& point, std::int32_t revive_qid,
                                 std::int64_t next_offset) {
    const auto left_ms = point.revive_time() - c_.clock.now_ms();
    if (left_ms < c_.config.pop_ck_stay_buffer_time_out + kMarginMs || left_ms > kKeptMaxMs) {
        return false;
    }
    const auto queue = queue_of(point);
    auto key = merge_key(point);
    const std::lock_guard lock(mutex_);
    const auto waiting = uncommitted_.find(queue);
    if (is_draining_ ||
        kept_.size() > static_cast<std::size_t>(c_.config.pop_ck_max_buffer_size.get()) ||
        (waiting != uncommitted_.end() &&
         waiting->second.size() >=
             static_cast<std::size_t>(c_.config.pop_ck_offset_max_queue_size.get())) ||
        kept_.contains(key)) {
        return false;
    }
    auto kept = std::make_shared<Kept>();
    kept->point = std::move(point);
    kept->revive_qid = revive_qid;
    kept->next_offset = next_offset;
    kept_.emplace(std::move(key), kept);
    size_.fetch_add(1, std::memory_order_relaxed);
    push_offset(queue, std::move(kept));
    return true;
}

bool PopBufferMergeService::add_ack(const AckMsg& ack) {
    if (is_empty()) {
        return false;
    }
    const auto now_ms = c_.clock.now_ms();
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(merge_key(ack, c_.config.broker_name));
    if (found == kept_.end() || is_draining_) {
        return false;
    }
    auto& point = found->second->point;
    if (point.revive_time() - now_ms < c_.config.pop_ck_stay_buffer_time_out + kMarginMs ||
        now_ms - point.pop_time > c_.config.pop_ck_stay_buffer_time - kMarginMs) {
        return false;
    }
    point.set_acked(ack);
    return true;
}

std::optional<std::int64_t> PopBufferMergeService::latest_offset(const PopQueue& queue) const {
    if (is_empty()) {
        return std::nullopt;
    }
    const std::lock_guard lock(mutex_);
    const auto found = uncommitted_.find(queue);
    return found == uncommitted_.end() ? std::nullopt
                                       : std::optional(found->second.back()->next_offset);
}

void PopBufferMergeService::clear_offsets(const PopQueue& queue) {
    const std::lock_guard lock(mutex_);
    if (const auto found = uncommitted_.find(queue); found != uncommitted_.end()) {
        size_.fetch_sub(found->second.size(), std::memory_order_relaxed);
        uncommitted_.erase(found);
    }
}

void PopBufferMergeService::run_once() {
    if (is_empty()) {
        return;
    }
    for (const auto& work : take_due(c_.clock.now_ms())) {
        store(work);
    }
    commit_offsets();
}

void PopBufferMergeService::drain() {
    {
        const std::lock_guard lock(mutex_);
        is_draining_ = true;
    }
    for (int round = 0; round < kDrainRounds && !is_empty(); ++round) {
        run_once();
    }
}

// Drops what is finished and copies what must be stored now.
std::vector<PopBufferMergeService::Work> PopBufferMergeService::take_due(std::int64_t now_ms) {
    std::vector<Work> due;
    const std::lock_guard lock(mutex_);
    for (auto it = kept_.begin(); it != kept_.end();) {
        auto& kept = *it->second;
        const auto& point = kept.point;
        const bool is_orphan = !c_.groups.contains(point.group);
        if (kept.is_done() || kept.is_finished() || is_orphan) {
            kept.is_stored = kept.is_stored || is_orphan;  // holds no position up
            it = kept_.erase(it);
            size_.fetch_sub(1, std::memory_order_relaxed);
            continue;
        }
        if (is_draining_ || point.revive_time() - now_ms < c_.config.pop_ck_stay_buffer_time_out ||
            now_ms - point.pop_time > c_.config.pop_ck_stay_buffer_time) {
            due.push_back({it->first, it->second, point, kept.is_stored,
                           point.bit_map & ~kept.stored_acks & all_bits(point.num)});
        }
        ++it;
    }
    return due;
}

void PopBufferMergeService::store(const Work& work) {
    bool is_stored = work.is_stored;
    if (!is_stored) {
        auto point = work.point;
        point.bit_map = 0;  // the log says it by acknowledgements
        is_stored =
            c_.log.put(point, work.kept->revive_qid).status == store::PutMessageStatus::PUT_OK;
    }
    const auto stored_acks = is_stored ? store_acks(work) : 0;
    const std::lock_guard lock(mutex_);
    work.kept->is_stored = is_stored;
    work.kept->stored_acks |= stored_acks;
    if (work.kept->is_finished() && kept_.erase(work.key) > 0) {
        size_.fetch_sub(1, std::memory_order_relaxed);
    }
}

// The bits of those that were stored.
std::uint32_t PopBufferMergeService::store_acks(const Work& work) {
    const auto& point = work.point;
    const auto put = [&](const AckMsg& ack) {
        return c_.log.put(ack, work.kept->revive_qid, point.revive_time()).status ==
               store::PutMessageStatus::PUT_OK;
    };
    if (c_.config.enable_pop_batch_ack && work.new_acks != 0) {
        auto ack = ack_of(point);
        ack.is_batch = true;
        for (std::int32_t i = 0; i < point.num; ++i) {
            if ((work.new_acks >> i & 1U) != 0) {
                ack.ack_offsets.push_back(point.offset_at(i));
            }
        }
        return put(ack) ? work.new_acks : 0;
    }
    std::uint32_t stored = 0;
    for (std::int32_t i = 0; i < point.num; ++i) {
        if ((work.new_acks >> i & 1U) != 0) {
            auto ack = ack_of(point);
            ack.ack_offset = point.offset_at(i);
            stored |= put(ack) ? 1U << i : 0;
        }
    }
    return stored;
}

// Moves each queue's position over what is stored or done at its front.
void PopBufferMergeService::commit_offsets() {
    std::vector<PopQueue> queues;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [queue, waiting] : uncommitted_) {
            if (waiting.front()->is_stored || waiting.front()->is_done()) {
                queues.push_back(queue);
            }
        }
    }
    for (const auto& queue : queues) {
        const auto guard = c_.locks.try_lock(queue);
        if (!guard) {
            continue;
        }
        std::optional<std::int64_t> next_offset;
        {
            const std::lock_guard lock(mutex_);
            const auto found = uncommitted_.find(queue);
            while (found != uncommitted_.end() && !found->second.empty() &&
                   (found->second.front()->is_stored || found->second.front()->is_done())) {
                next_offset = found->second.front()->next_offset;
                found->second.pop_front();
                size_.fetch_sub(1, std::memory_order_relaxed);
            }
            if (found != uncommitted_.end() && found->second.empty()) {
                uncommitted_.erase(found);
            }
        }
        if (next_offset) {
            c_.offsets.commit(queue.view(), *next_offset);
        }
    }
}

std::size_t PopBufferMergeService::check_point_count() const {
    const std::lock_guard lock(mutex_);
    return kept_.size();
}

std::size_t PopBufferMergeService::offset_count() const {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (const auto& [queue, waiting] : uncommitted_) {
        count += waiting.size();
    }
    return count;
}

}  // namespace rmq::broker
