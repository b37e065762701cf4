// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/prometheus_text.h"

#include "common/testing/catch.h"

#include <array>
#include <string>

namespace rmq::broker {
namespace {

constexpr MetricFamily kGauge{"rocketmq_half_messages", MetricType::kGauge, "help"};

}  // namespace

TEST_CASE("PrometheusText: a family has its head once, and sorted labels with the static ones",
          "[broker][metrics]") {
    PrometheusText text({.static_labels = {{"cluster", "C"}, {"node_id", "b"}}});
    text.begin(kGauge);
    text.add({{"topic", "T"}, {"extra", ""}}, 6);
    text.add({{"topic", "U"}, {"cluster", "own"}}, 0.25);
    CHECK(text.take() ==
          "# HELP rocketmq_half_messages help\n"
          "# TYPE rocketmq_half_messages gauge\n"
          "rocketmq_half_messages{cluster=\"C\",extra=\"\",node_id=\"b\",topic=\"T\"} 6.0\n"
          "rocketmq_half_messages{cluster=\"own\",node_id=\"b\",topic=\"U\"} 0.25\n");
}

TEST_CASE("PrometheusText: a family without a series and a label without a value are left out",
          "[broker][metrics]") {
    PrometheusText text({});
    text.begin(kGauge);
    text.begin({"a_total", MetricType::kCounter, "h"});
    text.add({{"topic", std::string_view()}}, 1e15);
    CHECK(text.take() == "# HELP a_total h\n# TYPE a_total counter\na_total 1e+15\n");
}

TEST_CASE("PrometheusText: what would end a label's value is escaped", "[broker][metrics]") {
    CHECK(escape_label_value("a\"b\\c\nd\te") == "a\\\"b\\\\c\\nd\te");
    CHECK(label_name("9-site.name") == "_9_site_name");
    CHECK(label_name("") == "_");
    PrometheusText text({.static_labels = {{"site", "\"x\"\n"}}});
    text.begin(kGauge);
    text.add({{"topic", "}\"\n# TYPE evil"}}, 1);
    CHECK(text.take().ends_with("{site=\"\\\"x\\\"\\n\",topic=\"}\\\"\\n# TYPE evil\"} 1.0\n"));
}

TEST_CASE("PrometheusText: a histogram's buckets add up, their bounds as the original spells them",
          "[broker][metrics]") {
    PrometheusText text({});
    text.begin({"size", MetricType::kHistogram, "h"});
    const std::array bounds{1024.0, 4'194'304.0};
    const std::array<std::int64_t, 3> counts{2, 0, 1};
    text.add(std::span<const MetricLabel>{}, {bounds, counts, 5'000'000});
    CHECK(text.take() ==
          "# HELP size h\n# TYPE size histogram\n"
          "size_bucket{le=\"1024.0\"} 2\n"
          "size_bucket{le=\"4194304.0\"} 2\n"
          "size_bucket{le=\"+Inf\"} 3\n"
          "size_count 3\n"
          "size_sum 5000000.0\n");
}

TEST_CASE("PrometheusText: beyond the bound a family's values are summed up in one series",
          "[broker][metrics]") {
    PrometheusText text({.static_labels = {}, .series_max = 3});
    text.begin(kGauge);
    for (int i = 0; i < 10; ++i) {
        text.add({{"topic", std::to_string(i)}}, i);
    }
    const std::array bounds{1.0};
    const std::array<std::int64_t, 2> counts{1, 2};
    text.begin({"h", MetricType::kHistogram, "h"});
    for (int i = 0; i < 4; ++i) {
        const auto name = std::to_string(i);
        const std::array labels{MetricLabel{"topic", name}};
        text.add(labels, {bounds, counts, 7});
    }
    const auto all = text.take();
    CHECK(all.find("{topic=\"1\"} 1.0\n"
                   "rocketmq_half_messages{otel_metric_overflow=\"true\"} 44.0\n") !=
          std::string::npos);
    CHECK(all.find("{topic=\"2\"}") == std::string::npos);
    CHECK(
        all.ends_with("h_bucket{otel_metric_overflow=\"true\",le=\"1.0\"} 2\n"
                      "h_bucket{otel_metric_overflow=\"true\",le=\"+Inf\"} 6\n"
                      "h_count{otel_metric_overflow=\"true\"} 6\n"
                      "h_sum{otel_metric_overflow=\"true\"} 14.0\n"));
}

}  // namespace rmq::broker
