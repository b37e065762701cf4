// SPDX-License-Identifier: Apache-2.0
#include "broker/timer/timer_metrics.h"

#include "common/lenient_json.h"
#include "common/log.h"
#include "common/persistent_file.h"
#include "remoting/protocol/body/json_fields.h"

#include <nlohmann/json.hpp>

#include <utility>

namespace rmq::broker {

Status TimerMetrics::load() {
    const auto object = load_json_object(path_);
    if (!object && object.error().code == Errc::kMalformed) {
        log_of("broker").warn("timer_metrics_unreadable path={}", path_);
        return {};
    }
    if (!object) {
        return object.error().code == Errc::kNotFound ? Status{} : Status(object.error());
    }
    std::lock_guard lock(mutex_);
    version_ = parse_data_version(json_member(*object, "dataVersion"));
    const auto& counts = json_member(*object, "timingCount");
    if (counts.is_object()) {
        for (const auto& [topic, metric] : counts.items()) {
            counts_[topic] = {json_int64(metric, "count", 0), json_int64(metric, "timeStamp", 0)};
        }
    }
    return {};
}

void TimerMetrics::add(std::string_view topic, std::int64_t count, std::int64_t now_ms) {
    std::lock_guard lock(mutex_);
    auto it = counts_.find(topic);
    if (it == counts_.end()) {
        it = counts_.emplace(topic, Metric{}).first;
    }
    it->second.count += count;
    it->second.timestamp = now_ms;
    version_.next_version(now_ms);
    changed_ = true;
}

void TimerMetrics::remove(std::string_view topic) {
    std::lock_guard lock(mutex_);
    if (const auto it = counts_.find(topic); it != counts_.end()) {
        counts_.erase(it);
        changed_ = true;
    }
}

std::map<std::string, std::int64_t> TimerMetrics::counts() const {
    const std::lock_guard lock(mutex_);
    std::map<std::string, std::int64_t> counts;
    for (const auto& [topic, metric] : counts_) {
        counts.emplace(topic, metric.count);
    }
    return counts;
}

std::int64_t TimerMetrics::count(std::string_view topic) const {
    std::lock_guard lock(mutex_);
    const auto it = counts_.find(topic);
    return it == counts_.end() ? 0 : it->second.count;
}

std::string TimerMetrics::encode() const {
    auto counts = nlohmann::json::object();
    std::lock_guard lock(mutex_);
    for (const auto& [topic, metric] : counts_) {
        counts[topic] = {{"count", metric.count}, {"timeStamp", metric.timestamp}};
    }
    return dump_json({{"dataVersion", to_json(version_)}, {"timingCount", counts}});
}

Status TimerMetrics::persist() {
    {
        std::lock_guard lock(mutex_);
        if (!std::exchange(changed_, false)) {
            return {};
        }
    }
    const auto written = replace_with_backup(path_, encode());
    if (!written) {
        std::lock_guard lock(mutex_);
        changed_ = true;
    }
    return written;
}

}  // namespace rmq::broker
