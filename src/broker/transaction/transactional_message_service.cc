// SPDX-License-Identifier: Apache-2.0
#include "broker/transaction/transactional_message_service.h"

#include "broker/broker_config.h"
#include "broker/stats/broker_stats_manager.h"
#include "broker/topic/topic_validator.h"
#include "common/log.h"
#include "common/message/message_properties.h"
#include "store/message_store_config.h"

#include <algorithm>
#include <utility>

namespace rmq::broker {
namespace {

// The longest sleep, so that changed settings are noticed.
constexpr std::int64_t kSleepMaxMs = 1000;
constexpr std::int64_t kRetryMs = 100;  // after a refused put

}  // namespace

TransactionalMessageService::TransactionalMessageService(const Collaborators& collaborators,
                                                         std::unique_ptr<TransactionStore> store,
                                                         std::string metrics_path)
    : c_(collaborators),
      store_(std::move(store)),
      metrics_(std::move(metrics_path), c_.clock),
      pending_(c_.config, c_.clock),
      check_({.config = c_.config,
              .file_reserved_hours = c_.store_config.file_reserved_time,
              .store = *store_,
              .offsets = c_.offsets,
              .producers = c_.producers,
              .topics = c_.topics,
              .stats = c_.stats,
              .pending = pending_,
              .metrics = metrics_,
              .clock = c_.clock}),
      last_check_ms_(c_.clock.monotonic_ms()),
      last_persist_ms_(last_check_ms_) {}

TransactionalMessageService::~TransactionalMessageService() {
    stop();
}

void TransactionalMessageService::settle(QueueOffset half) {
    if (pending_.add(half)) {
        thread_.wake();
    }
}

std::int64_t TransactionalMessageService::run_once() {
    if (pending_.ms_until_due() == 0 && c_.clock.monotonic_ms() >= ops_refused_until_ms_) {
        write_ops();
    }
    const std::int64_t until_check = check_turn();
    persist_metrics();
    return std::min({until_check, std::max(pending_.ms_until_due(),
                                           ops_refused_until_ms_ - c_.clock.monotonic_ms())});
}

std::int64_t TransactionalMessageService::check_turn() {
    const std::int64_t now = c_.clock.monotonic_ms();
    const std::int64_t next = last_check_ms_ + c_.config.transaction_check_interval;
    if (!is_checking_ && now < next) {
        return next - now;
    }
    if (!is_checking_) {
        // What is settled already need not be asked about.
        write_ops();
    }
    is_checking_ = check_.run_once();
    last_check_ms_ = c_.clock.monotonic_ms();
    return is_checking_ ? 0 : c_.config.transaction_check_interval.get();
}

void TransactionalMessageService::persist_metrics() {
    const std::int64_t now = c_.clock.monotonic_ms();
    if (now - last_persist_ms_ < c_.config.transaction_metric_flush_interval) {
        return;
    }
    last_persist_ms_ = now;
    if (const auto written = metrics_.persist(); !written) {
        log_of("broker").error("transaction_metrics_not_persisted error=\"{}\"",
                               written.error().remark);
    }
}

bool TransactionalMessageService::write_ops() {
    for (auto batch = pending_.take_batch(); !batch.empty(); batch = pending_.take_batch()) {
        if (!write_op(batch)) {
            pending_.put_back(batch);
            ops_refused_until_ms_ = c_.clock.monotonic_ms() + kRetryMs;
            return false;
        }
    }
    return true;
}

// Source: TransactionalMessageBridge.makeOpMessageInner.
bool TransactionalMessageService::write_op(const std::string& batch) {
    const std::int64_t now = c_.clock.now_ms();
    std::string properties;
    append_property(properties, property::kWait, "true");
    append_property(properties, property::kTags, kOpTag);
    store::MessageToPut op;
    op.topic = topic_name::kTransOpHalf;
    op.queue_id = kHalfQueue;
    op.born_timestamp = now;
    op.born_host = c_.store_host;
    op.store_host = c_.store_host;
    op.body = batch;
    op.properties = properties;
    const auto result = store_->put(op);
    if (result.status != store::PutMessageStatus::PUT_OK) {
        static LogLimiter limiter(10'000);
        if (const auto admission = limiter.admit(c_.clock.monotonic_ms()); admission.admitted) {
            log_of("broker").warn("transaction_op_refused status={} suppressed={}",
                                  store::put_message_status_name(result.status),
                                  admission.suppressed);
        }
        return false;
    }
    pending_.on_written(batch, result.queue_offset);
    pending_.on_readable(store_->max_offset(topic_name::kTransOpHalf));
    c_.stats.on_put({.topic = op.topic,
                     .queue_id = kHalfQueue,
                     .bytes = result.end.value - result.physical_offset.value});
    return true;
}

void TransactionalMessageService::start() {
    thread_.start([this] { return std::min(run_once(), kSleepMaxMs); });
}

void TransactionalMessageService::stop() {
    if (!thread_.stop()) {
        return;
    }
    write_ops();
    if (const auto written = metrics_.persist(); !written) {
        log_of("broker").error("transaction_metrics_not_persisted error=\"{}\"",
                               written.error().remark);
    }
}

}  // namespace rmq::broker
