// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/metrics_exporter.h"

#include "broker/broker_config.h"
#include "broker/metrics/prometheus_text.h"
#include "common/log.h"
#include "remoting/http_endpoint.h"

namespace rmq::broker {
namespace {

constexpr std::int64_t kReuseMs = 100;
constexpr const char* kTextType = "text/plain; version=0.0.4; charset=utf-8";

HttpEndpointOptions endpoint_options(const BrokerConfig& config) {
    HttpEndpointOptions options;
    options.host = config.metrics_prom_exporter_host.empty() ? config.broker_ip1
                                                             : config.metrics_prom_exporter_host;
    options.port = static_cast<std::uint16_t>(config.metrics_prom_exporter_port);
    return options;
}

}  // namespace

std::map<std::string, std::string> static_metric_labels(const BrokerConfig& config) {
    std::map<std::string, std::string> labels;
    const std::string_view all = config.metrics_label;
    for (std::size_t at = 0; at < all.size();) {
        const auto end = std::min(all.find(',', at), all.size());
        const auto pair = all.substr(at, end - at);
        at = end + 1;
        const auto colon = pair.find(':');
        if (pair.empty()) {
            continue;
        }
        if (colon == std::string_view::npos || colon + 1 == pair.size() ||
            pair.find(':', colon + 1) != std::string_view::npos) {
            log_of("broker").warn("metrics_label_invalid metricsLabel=\"{}\" pair=\"{}\"", all,
                                  pair);
            continue;
        }
        labels[label_name(pair.substr(0, colon))] = pair.substr(colon + 1);
    }
    if (config.metrics_in_delta) {
        labels["aggregation"] = "delta";
    }
    labels["node_type"] = "broker";
    labels["cluster"] = config.broker_cluster_name;
    labels["node_id"] = config.broker_name;
    labels["otel_scope_name"] = "broker-meter";
    return labels;
}

Result<std::unique_ptr<MetricsExporter>> make_metrics_exporter(
    const BrokerConfig& config, std::function<bool(std::string_view topic)> is_system_topic) {
    std::unique_ptr<MetricsExporter> exporter;
    if (config.metrics_exporter_type == MetricsExporterType::kProm) {
        exporter = std::make_unique<MetricsExporter>(config, std::move(is_system_topic));
        RMQ_CHECK(exporter->listen());
    } else if (config.metrics_exporter_type != MetricsExporterType::kDisable) {
        log_of("broker").warn(
            "metrics_not_exported metricsExporterType={} cure=\"this exporter is not built in; set "
            "metricsExporterType=PROM and have a collector read /metrics\"",
            config_text(config.metrics_exporter_type));
    }
    return exporter;
}

MetricsExporter::MetricsExporter(const BrokerConfig& config,
                                 std::function<bool(std::string_view topic)> is_system_topic)
    : config_(config),
      metrics_(config, std::move(is_system_topic)),
      labels_(static_metric_labels(config)),
      endpoint_(std::make_unique<HttpEndpoint>(
          endpoint_options(config), [this](std::string_view path) { return answer(path); })) {}

MetricsExporter::~MetricsExporter() {
    stop();
}

Status MetricsExporter::listen() {
    const auto status = endpoint_->listen();
    if (!status) {
        return Error{status.error().code,
                     "metrics: " + status.error().remark +
                         "; choose another metricsPromExporterHost or metricsPromExporterPort, or "
                         "set metricsExporterType=DISABLE"};
    }
    return status;
}

Status MetricsExporter::start(const BrokerGauges::Collaborators& collaborators) {
    gauges_ = std::make_unique<const BrokerGauges>(collaborators);
    clock_ = &collaborators.clock;
    RMQ_CHECK(endpoint_->start());
    log_of("broker").info("metrics_exported host={} port={}", endpoint_options(config_).host,
                          port());
    return {};
}

void MetricsExporter::stop() {
    endpoint_->stop();
}

std::uint16_t MetricsExporter::port() const {
    return endpoint_->port();
}

HttpAnswer MetricsExporter::answer(std::string_view path) {
    if (path == "/-/healthy") {
        return {200, kTextType, "Exporter is healthy.\n"};
    }
    if (path != "/metrics") {
        return {404, kTextType, "The metrics are at /metrics.\n"};
    }
    const auto now_ms = clock_->monotonic_ms();
    if (last_.empty() || now_ms - last_ms_ >= kReuseMs) {
        last_ = text();
        last_ms_ = clock_->monotonic_ms();
    }
    return {200, kTextType, last_};
}

std::string MetricsExporter::text() const {
    PrometheusText text(
        {.static_labels = labels_,
         .series_max = static_cast<std::size_t>(config_.metrics_otel_cardinality_limit)});
    gauges_->write(text);
    metrics_.write(text);
    return text.take() +
           "# HELP target_info Target metadata\n# TYPE target_info gauge\ntarget_info 1\n";
}

}  // namespace rmq::broker
