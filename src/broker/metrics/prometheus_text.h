// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::broker {

// A label of a series; one without a value (data() == nullptr) is left out, an empty one is not.
struct MetricLabel {
    std::string_view name;
    std::string_view value;
};
using MetricLabels = std::initializer_list<MetricLabel>;

enum class MetricType { kCounter, kGauge, kHistogram };

// What is known of a family before its first series.
struct MetricFamily {
    std::string_view name;  // as exported, unit and "_total" included
    MetricType type = MetricType::kGauge;
    std::string_view help;
};

// Writes one answer of /metrics in the Prometheus text format 0.0.4: families, each with its
// series, whose labels are sorted by name and escaped. Beyond `series_max` label sets a family's
// values are summed up in one series labelled otel_metric_overflow="true", as in the original. A
// family without a series does not appear. Thread safety: none.
class PrometheusText {
public:
    struct Options {
        std::map<std::string, std::string> static_labels;  // of every series
        std::size_t series_max = 50'000;                   // per family, the summed up one included
    };
    explicit PrometheusText(Options options);

    // Ends the family before. Precondition: each name once.
    void begin(const MetricFamily& family);
    // A series of a counter or gauge.
    void add(MetricLabels labels, double value);
    void add(std::span<const MetricLabel> labels, double value);
    // A series of a histogram: counts[i] observations up to bounds[i] that were above bounds[i -
    // 1], and one count more for those above all. Precondition: counts.size() == bounds.size() + 1.
    struct Distribution {
        std::span<const double> bounds;
        std::span<const std::int64_t> counts;
        std::int64_t sum = 0;
    };
    void add(std::span<const MetricLabel> labels, const Distribution& distribution);

    // Ends the answer. Call it once.
    std::string take();

private:
    // What went over the bound.
    struct Overflow {
        bool is_used = false;
        double value = 0;
        std::vector<double> bounds;
        std::vector<std::int64_t> counts;
        std::int64_t sum = 0;
    };

    bool has_room();
    void start_family();
    void end_family();
    void write_series(const std::string& labels, const Distribution& distribution);
    void write_sample(std::string_view suffix, const std::string& labels, std::string_view value);
    std::string label_text(std::span<const MetricLabel> labels) const;

    const Options options_;
    std::string text_;
    MetricFamily family_;
    std::string name_;
    std::size_t series_ = 0;
    Overflow overflow_;
};

// What the text format demands in a label's value: backslash, quote and line feed.
std::string escape_label_value(std::string_view value);
// A name with every character that a label name must not have replaced by "_".
std::string label_name(std::string_view name);

}  // namespace rmq::broker
