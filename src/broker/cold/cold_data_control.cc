// SPDX-License-Identifier: Apache-2.0
#include "broker/cold/cold_data_control.h"

#include "broker/broker_config.h"
#include "broker/topic/topic_validator.h"
#include "store/message_store_config.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace rmq::broker {
namespace {

// A group that read nothing cold for so long is forgotten.
// Source: ColdDataCgCtrService.cgColdAccResideTimeoutMills.
constexpr std::int64_t kForgetAfterMs = 60'000;
// Source: PIDAdaptiveColdCtrStrategy.
constexpr std::size_t kErrorsKept = 10;
constexpr double kProportional = 0.5;
constexpr double kIntegral = 0.3;
constexpr double kDifferential = 0.2;
constexpr double kExpectedPartOfAll = 0.8;
// Source: SimpleColdCtrStrategy.
constexpr double kPromotion = 1.5;
constexpr double kDeceleration = 0.8;
// Source: ColdDataCgCtrService.sortAndDecelerate.
constexpr std::size_t kDeceleratedAtOnce = 3;
// How the original names a group whose limit adapts.
constexpr std::string_view kAdaptiveSuffix = "||adaptive";

std::int64_t scaled(std::int64_t bytes, double factor) {
    return static_cast<std::int64_t>(static_cast<double>(bytes) * factor);
}

}  // namespace

ColdDataControl::ColdDataControl(const BrokerConfig& config,
                                 const store::MessageStoreConfig& store_config, const Clock& clock)
    : config_(config), store_config_(store_config), clock_(clock) {}

void ColdDataControl::add(std::string_view group, std::int64_t bytes) {
    if (bytes <= 0 || is_tools_group(group)) {
        return;
    }
    const auto now_ms = clock_.now_ms();
    const std::lock_guard lock(mutex_);
    all_bytes_ += bytes;
    auto found = readings_.find(group);
    if (found == readings_.end()) {
        found = readings_.emplace(group, Reading{.first_read_ms = now_ms}).first;
    }
    found->second.bytes += bytes;
    found->second.last_read_ms = now_ms;
}

bool ColdDataControl::is_over(std::string_view group) const {
    if (!store_config_.cold_data_flow_control_enable || is_tools_group(group)) {
        return false;
    }
    const std::lock_guard lock(mutex_);
    const auto found = readings_.find(group);
    if (found == readings_.end()) {
        return false;
    }
    return found->second.bytes >= threshold_of(group) ||
           all_bytes_ >= config_.global_cold_read_threshold;
}

std::int64_t ColdDataControl::threshold_of(std::string_view group) const {
    if (const auto found = configured_.find(group); found != configured_.end()) {
        return found->second;
    }
    if (config_.cold_ctr_strategy_enable) {
        if (const auto found = adapted_.find(group); found != adapted_.end()) {
            return found->second;
        }
    }
    return config_.cg_cold_read_threshold;
}

void ColdDataControl::set_threshold(std::string group, std::int64_t bytes) {
    const std::lock_guard lock(mutex_);
    configured_.insert_or_assign(std::move(group), bytes);
}

void ColdDataControl::remove_threshold(std::string_view group) {
    const std::lock_guard lock(mutex_);
    if (const auto found = configured_.find(group); found != configured_.end()) {
        configured_.erase(found);
    }
}

// Source: ColdDataCgCtrService.getColdDataFlowCtrInfo.
std::string ColdDataControl::info() const {
    nlohmann::json runtime = nlohmann::json::object();
    nlohmann::json limits = nlohmann::json::object();
    const std::lock_guard lock(mutex_);
    for (const auto& [group, reading] : readings_) {
        runtime[group] = {{"coldAcc", reading.bytes},
                          {"createTimeMills", reading.first_read_ms},
                          {"lastColdReadTimeMills", reading.last_read_ms}};
    }
    for (const auto& [group, bytes] : configured_) {
        limits[group] = bytes;
    }
    for (const auto& [group, bytes] : adapted_) {
        limits[group + std::string(kAdaptiveSuffix)] = bytes;
    }
    return R"({"runtimeTable":)" + runtime.dump() + R"(,"configTable":)" + limits.dump() +
           R"(,"cgColdReadThreshold":)" + std::to_string(config_.cg_cold_read_threshold) +
           R"(,"globalColdReadThreshold":)" + std::to_string(config_.global_cold_read_threshold) +
           R"(,"globalAcc":)" + std::to_string(all_bytes_) + "}";
}

// Source: ColdDataCgCtrService.clearDataAcc.
void ColdDataControl::run_once() {
    const auto now_ms = clock_.now_ms();
    const std::lock_guard lock(mutex_);
    const bool adapts = config_.cold_ctr_strategy_enable;
    if (adapts) {
        errors_.push_back(scaled(config_.global_cold_read_threshold, kExpectedPartOfAll) -
                          all_bytes_);
        if (errors_.size() > kErrorsKept) {
            errors_.pop_front();
        }
    } else {
        adapted_.clear();
    }
    for (auto at = readings_.begin(); at != readings_.end();) {
        auto& [group, reading] = *at;
        if (now_ms >= reading.last_read_ms + kForgetAfterMs) {
            adapted_.erase(group);
            at = readings_.erase(at);
            continue;
        }
        if (adapts && reading.bytes >= threshold_of(group)) {
            promote(group);
        }
        reading.bytes = 0;
        ++at;
    }
    if (adapts) {
        decelerate_largest();
    }
    all_bytes_ = 0;
}

// Positive when all groups together read less than they may.
double ColdDataControl::decision_factor() const {
    if (errors_.size() < kErrorsKept) {
        return 0;
    }
    const auto newest = errors_.back();
    const auto sum = std::accumulate(errors_.begin(), errors_.end(), std::int64_t{0});
    return kProportional * static_cast<double>(newest) + kIntegral * static_cast<double>(sum) +
           kDifferential * static_cast<double>(newest - errors_[errors_.size() - 2]);
}

void ColdDataControl::promote(const std::string& group) {
    if (all_bytes_ > config_.global_cold_read_threshold || configured_.contains(group)) {
        return;
    }
    if (!config_.use_pid_cold_ctr_strategy || decision_factor() > 0) {
        adapted_[group] = scaled(threshold_of(group), kPromotion);
    }
}

void ColdDataControl::decelerate_largest() {
    const bool slows_down = config_.use_pid_cold_ctr_strategy
                                ? decision_factor() < 0
                                : all_bytes_ > config_.global_cold_read_threshold;
    if (!slows_down) {
        return;
    }
    std::vector<std::pair<std::int64_t, std::string>> largest;
    for (const auto& [group, bytes] : adapted_) {
        if (!configured_.contains(group)) {
            largest.emplace_back(bytes, group);
        }
    }
    std::ranges::sort(largest, std::greater<>());
    largest.resize(std::min(largest.size(), kDeceleratedAtOnce));
    for (const auto& [bytes, group] : largest) {
        adapted_[group] =
            std::max<std::int64_t>(scaled(bytes, kDeceleration), config_.cg_cold_read_threshold);
    }
}

}  // namespace rmq::broker
