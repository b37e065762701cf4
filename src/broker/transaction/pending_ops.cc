// SPDX-License-Identifier: Apache-2.0
#include "broker/transaction/pending_ops.h"

#include "broker/broker_config.h"
#include "common/log.h"

#include <algorithm>
#include <utility>

namespace rmq::broker {
namespace {

constexpr std::size_t kPendingMax = 1'000'000;
constexpr std::size_t kPutAgainMax = 100'000;

std::size_t text_bytes(std::int64_t half) {
    return std::to_string(half).size() + 1;
}

}  // namespace

bool PendingOps::is_full() const {
    return bytes_ >=
           static_cast<std::size_t>(std::max(1, config_.transaction_op_msg_max_size.get()));
}

void PendingOps::insert(std::int64_t half) {
    if (halves_.size() >= kPendingMax) {
        static LogLimiter limiter(10'000);
        if (const auto admission = limiter.admit(clock_.monotonic_ms()); admission.admitted) {
            log_of("broker").error("transaction_op_forgotten half={} suppressed={}", half,
                                   admission.suppressed);
        }
        return;
    }
    if (halves_.empty()) {
        oldest_ms_ = clock_.monotonic_ms();
    }
    if (halves_.insert(half).second) {
        bytes_ += text_bytes(half);
    }
}

bool PendingOps::add(QueueOffset half) {
    const std::lock_guard lock(mutex_);
    insert(half.value);
    for (auto next = put_again_.find(half.value); next != put_again_.end();
         next = put_again_.find(next->second)) {
        insert(next->second);
    }
    return is_full();
}

bool PendingOps::contains(QueueOffset half) const {
    const std::lock_guard lock(mutex_);
    return halves_.contains(half.value) ||
           std::any_of(written_.begin(), written_.end(),
                       [&](const Written& batch) { return batch.halves.contains(half.value); });
}

std::int64_t PendingOps::ms_until_due() const {
    const std::lock_guard lock(mutex_);
    if (halves_.empty()) {
        return kIdle;
    }
    const auto due_ms = oldest_ms_ + config_.transaction_op_batch_interval;
    return is_full() ? 0 : std::max<std::int64_t>(0, due_ms - clock_.monotonic_ms());
}

std::string PendingOps::take_batch() {
    const auto max_bytes =
        static_cast<std::size_t>(std::max(1, config_.transaction_op_msg_max_size.get()));
    std::string batch;
    const std::lock_guard lock(mutex_);
    while (!halves_.empty() && batch.size() < max_bytes) {
        batch.append(std::to_string(*halves_.begin())).push_back(',');
        halves_.erase(halves_.begin());
    }
    bytes_ -= batch.size();
    return batch;
}

void PendingOps::put_back(std::string_view batch) {
    const std::lock_guard lock(mutex_);
    read_op_body(batch, [this](std::int64_t half) { insert(half); });
}

void PendingOps::on_written(std::string_view batch, QueueOffset at) {
    Written written{at, {}};
    read_op_body(batch, [&](std::int64_t half) { written.halves.insert(half); });
    const std::lock_guard lock(mutex_);
    written_.push_back(std::move(written));
}

void PendingOps::on_readable(QueueOffset end) {
    const std::lock_guard lock(mutex_);
    while (!written_.empty() && written_.front().at < end) {
        written_.pop_front();
    }
}

void PendingOps::on_put_again(QueueOffset from, QueueOffset to) {
    const std::lock_guard lock(mutex_);
    if (put_again_.size() >= kPutAgainMax) {
        put_again_.erase(put_again_.begin());
    }
    put_again_[from.value] = to.value;
    if (halves_.contains(from.value)) {
        insert(to.value);  // settled while it was being put again
    }
}

void PendingOps::forget_below(QueueOffset half) {
    const std::lock_guard lock(mutex_);
    // A step is of use as long as it leads, by however many others, to what is still open.
    for (auto it = put_again_.rbegin(); it != put_again_.rend(); ++it) {
        if (const auto next = put_again_.find(it->second); next != put_again_.end()) {
            it->second = next->second;
        }
    }
    std::erase_if(put_again_, [&](const auto& step) { return step.second < half.value; });
}

}  // namespace rmq::broker
