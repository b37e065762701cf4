// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/metrics_exporter.h"

#include "broker/broker_config.h"
#include "broker/metrics/label_names.h"
#include "broker/metrics/prometheus_text.h"
#include "common/configuration.h"
#include "common/testing/catch.h"
#include "remoting/protocol/request_code.h"

#include <string>

namespace rmq::broker {
namespace {

bool is_system(std::string_view topic) {
    return topic.starts_with("rmq_sys_");
}

std::string text_of(const BrokerMetrics& metrics) {
    PrometheusText text({});
    metrics.write(text);
    return text.take();
}

bool contains(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("BrokerMetrics: messages in and out are counted with their bytes and sizes",
          "[broker][metrics]") {
    BrokerConfig config;
    BrokerMetrics metrics(config, is_system);
    CHECK(text_of(metrics).empty());
    metrics.on_message_in({.topic = "T", .type = MessageType::kFifo, .messages = 4, .bytes = 8000});
    metrics.on_message_out({.topic = "T", .group = "G", .messages = 3, .bytes = 30});
    metrics.on_message_out(
        {.topic = "T", .group = "G", .messages = 1, .bytes = 5, .is_retry = true});
    const auto text = text_of(metrics);
    const std::string in = "{is_system=\"false\",message_type=\"fifo\",topic=\"T\"";
    CHECK(contains(text, "rocketmq_messages_in_total" + in + "} 4.0"));
    CHECK(contains(text, "rocketmq_throughput_in_total" + in + "} 8000.0"));
    CHECK(contains(text, "rocketmq_message_size_bucket" + in + ",le=\"1024.0\"} 0"));
    CHECK(contains(text, "rocketmq_message_size_bucket" + in + ",le=\"4096.0\"} 1"));
    CHECK(contains(text, "rocketmq_message_size_sum" + in + "} 2000.0"));
    const std::string out = "rocketmq_messages_out_total{consumer_group=\"G\",";
    CHECK(contains(text, out + "is_system=\"false\",topic=\"T\"} 3.0"));
    CHECK(contains(text, out + "is_retry=\"true\",is_system=\"false\",topic=\"T\"} 1.0"));
}

TEST_CASE("BrokerMetrics: dead letters are counted by the topic that they came from",
          "[broker][metrics][R-08]") {
    BrokerConfig config;
    BrokerMetrics metrics(config, is_system);
    metrics.on_dead_letter("G", "T");
    metrics.on_dead_letter("cid_rmq_sys_x", {});
    const auto text = text_of(metrics);
    const std::string name = "rocketmq_send_to_dlq_messages_total{consumer_group=";
    CHECK(contains(text, name + "\"G\",is_system=\"false\",topic=\"T\"} 1.0"));
    CHECK(contains(text, name + "\"cid_rmq_sys_x\",is_system=\"true\"} 1.0"));
}

TEST_CASE("BrokerMetrics: ends of transactions are counted, their ages in seconds",
          "[broker][metrics][T-08]") {
    BrokerConfig config;
    BrokerMetrics metrics(config, is_system);
    metrics.on_commit("T", 7999);
    metrics.on_rollback("T");
    metrics.on_rollback("U");
    const auto text = text_of(metrics);
    CHECK(contains(text, "rocketmq_commit_messages_total{topic=\"T\"} 1.0"));
    CHECK(contains(text, "rocketmq_rollback_messages_total{topic=\"U\"} 1.0"));
    const std::string latency = "rocketmq_finish_message_latency_milliseconds";
    CHECK(contains(text, latency + "_bucket{topic=\"T\",le=\"5.0\"} 0"));
    CHECK(contains(text, latency + "_bucket{topic=\"T\",le=\"60.0\"} 1"));
    CHECK(contains(text, latency + "_sum{topic=\"T\"} 7.0"));
    CHECK(text.find(latency + "_count{topic=\"U\"}") == std::string::npos);
}

TEST_CASE("BrokerMetrics: answers are counted by the names of their codes", "[broker][metrics]") {
    BrokerConfig config;
    BrokerMetrics metrics(config, is_system);
    metrics.on_answer({.request_code = static_cast<int>(RequestCode::SEND_MESSAGE_V2),
                       .code = ResponseCode::SUCCESS,
                       .elapsed_ms = 4});
    metrics.on_answer({.request_code = 9999,
                       .code = ResponseCode::REQUEST_CODE_NOT_SUPPORTED,
                       .is_oneway = true});
    metrics.on_answer({.request_code = static_cast<int>(RequestCode::UPDATE_AND_CREATE_TOPIC),
                       .code = ResponseCode::INVALID_PARAMETER,
                       .elapsed_ms = 50});
    const auto text = text_of(metrics);
    const std::string name = "rocketmq_rpc_latency_milliseconds_";
    CHECK(contains(text, name + "bucket{is_long_polling=\"false\",protocol_type=\"remoting\","
                                "request_code=\"send_message_v2\",response_code=\"success\",result="
                                "\"success\",le=\"5.0\"} 1"));
    CHECK(contains(text, name +
                             "count{is_long_polling=\"false\",protocol_type=\"remoting\",request_"
                             "code=\"9999\",response_code=\"request_code_not_supported\",result="
                             "\"oneway\"} 1"));
    CHECK(contains(text,
                   "rocketmq_topic_create_execution_time_milliseconds_bucket{invocation_status="
                   "\"failure\",is_system=\"false\",le=\"100.0\"} 1"));
}

TEST_CASE("BrokerMetrics: what a setting leaves out is neither counted nor written",
          "[broker][metrics]") {
    BrokerConfig config;
    config.enable_request_metrics = false;
    config.enable_remoting_metrics = false;
    config.enable_transaction_metrics = false;
    config.enable_lag_and_dlq_metrics = false;
    config.enable_pop_metrics = false;
    config.enable_message_store_metrics = false;
    BrokerMetrics metrics(config, is_system);
    metrics.on_message_in({.topic = "T"});
    metrics.on_message_out({.topic = "T", .group = "G", .messages = 1});
    metrics.on_dead_letter("G", "T");
    metrics.on_commit("T", 1);
    metrics.on_answer({.request_code = 10});
    metrics.on_revive_retry("G", "T", "PUT_OK");
    metrics.on_pop_buffer_scan(1);
    metrics.on_timer_enqueue("T", 1);
    CHECK(text_of(metrics).empty());
}

TEST_CASE("MetricsExporter: the labels of metricsLabel join those of the broker",
          "[broker][metrics]") {
    BrokerConfig config;
    config.broker_cluster_name = "C";
    config.broker_name = "b";
    config.metrics_label = "site:lab,,bad,also:bad:one,my-team:core";
    config.metrics_in_delta = true;
    const std::map<std::string, std::string> expected{{"aggregation", "delta"},
                                                      {"cluster", "C"},
                                                      {"my_team", "core"},
                                                      {"node_id", "b"},
                                                      {"site", "lab"},
                                                      {"node_type", "broker"},
                                                      {"otel_scope_name", "broker-meter"}};
    CHECK(static_metric_labels(config) == expected);
}

TEST_CASE("MetricsExporter: the exporter's type is a name or a number", "[broker][metrics]") {
    BrokerConfig config;
    Configuration configuration;
    bind_config(configuration, config);
    CHECK(config.metrics_exporter_type == MetricsExporterType::kDisable);
    configuration.load({{"metricsExporterType", "PROM"}});
    CHECK(config.metrics_exporter_type == MetricsExporterType::kProm);
    configuration.load({{"metricsExporterType", "3"}});
    CHECK(config.metrics_exporter_type == MetricsExporterType::kLog);
    CHECK(configuration.value("metricsExporterType") == "LOG");
    CHECK(configuration.load({{"metricsExporterType", "prometheus"}}).size() == 1);
}

TEST_CASE("MetricsExporter: only PROM is made, and a taken port is an error that names its setting",
          "[broker][metrics]") {
    BrokerConfig config;
    for (const auto type : {MetricsExporterType::kDisable, MetricsExporterType::kLog,
                            MetricsExporterType::kOtlpGrpc}) {
        config.metrics_exporter_type = type;
        const auto made = make_metrics_exporter(config, is_system);
        REQUIRE(made);
        CHECK(*made == nullptr);
    }
    config.metrics_exporter_type = MetricsExporterType::kProm;
    config.metrics_prom_exporter_host = "127.0.0.1";
    config.metrics_prom_exporter_port = 0;
    const auto first = make_metrics_exporter(config, is_system);
    REQUIRE(first);
    config.metrics_prom_exporter_port = (*first)->port();
    const auto second = make_metrics_exporter(config, is_system);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == Errc::kAlreadyExists);
    CHECK(second.error().remark.find("metricsPromExporterPort") != std::string::npos);
}

TEST_CASE("Label names: client versions are the original's ordinals", "[broker][metrics]") {
    CHECK(version_label(0) == "v3_0_0_snapshot");
    CHECK(version_label(15) == "v3_0_0_final");
    CHECK(version_label(45) == "v3_0_15");
    CHECK(version_label(86) == "v3_3_1_snapshot");
    CHECK(version_label(513) == "v5_5_0");
    CHECK(version_label(611) == "v5_9_9");
    CHECK(version_label(100'000) == "higher_version");
    CHECK(version_label(-1) == "v3_0_0_snapshot");
}

}  // namespace rmq::broker
