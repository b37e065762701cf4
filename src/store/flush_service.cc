// SPDX-License-Identifier: Apache-2.0
#include "store/flush_service.h"

#include "store/checkpoint.h"
#include "store/commit_log.h"
#include "store/mapped_file.h"
#include "store/message_store_config.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace rmq::store {

namespace {

// How often waiters are looked at while there are any.
constexpr std::int64_t kTimeoutTickMs = 100;

}  // namespace

FlushService::FlushService(const MessageStoreConfig& config, CommitLog& log,
                           StoreCheckpoint& checkpoint, const Clock& clock)
    : config_(config),
      log_(log),
      checkpoint_(checkpoint),
      clock_(clock),
      is_sync_(config.flush_disk_type == FlushDiskType::SYNC_FLUSH),
      last_thorough_ms_(clock.monotonic_ms()) {}

void FlushService::set_flush_listener(std::function<void()> listener) {
    flush_listener_ = std::move(listener);
}

void FlushService::when_flushed(PhysicalOffset end, Done done) {
    PutMessageStatus status = PutMessageStatus::PUT_OK;
    {
        std::lock_guard lock(mutex_);
        if (log_.flushed_offset() < end) {
            if (!log_.is_poisoned()) {
                waiters_.push_back(
                    {end, clock_.monotonic_ms() + config_.sync_flush_timeout, std::move(done)});
                if (waiters_.size() == 1) {
                    timeout_wakeup_.signal();
                }
                wakeup_.signal();
                return;
            }
            status = PutMessageStatus::SERVICE_NOT_AVAILABLE;
        }
    }
    done(status);
}

// Source: DefaultFlushManager.handleDiskFlush wakes, FlushRealTimeService listens.
bool FlushService::wakes_when_put() const {
    return config_.wake_flush_when_put_message && !config_.flush_commit_log_timed;
}

void FlushService::run_once() {
    if (is_due(clock_.monotonic_ms())) {
        flush();
    }
    release();
}

// Source: FlushRealTimeService.run.
bool FlushService::is_due(std::int64_t now_ms) {
    const std::int64_t written = log_.max_offset().value;
    const std::int64_t flushed = log_.flushed_offset().value;
    if (written == flushed || log_.is_poisoned()) {
        return false;
    }
    if (now_ms - last_thorough_ms_ >= config_.flush_commit_log_thorough_interval) {
        last_thorough_ms_ = now_ms;
        return true;
    }
    if (is_sync_) {
        return true;
    }
    {
        std::lock_guard lock(mutex_);
        if (!waiters_.empty()) {
            return true;
        }
    }
    const std::int64_t dirty_pages = written / kPageBytes - flushed / kPageBytes;
    return dirty_pages >= config_.flush_commit_log_least_pages;
}

void FlushService::flush() {
    if (!log_.flush()) {
        return;  // logged there, and the store refuses writes from now on
    }
    if (const std::int64_t timestamp = log_.flushed_store_timestamp(); timestamp > 0) {
        checkpoint_.set(StoreCheckpoint::kPhysicMsgTimestamp, timestamp);
    }
    checkpoint_.set(StoreCheckpoint::kFlushedPhysicalOffset, log_.flushed_offset().value);
    if (flush_listener_) {
        flush_listener_();
    }
}

template <class Predicate>
std::vector<FlushService::Waiter> FlushService::take_waiters(Predicate&& is_taken) {
    std::lock_guard lock(mutex_);
    const auto first = std::stable_partition(waiters_.begin(), waiters_.end(),
                                             [&](const Waiter& w) { return !is_taken(w); });
    std::vector<Waiter> taken(std::make_move_iterator(first),
                              std::make_move_iterator(waiters_.end()));
    waiters_.erase(first, waiters_.end());
    return taken;
}

void FlushService::release() {
    const PhysicalOffset flushed = log_.flushed_offset();
    const bool is_poisoned = log_.is_poisoned();
    auto released =
        take_waiters([&](const Waiter& waiter) { return is_poisoned || waiter.end <= flushed; });
    for (Waiter& waiter : released) {
        waiter.done(waiter.end <= flushed ? PutMessageStatus::PUT_OK
                                          : PutMessageStatus::SERVICE_NOT_AVAILABLE);
    }
}

void FlushService::expire_waiters() {
    const std::int64_t now = clock_.monotonic_ms();
    auto expired = take_waiters([&](const Waiter& waiter) { return waiter.deadline_ms <= now; });
    for (Waiter& waiter : expired) {
        waiter.done(PutMessageStatus::FLUSH_DISK_TIMEOUT);
    }
}

void FlushService::run() {
    while (!stopping_.load()) {
        run_once();
        wakeup_.wait(config_.flush_interval_commit_log);
    }
    if (!log_.is_poisoned()) {
        flush();
    }
    release();
}

void FlushService::run_timeouts() {
    while (!stopping_.load()) {
        expire_waiters();
        bool has_waiters = false;
        {
            std::lock_guard lock(mutex_);
            has_waiters = !waiters_.empty();
        }
        timeout_wakeup_.wait(has_waiters ? kTimeoutTickMs : -1);
    }
}

void FlushService::stop() {
    stopping_.store(true);
    wakeup_.signal();
    timeout_wakeup_.signal();
}

}  // namespace rmq::store
