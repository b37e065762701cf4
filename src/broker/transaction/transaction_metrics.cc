// SPDX-License-Identifier: Apache-2.0
#include "broker/transaction/transaction_metrics.h"

#include "remoting/protocol/body/json_fields.h"

#include <nlohmann/json.hpp>

#include <utility>

namespace rmq::broker {

TransactionMetrics::TransactionMetrics(std::string path, const Clock& clock)
    : clock_(clock), file_(std::move(path), [this] { return encode(); }) {}

Status TransactionMetrics::load() {
    const auto object = file_.load();
    if (!object) {
        return object.error().code == Errc::kNotFound ? Status{} : Status(object.error());
    }
    const std::lock_guard lock(mutex_);
    version_ = parse_data_version(json_member(*object, "dataVersion"));
    const auto& counts = json_member(*object, "transactionCount");
    if (!counts.is_object()) {
        return {};
    }
    for (const auto& [topic, metric] : counts.items()) {
        counts_[topic] = {json_int64(metric, "count", 0), json_int64(metric, "timeStamp", 0)};
    }
    return {};
}

void TransactionMetrics::add(std::string_view topic, std::int64_t delta) {
    {
        const std::lock_guard lock(mutex_);
        auto found = counts_.find(topic);
        if (found == counts_.end()) {
            found = counts_.emplace(std::string(topic), Metric{}).first;
        }
        found->second.count += delta;
        found->second.timestamp = clock_.now_ms();
        version_.next_version(clock_.now_ms());
    }
    changed_ = true;
}

std::map<std::string, std::int64_t> TransactionMetrics::counts() const {
    const std::lock_guard lock(mutex_);
    std::map<std::string, std::int64_t> counts;
    for (const auto& [topic, metric] : counts_) {
        counts.emplace(topic, metric.count);
    }
    return counts;
}

std::int64_t TransactionMetrics::count(std::string_view topic) const {
    const std::lock_guard lock(mutex_);
    const auto found = counts_.find(topic);
    return found == counts_.end() ? 0 : found->second.count;
}

void TransactionMetrics::remove(std::string_view topic) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = counts_.find(topic);
        if (found == counts_.end()) {
            return;
        }
        counts_.erase(found);
    }
    changed_ = true;
}

Status TransactionMetrics::persist() {
    if (changed_.exchange(false)) {
        file_.mark_dirty();
    }
    return file_.sync();
}

std::string TransactionMetrics::encode() const {
    auto counts = nlohmann::json::object();
    const std::lock_guard lock(mutex_);
    for (const auto& [topic, metric] : counts_) {
        counts[topic] = {{"count", metric.count}, {"timeStamp", metric.timestamp}};
    }
    return dump_json({{"dataVersion", to_json(version_)}, {"transactionCount", counts}});
}

}  // namespace rmq::broker
