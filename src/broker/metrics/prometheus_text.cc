// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/prometheus_text.h"

#include "common/assert.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace rmq::broker {
namespace {

constexpr MetricLabel kOverflow{"otel_metric_overflow", "true"};
constexpr double kExactMax = 1e15;

const char* type_name(MetricType type) {
    switch (type) {
        case MetricType::kCounter:
            return "counter";
        case MetricType::kGauge:
            return "gauge";
        case MetricType::kHistogram:
            return "histogram";
    }
    return "untyped";
}

// "6.0", "0.25", "+Inf": the original's spelling where it matters, which is the label "le".
std::string number_text(double value) {
    if (std::isnan(value)) {
        return "NaN";
    }
    if (std::isinf(value)) {
        return value > 0 ? "+Inf" : "-Inf";
    }
    if (value == std::floor(value) && std::abs(value) < kExactMax) {
        return std::to_string(static_cast<std::int64_t>(value)) + ".0";
    }
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    return {text, end};
}

void append_label(std::string& text, std::string_view name, std::string_view value) {
    if (!text.empty()) {
        text += ',';
    }
    text.append(name).append("=\"").append(escape_label_value(value)) += '"';
}

}  // namespace

std::string escape_label_value(std::string_view value) {
    std::string escaped;
    escaped.reserve(value.size());
    for (const char c : value) {
        if (c == '\n') {
            escaped += "\\n";
            continue;
        }
        if (c == '\\' || c == '"') {
            escaped += '\\';
        }
        escaped += c;
    }
    return escaped;
}

std::string label_name(std::string_view name) {
    std::string made(name);
    for (char& c : made) {
        const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!is_letter && !(c >= '0' && c <= '9')) {
            c = '_';
        }
    }
    if (made.empty() || (made.front() >= '0' && made.front() <= '9')) {
        made.insert(made.begin(), '_');
    }
    return made;
}

PrometheusText::PrometheusText(Options options) : options_(std::move(options)) {}

void PrometheusText::begin(const MetricFamily& family) {
    end_family();
    family_ = family;
    name_ = family.name;
    series_ = 0;
}

bool PrometheusText::has_room() {
    start_family();
    // One place is kept for the sum of the rest.
    if (series_ + 1 < options_.series_max) {
        ++series_;
        return true;
    }
    overflow_.is_used = true;
    return false;
}

void PrometheusText::start_family() {
    if (series_ == 0 && !overflow_.is_used) {
        text_.append("# HELP ").append(name_).append(" ").append(family_.help) += '\n';
        text_.append("# TYPE ").append(name_).append(" ").append(type_name(family_.type)) += '\n';
    }
}

void PrometheusText::end_family() {
    if (!overflow_.is_used) {
        return;
    }
    const auto labels = label_text({&kOverflow, 1});
    if (family_.type == MetricType::kHistogram) {
        write_series(labels, {overflow_.bounds, overflow_.counts, overflow_.sum});
    } else {
        write_sample("", labels, number_text(overflow_.value));
    }
    overflow_ = {};
}

void PrometheusText::add(MetricLabels labels, double value) {
    add({labels.begin(), labels.size()}, value);
}

void PrometheusText::add(std::span<const MetricLabel> labels, double value) {
    if (has_room()) {
        write_sample("", label_text(labels), number_text(value));
    } else {
        overflow_.value += value;
    }
}

void PrometheusText::add(std::span<const MetricLabel> labels, const Distribution& distribution) {
    RMQ_ASSERT(distribution.counts.size() == distribution.bounds.size() + 1,
               "a histogram has one count more than bounds");
    if (has_room()) {
        write_series(label_text(labels), distribution);
        return;
    }
    overflow_.bounds.assign(distribution.bounds.begin(), distribution.bounds.end());
    overflow_.counts.resize(distribution.counts.size());
    for (std::size_t i = 0; i < distribution.counts.size(); ++i) {
        overflow_.counts[i] += distribution.counts[i];
    }
    overflow_.sum += distribution.sum;
}

void PrometheusText::write_series(const std::string& labels, const Distribution& distribution) {
    std::int64_t total = 0;
    for (std::size_t i = 0; i < distribution.counts.size(); ++i) {
        total += distribution.counts[i];
        auto with_bound = labels;
        append_label(with_bound, "le",
                     i < distribution.bounds.size() ? number_text(distribution.bounds[i]) : "+Inf");
        write_sample("_bucket", with_bound, std::to_string(total));
    }
    write_sample("_count", labels, std::to_string(total));
    write_sample("_sum", labels, number_text(static_cast<double>(distribution.sum)));
}

void PrometheusText::write_sample(std::string_view suffix, const std::string& labels,
                                  std::string_view value) {
    text_.append(name_).append(suffix);
    if (!labels.empty()) {
        text_.append("{").append(labels) += '}';
    }
    text_.append(" ").append(value) += '\n';
}

// Those of the series win over the static ones of the same name.
std::string PrometheusText::label_text(std::span<const MetricLabel> labels) const {
    std::map<std::string_view, std::string_view> sorted;
    for (const auto& label : labels) {
        if (label.value.data() != nullptr) {
            sorted.emplace(label.name, label.value);
        }
    }
    sorted.insert(options_.static_labels.begin(), options_.static_labels.end());
    std::string text;
    for (const auto& [name, value] : sorted) {
        append_label(text, name, value);
    }
    return text;
}

std::string PrometheusText::take() {
    end_family();
    return std::move(text_);
}

}  // namespace rmq::broker
