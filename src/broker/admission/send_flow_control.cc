// SPDX-License-Identifier: Apache-2.0
#include "broker/admission/send_flow_control.h"

#include "common/log.h"
#include "remoting/connection.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>

namespace rmq::broker {
namespace {

// Producers are slowed from this part of the wait on at which sends are refused.
constexpr std::int64_t kSlowDivisor = 4;

}  // namespace

SendFlowControl::SendFlowControl(unsigned io_threads, Options options) : options_(options) {
    for (unsigned k = 0; k < io_threads; ++k) {
        lanes_.push_back(std::make_unique<Lane>());
    }
}

void SendFlowControl::tick(unsigned k, std::int64_t now_ms) {
    auto& lane = *lanes_[k];
    const auto waited_ms = lane.due_ms == 0 ? 0 : std::max<std::int64_t>(now_ms - lane.due_ms, 0);
    lane.due_ms = now_ms + kTickMs;
    lane.waits[lane.next] = waited_ms;
    lane.next = (lane.next + 1) % kWindow;
    lane.wait_ms.store(*std::min_element(lane.waits.begin(), lane.waits.end()),
                       std::memory_order_relaxed);
    std::int64_t longest_ms = 0;
    for (const auto& each : lanes_) {
        longest_ms = std::max(longest_ms, each->wait_ms.load(std::memory_order_relaxed));
    }
    wait_ms_.store(longest_ms, std::memory_order_relaxed);

    const auto limit_ms = std::max<std::int64_t>(options_.max_wait_ms.get(), kSlowDivisor);
    if (longest_ms <= limit_ms / kSlowDivisor) {
        pause_ms_.store(0, std::memory_order_relaxed);
        slowed_since_ms_.store(0, std::memory_order_relaxed);
        may_refuse_.store(false, std::memory_order_relaxed);
        return;
    }
    std::int64_t since_ms = 0;
    if (slowed_since_ms_.compare_exchange_strong(since_ms, now_ms, std::memory_order_relaxed)) {
        since_ms = now_ms;
        static LogLimiter limiter;
        if (const auto admission = limiter.admit(now_ms); admission.admitted) {
            log_of("broker").warn("producers_slowed wait_ms={} suppressed={}", longest_ms,
                                  admission.suppressed);
        }
    }
    may_refuse_.store(now_ms - since_ms >= kSlowFirstMs, std::memory_order_relaxed);
    pause_ms_.store(std::min(longest_ms, kPauseMaxMs), std::memory_order_relaxed);
}

std::optional<std::string> SendFlowControl::admit(Connection& connection) {
    const auto pause_ms = pause_ms_.load(std::memory_order_relaxed);
    if (pause_ms == 0) {
        return std::nullopt;
    }
    if (connection.pause_reading(std::chrono::milliseconds(pause_ms))) {
        pauses_.fetch_add(1, std::memory_order_relaxed);
    }
    const auto waits_ms = lanes_[connection.io_thread()]->wait_ms.load(std::memory_order_relaxed);
    if (!may_refuse_.load(std::memory_order_relaxed) || !options_.fast_failure_enable ||
        waits_ms <= options_.max_wait_ms.get()) {
        return std::nullopt;
    }
    refusals_.fetch_add(1, std::memory_order_relaxed);
    return fmt::format(
        "[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a while, period "
        "in queue: {}ms, size of queue: 0",
        waits_ms);
}

void SendFlowControl::add_runtime_info(
    std::map<std::string, std::string, std::less<>>& table) const {
    table["sendThreadPoolQueueHeadWaitTimeMills"] = std::to_string(wait_ms());
    if (pauses() > 0) {
        table["sendFlowControlPauses"] = std::to_string(pauses());
        table["sendFlowControlRefusals"] = std::to_string(refusals());
    }
}

}  // namespace rmq::broker
