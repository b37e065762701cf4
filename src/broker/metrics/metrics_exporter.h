// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/metrics/broker_gauges.h"
#include "broker/metrics/broker_metrics.h"
#include "common/result.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace rmq {
class HttpEndpoint;
struct HttpAnswer;
}  // namespace rmq

namespace rmq::broker {

struct BrokerConfig;

// Answers GET /metrics at metricsPromExporterHost:metricsPromExporterPort with everything that
// BrokerMetrics and BrokerGauges know. Answers are made on the endpoint's thread, at most ten times
// a second; who asks more often gets the last one again.
// Thread safety: listen(), start() and stop() from main's thread; port() and text() from any.
// Lifecycle: construct, listen(), start() once everything runs, stop() before anything is stopped.
// Source: BrokerMetricsManager, PrometheusHttpServer.
class MetricsExporter {
public:
    // `config` outlives it, and what `is_system_topic` needs.
    MetricsExporter(const BrokerConfig& config,
                    std::function<bool(std::string_view topic)> is_system_topic);
    ~MetricsExporter();
    MetricsExporter(const MetricsExporter&) = delete;
    MetricsExporter& operator=(const MetricsExporter&) = delete;

    // Errors: as HttpEndpoint::listen(); the remark names the settings to change.
    Status listen();
    // The collaborators outlive stop().
    Status start(const BrokerGauges::Collaborators& collaborators);
    void stop();

    std::uint16_t port() const;
    // Whoever counts may do so until this object goes.
    BrokerMetrics& metrics() { return metrics_; }

private:
    HttpAnswer answer(std::string_view path);
    std::string text() const;

    const BrokerConfig& config_;
    BrokerMetrics metrics_;
    const std::map<std::string, std::string> labels_;
    std::unique_ptr<const BrokerGauges> gauges_;  // from start() on
    const Clock* clock_ = nullptr;                // likewise
    std::unique_ptr<HttpEndpoint> endpoint_;
    // These two: endpoint's thread.
    std::string last_;
    std::int64_t last_ms_ = 0;  // monotonic
};

// What metricsExporterType asks for, listening: null for DISABLE, and with a warning for exporters
// that are not built in. Errors: as MetricsExporter::listen().
Result<std::unique_ptr<MetricsExporter>> make_metrics_exporter(
    const BrokerConfig& config, std::function<bool(std::string_view topic)> is_system_topic);

// Labels of every series: metricsLabel ("k:v,k:v", pairs that are none are left out and logged),
// aggregation with metricsInDelta, and who this broker is.
std::map<std::string, std::string> static_metric_labels(const BrokerConfig& config);

}  // namespace rmq::broker
