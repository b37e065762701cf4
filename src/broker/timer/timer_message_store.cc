// SPDX-License-Identifier: Apache-2.0
#include "broker/timer/timer_message_store.h"

#include "broker/message_copy.h"
#include "broker/timer/timer_record.h"
#include "broker/topic/topic_validator.h"
#include "common/config_table.h"
#include "common/java_string.h"
#include "common/log.h"
#include "store/message_store_config.h"
#include "store/timer/timer_recovery.h"

#include <algorithm>
#include <utility>

namespace rmq::broker {

using store::PutMessageStatus;
using store::TimerSlot;
using store::TimerUnit;

namespace {

constexpr int kEnqueuePerTurn = 2000;
constexpr int kDeliveriesPerTurn = 1000;
// Records of the next slot that are read ahead.
constexpr int kWarmRecords = 2000;
// After a refused put. Source: TimerDequeuePutMessageService, 500 ms there.
constexpr std::int64_t kRetryMs = 100;
constexpr std::int64_t kSleepMaxMs = 1000;
constexpr std::int64_t kIdleSaveMs = 10'000;
constexpr std::int64_t kCleaningMs = 30'000;  // Source: TimerMessageStore.start
// Source: TimerMessageStore.TIMER_BLANK_SLOTS.
constexpr std::int64_t kBlankSlots = 60;

Logger& logger() {
    static Logger& instance = log_of("broker");
    return instance;
}

void log_rarely(const Clock& clock, const char* event, const std::string& reason) {
    static LogLimiter limiter(10'000);
    if (const auto admission = limiter.admit(clock.monotonic_ms()); admission.admitted) {
        logger().warn("{} reason=\"{}\" suppressed={}", event, reason, admission.suppressed);
    }
}

}  // namespace

TimerMessageStore::TimerMessageStore(std::unique_ptr<TimerStore> store,
                                     const store::MessageStoreConfig& config, const Clock& clock,
                                     store::FileOps& ops)
    : store_(std::move(store)),
      config_(config),
      clock_(clock),
      wheel_(config.store_path_root_dir + "/timerwheel", config.timer_precision()),
      log_(config.store_path_root_dir + "/timerlog", config.mapped_file_size_timer_log, ops),
      metrics_(config.store_path_root_dir + "/config/timermetrics"),
      slot_(wheel_, log_, *store_) {
    rates_.at_ms = clock_.monotonic_ms();
    // A marker counted as one message less; now its message takes that over.
    slot_.set_marker_listener(
        [this](const TimerRecord& record) { metrics_.add(record.real_topic, 1, clock_.now_ms()); });
}

TimerMessageStore::~TimerMessageStore() {
    stop();
}

// Source: TimerMessageStore.recover
Status TimerMessageStore::load() {
    RMQ_TRY(auto checkpoint,
            store::TimerCheckpoint::load(config_.store_path_root_dir + "/config/timercheck"));
    RMQ_CHECK(wheel_.load());
    RMQ_CHECK(log_.load());
    RMQ_CHECK(metrics_.load());
    // What a longer stop left behind is older than the wheel can tell apart.
    const std::int64_t precision_ms = wheel_.precision_ms();
    const std::int64_t oldest_ms = wheel_.floor_ms(clock_.now_ms()) -
                                   (store::TimerWheel::kSlotsTotal - kBlankSlots) * precision_ms;
    const std::int64_t read_ms = std::max(wheel_.floor_ms(checkpoint.last_read_time_ms), oldest_ms);
    RMQ_TRY(const auto recovered,
            store::recover_timer(wheel_, log_,
                                 {.flush_pos = checkpoint.last_timer_log_flush_pos,
                                  .from_ms = read_ms,
                                  .commit_log_end = store_->commit_log_max()}));
    {
        std::lock_guard lock(mutex_);
        saved_ = checkpoint;
    }
    if (!recovered.last_unit && checkpoint.last_timer_log_flush_pos > 0) {
        rebuild_to_ = checkpoint.last_timer_queue_offset;
        logger().warn("timer_log_lost action=\"rebuilt from the messages of {}\"",
                      topic_name::kTimer);
    }
    queue_offset_ = recovered_offset(recovered.last_unit, recovered.end).value;
    open_slot(read_ms);
    logger().info("timer_recovered read_time={} queue_offset={} log_end={} units_entered={}",
                  read_ms, queue_offset_.load(), recovered.end, recovered.units);
    return {};
}

QueueOffset TimerMessageStore::recovered_offset(const std::optional<TimerUnit>& last_unit,
                                                std::int64_t log_end) const {
    const QueueOffset saved{
        std::min(saved_.last_timer_queue_offset, saved_.master_timer_queue_offset)};
    QueueOffset next = saved;
    if (last_unit) {
        auto bytes = store_->record(last_unit->physical_offset);
        const auto record =
            bytes ? read_timer_record(std::move(*bytes), last_unit->size) : std::nullopt;
        if (record && is_unit_of(*last_unit, *record)) {
            next = record->message.queue_offset + 1;
            // Behind it, late messages may have been delivered that need no unit.
            if (log_end >= saved_.last_timer_log_flush_pos) {
                next = std::max(next, saved);
            }
        }
    } else if (rebuild_to_ > 0) {
        next = {0};
    }
    const QueueOffset min = std::max(store_->min_offset(), QueueOffset{0});
    return std::clamp(next, min, std::max(min, store_->max_offset()));
}

void TimerMessageStore::open_slot(std::int64_t slot_ms) {
    slot_.open(slot_ms);
    is_slot_begun_ = false;
    is_slot_served_ = false;
    read_time_ms_.store(slot_ms, std::memory_order_release);
}

// How far ahead a message may be placed. It is stored anew when the window ends; by then the
// record it was read from must not have expired.
std::int64_t TimerMessageStore::window_ms() const {
    constexpr std::int64_t kHourMs = 3'600'000;
    constexpr std::int64_t kSlotsMax = store::TimerWheel::kSlotsTotal - kBlankSlots;
    const std::int64_t wanted = config_.timer_roll_window_slot;
    const std::int64_t slots = wanted > kSlotsMax || wanted < 2 ? kSlotsMax : wanted;
    const std::int64_t precision_ms = wheel_.precision_ms();
    const std::int64_t safe_ms =
        std::max<std::int64_t>(config_.file_reserved_time, 1) * kHourMs * 2 / 3;
    return std::min(slots * precision_ms, safe_ms / precision_ms * precision_ms);
}

std::int64_t TimerMessageStore::run_once() {
    const std::int64_t monotonic_ms = clock_.monotonic_ms();
    if (monotonic_ms < retry_at_ms_) {
        return retry_at_ms_ - monotonic_ms;
    }
    if (catch_up_to_ < 0) {
        catch_up_to_ = store_->max_offset().value;
    }
    const bool has_more = enqueue();
    if (has_more && queue_offset_.load() < catch_up_to_) {
        return 0;
    }
    const std::int64_t wait = has_more ? std::min<std::int64_t>(dequeue(), 0) : dequeue();
    return retry_at_ms_ > monotonic_ms ? std::min(wait, retry_at_ms_ - monotonic_ms) : wait;
}

bool TimerMessageStore::enqueue() {
    if (config_.timer_stop_enqueue) {
        return false;
    }
    const std::int64_t write_time_ms = wheel_.floor_ms(clock_.now_ms());
    for (int turn = 0; turn < kEnqueuePerTurn; ++turn) {
        const QueueOffset offset{queue_offset_.load(std::memory_order_relaxed)};
        const auto entry = store_->entry(offset);
        if (!entry) {
            const QueueOffset min = store_->min_offset();
            if (offset >= min) {
                return false;
            }
            logger().warn("timer_queue_offset_corrected from={} to={}", offset.value, min.value);
            queue_offset_.store(min.value, std::memory_order_release);
            continue;
        }
        if (!take_in(*entry, write_time_ms)) {
            retry_at_ms_ = clock_.monotonic_ms() + kRetryMs;
            return false;
        }
        enqueued_.fetch_add(1, std::memory_order_relaxed);
        queue_offset_.store(offset.value + 1, std::memory_order_release);
    }
    return true;
}

void TimerMessageStore::skip(const TimerEntry& entry, const char* reason) const {
    log_rarely(
        clock_, "timer_message_skipped",
        std::string(reason) + " physical_offset=" + std::to_string(entry.physical_offset.value));
}

bool TimerMessageStore::take_in(const TimerEntry& entry, std::int64_t write_time_ms) {
    auto bytes = store_->record(entry.physical_offset);
    const auto record = bytes ? read_timer_record(std::move(*bytes), entry.size) : std::nullopt;
    if (!record) {
        skip(entry, bytes ? "not a timer message" : "record is gone");
        return true;
    }
    taken_in_ms_.store(record->message.store_timestamp, std::memory_order_relaxed);
    if (taken_in_) {
        taken_in_({record->real_topic, record->out_ms - record->message.born_timestamp});
    }
    const bool is_marker = !record->delete_key.empty();
    const bool is_late = record->out_ms < slot_.slot_ms();
    if (!is_late && !take_in_wheel(entry, *record, write_time_ms)) {
        return false;
    }
    if (is_marker) {
        cancels_.taken_in(record->unique_key);
    }
    // Its slot was served: at once, and a marker has come too late.
    return !is_late || is_marker || queue_offset_.load() < rebuild_to_ ||
           deliver(*record, {.enqueue_ms = INT64_MAX}) == Outcome::kDone;
}

// Source: TimerMessageStore.doEnqueue
bool TimerMessageStore::take_in_wheel(const TimerEntry& entry, const TimerRecord& record,
                                      std::int64_t write_time_ms) {
    const std::int64_t window = window_ms();
    const std::int64_t precision_ms = wheel_.precision_ms();
    std::int64_t slot_ms = wheel_.floor_ms(record.out_ms);
    TimerUnit unit;
    if (const std::int64_t ahead_ms = record.out_ms - write_time_ms; ahead_ms >= window) {
        unit.magic |= store::timer_magic::kRoll;
        const std::int64_t slots = window / precision_ms;
        // Halfway, when little is left for the turn after this one.
        slot_ms =
            write_time_ms +
            (ahead_ms - window < slots / 3 * precision_ms ? slots / 2 * precision_ms : window);
    }
    const bool is_marker = !record.delete_key.empty();
    if (is_marker) {
        unit.magic |= store::timer_magic::kDelete;
    }
    TimerSlot slot = wheel_.slot(slot_ms);
    unit.prev_pos = slot.last_pos;
    unit.write_time_ms = write_time_ms;
    unit.delay_ms = static_cast<std::int32_t>(slot_ms - write_time_ms);
    unit.physical_offset = entry.physical_offset;
    unit.size = entry.size;
    unit.topic_hash = java_string_hash(record.real_topic);
    const auto position = log_.append(unit);
    if (!position) {
        log_rarely(clock_, "timer_log_not_written", position.error().remark);
        return false;
    }
    slot.time_ms = slot_ms;
    slot.first_pos = slot.first_pos == -1 ? *position : slot.first_pos;
    slot.last_pos = *position;
    slot.num += is_marker ? -1 : 1;
    wheel_.put_slot(slot);
    metrics_.add(record.real_topic, is_marker ? -1 : 1, clock_.now_ms());
    return true;
}

std::int64_t TimerMessageStore::dequeue() {
    const std::int64_t precision_ms = wheel_.precision_ms();
    for (int budget = kDeliveriesPerTurn;;) {
        const std::int64_t now_ms = clock_.now_ms();
        const std::int64_t slot_ms = slot_.slot_ms();
        if (slot_ms > now_ms) {
            return slot_ms - now_ms;
        }
        if (!std::exchange(is_slot_begun_, true)) {
            cancels_.begin_slot(slot_ms);
        }
        slot_.load(now_ms);
        for (; !slot_.is_empty() && slot_.top().due_ms <= now_ms; slot_.pop()) {
            if (budget-- == 0) {
                return 0;
            }
            if (const Outcome outcome = serve(slot_.top()); outcome != Outcome::kDone) {
                retry_at_ms_ =
                    clock_.monotonic_ms() + (outcome == Outcome::kRefused ? kRetryMs : 1);
                return retry_at_ms_ - clock_.monotonic_ms();
            }
            is_slot_served_ = true;
        }
        if (now_ms < slot_ms + precision_ms) {
            if (warmed_ms_ < slot_ms + precision_ms) {
                warmed_ms_ = slot_ms + precision_ms;
                slot_.warm(warmed_ms_, kWarmRecords);
            }
            const std::int64_t due_ms =
                slot_.is_empty() ? slot_ms + precision_ms : slot_.top().due_ms;
            return std::max<std::int64_t>(due_ms - clock_.now_ms(), 0);
        }
        open_slot(wheel_.next_slot(slot_ms + precision_ms, wheel_.floor_ms(now_ms)));
    }
}

TimerMessageStore::Outcome TimerMessageStore::serve(const TimerRequest& request) {
    auto bytes = store_->record(request.unit.physical_offset);
    const auto record =
        bytes ? read_timer_record(std::move(*bytes), request.unit.size) : std::nullopt;
    if (!record || !is_unit_of(request.unit, *record)) {
        skip({request.unit.physical_offset, request.unit.size}, "record is gone");
        return Outcome::kDone;
    }
    return deliver(*record,
                   {.enqueue_ms = request.unit.write_time_ms, .is_roll = request.unit.is_roll()});
}

TimerMessageStore::Outcome TimerMessageStore::deliver(const TimerRecord& record,
                                                      const Firing& firing) {
    const std::int64_t now_ms = clock_.now_ms();
    const bool was_counted = firing.enqueue_ms != INT64_MAX;
    if (!firing.is_roll) {
        const auto cancel = cancels_.state(record.unique_key);
        if (cancel == TimerCancels::State::kPending) {
            return Outcome::kRetrySoon;
        }
        if (cancel == TimerCancels::State::kCancelled ||
            (was_counted && slot_.is_deleted(record.real_topic, record.unique_key))) {
            if (was_counted) {
                metrics_.add(record.real_topic, -1, now_ms);
            }
            return Outcome::kDone;
        }
    }
    const auto properties = delivery_properties(record, firing.enqueue_ms, now_ms, firing.is_roll);
    store::MessageToPut message = message_copy(record.message);
    message.properties = properties;
    if (!firing.is_roll) {
        message.topic = record.real_topic;
        message.queue_id = record.real_queue_id;
    }
    const auto status = store_->put(message);
    const bool is_hopeless =
        status == PutMessageStatus::MESSAGE_ILLEGAL ||
        status == PutMessageStatus::PROPERTIES_SIZE_EXCEEDED ||
        (status == PutMessageStatus::UNKNOWN_ERROR && config_.timer_skip_unknown_error);
    if (status != PutMessageStatus::PUT_OK) {
        log_rarely(
            clock_, is_hopeless ? "timer_message_dropped" : "timer_delivery_refused",
            std::string(put_message_status_name(status)) + " topic=" + std::string(message.topic));
    }
    if (status != PutMessageStatus::PUT_OK && !is_hopeless) {
        return Outcome::kRefused;
    }
    if (was_counted) {
        metrics_.add(record.real_topic, record.delete_key.empty() ? -1 : 1, now_ms);
    }
    dequeued_.fetch_add(1, std::memory_order_relaxed);
    if (delivered_ && status == PutMessageStatus::PUT_OK) {
        delivered_({message.topic, message.queue_id, record.message.total_size, record.real_topic});
    }
    return Outcome::kDone;
}

store::TimerCheckpoint TimerMessageStore::next_checkpoint() const {
    store::TimerCheckpoint next = checkpoint();
    const std::int64_t offset = queue_offset_.load(std::memory_order_acquire);
    const std::int64_t read_ms = read_time_ms_.load(std::memory_order_acquire);
    if (offset != next.master_timer_queue_offset || read_ms != next.last_read_time_ms) {
        next.timestamp = clock_.now_ms();
        ++next.counter;
    }
    next.last_read_time_ms = read_ms;
    next.last_timer_queue_offset = offset;
    next.master_timer_queue_offset = offset;
    return next;
}

store::TimerCheckpoint TimerMessageStore::checkpoint() const {
    std::lock_guard lock(mutex_);
    return saved_;
}

Status TimerMessageStore::flush_once() {
    // In this order: what the checkpoint says was in the log and the wheel before they were forced,
    // and the wheel never points behind the log.
    auto next = next_checkpoint();
    const auto pages = wheel_.take_dirty();
    const auto flushed = log_.flush();
    if (!flushed) {
        wheel_.mark_dirty(pages);
        return flushed.error();
    }
    next.last_timer_log_flush_pos = *flushed;
    RMQ_CHECK(wheel_.write(pages));
    RMQ_CHECK(save(next));
    sample_rates();
    if (clock_.monotonic_ms() >= next_cleaning_ms_) {
        next_cleaning_ms_ = clock_.monotonic_ms() + kCleaningMs;
        log_.delete_below(store_->commit_log_min());
    }
    return metrics_.persist();
}

Status TimerMessageStore::save(const store::TimerCheckpoint& next) {
    // Seconds in which nothing happened need not be told at once: serving them again does nothing.
    // That a second is over in which something was delivered must be.
    const auto saved = checkpoint();
    const std::int64_t served = dequeued_.load();
    const std::int64_t now_ms = clock_.monotonic_ms();
    if (served != saved_dequeued_) {
        served_at_ms_ = read_time_ms_.load(std::memory_order_acquire);
    }
    const bool is_idle = next.last_timer_queue_offset == saved.last_timer_queue_offset &&
                         next.last_timer_log_flush_pos == saved.last_timer_log_flush_pos &&
                         served == saved_dequeued_ && saved.last_read_time_ms > served_at_ms_;
    if (next == saved || (is_idle && now_ms < saved_at_ms_ + kIdleSaveMs)) {
        return {};
    }
    RMQ_CHECK(next.save(config_.store_path_root_dir + "/config/timercheck"));
    saved_dequeued_ = served;
    saved_at_ms_ = now_ms;
    std::lock_guard lock(mutex_);
    saved_ = next;
    return {};
}

void TimerMessageStore::sample_rates() {
    const std::int64_t now_ms = clock_.monotonic_ms();
    std::lock_guard lock(mutex_);
    Rates next{.at_ms = now_ms, .enqueued = enqueued_.load(), .dequeued = dequeued_.load()};
    if (const auto elapsed = static_cast<double>(now_ms - rates_.at_ms); elapsed > 0) {
        next.enqueue_tps = static_cast<double>(next.enqueued - rates_.enqueued) * 1000 / elapsed;
        next.dequeue_tps = static_cast<double>(next.dequeued - rates_.dequeued) * 1000 / elapsed;
    }
    rates_ = next;
}

bool TimerMessageStore::is_current() const {
    const std::int64_t second_ago_ms = clock_.now_ms() - 1000;
    const bool has_taken_in = taken_in_ms_.load(std::memory_order_relaxed) > second_ago_ms ||
                              queue_offset_.load() >= store_->max_offset().value;
    return has_taken_in && read_time_ms() + wheel_.precision_ms() > second_ago_ms;
}

std::int64_t TimerMessageStore::enqueue_behind() const {
    return std::max<std::int64_t>(store_->max_offset().value - queue_offset_.load(), 0);
}

std::int64_t TimerMessageStore::enqueue_behind_ms() const {
    const std::int64_t newest_ms = taken_in_ms_.load(std::memory_order_relaxed);
    return enqueue_behind() == 0 || newest_ms == 0
               ? 0
               : std::max<std::int64_t>(clock_.now_ms() - newest_ms, 0);
}

std::int64_t TimerMessageStore::dequeue_behind_ms() const {
    return std::max<std::int64_t>(clock_.now_ms() - read_time_ms(), 0);
}

void TimerMessageStore::add_runtime_info(
    std::map<std::string, std::string, std::less<>>& table) const {
    table["timerReadBehind"] = std::to_string(dequeue_behind_ms() / 1000);
    table["timerOffsetBehind"] = std::to_string(enqueue_behind());
    table["timerCongestNum"] = std::to_string(wheel_.count_from(read_time_ms()));
    std::lock_guard lock(mutex_);
    table["timerEnqueueTps"] = config_text(rates_.enqueue_tps);
    table["timerDequeueTps"] = config_text(rates_.dequeue_tps);
}

void TimerMessageStore::on_arrivals(std::span<const store::MessageArrival> arrivals) {
    for (const auto& arrival : arrivals) {
        if (arrival.topic == topic_name::kTimer) {
            thread_.wake();
            return;
        }
    }
}

void TimerMessageStore::start() {
    thread_.start([this] {
        const auto turn = [this] { return std::clamp<std::int64_t>(run_once(), 0, kSleepMaxMs); };
        std::int64_t wait = turn();
        // A slot that was served in part would be served again as a whole: it is finished first.
        while (thread_.is_stopping() && is_slot_served_ && clock_.monotonic_ms() < stop_by_ms_) {
            thread_.pause(wait);
            wait = turn();
        }
        return wait;
    });
    flush_thread_.start([this] {
        if (const auto flushed = flush_once(); !flushed) {
            log_rarely(clock_, "timer_not_flushed", flushed.error().remark);
        }
        return config_.timer_flush_interval_ms.get();
    });
}

void TimerMessageStore::stop() {
    stop_by_ms_ = clock_.monotonic_ms() + 2 * wheel_.precision_ms();
    if (!thread_.stop()) {
        return;
    }
    flush_thread_.stop();
    if (const auto flushed = flush_once(); !flushed) {
        logger().error("timer_not_flushed reason=\"{}\"", flushed.error().remark);
    }
}

}  // namespace rmq::broker
