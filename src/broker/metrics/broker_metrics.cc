// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/broker_metrics.h"

#include "broker/broker_config.h"
#include "broker/metrics/label_names.h"
#include "broker/metrics/prometheus_text.h"
#include "broker/topic/topic_validator.h"
#include "common/parse_number.h"
#include "remoting/protocol/request_code.h"

#include <array>
#include <string>
#include <utility>

namespace rmq::broker {
namespace {

using Row = SeriesTable::Row;

constexpr std::array kSizeBounds{1024.0,      4096.0,      512 * 1024.0,
                                 1'048'576.0, 2'097'152.0, 4'194'304.0};
constexpr std::array kFinishBounds{5.0, 60.0, 600.0, 3600.0, 43200.0, 86400.0};
constexpr std::array kCreateBounds{10.0, 100.0, 1000.0, 3000.0, 5000.0};
constexpr std::array kRpcBounds{1.0, 3.0, 5.0, 7.0, 10.0, 100.0, 1000.0, 2000.0, 3000.0};
constexpr std::array kScanBounds{1.0, 10.0, 100.0, 1000.0, 2000.0, 3000.0};
constexpr std::array kDelayBounds{60.0, 600.0, 3600.0, 43200.0, 86400.0, 259'200.0};

// A histogram takes its sum and its buckets.
template <std::size_t N>
constexpr std::size_t width_of(const std::array<double, N>&) {
    return 1 + N + 1;
}
template <std::size_t N>
std::size_t bucket_index(std::size_t first, const std::array<double, N>& bounds,
                         std::int64_t value) {
    return first + 1 + bucket_of(bounds, value);
}
template <std::size_t N>
PrometheusText::Distribution distribution_of(const Row& row, std::size_t first,
                                             const std::array<double, N>& bounds) {
    return {bounds, std::span(row.numbers).subspan(first + 1, N + 1), row.numbers[first]};
}

// Numbers of the rows.
enum InColumn : std::size_t { kInMessages, kInBytes, kInSize };
enum OutColumn : std::size_t { kOutMessages, kOutBytes, kOutWidth };
enum EndColumn : std::size_t { kCommits, kRollbacks, kFinish };
enum TimerColumn : std::size_t { kEnqueued, kDequeued, kDelay };

constexpr std::string_view kScheduleGroup = "SCHEDULE_CONSUMER";
constexpr std::string_view kStorageType = "local";
constexpr std::string_view kStorageMedium = "disk";

const char* text_of(MessageType type) {
    switch (type) {
        case MessageType::kNormal:
            return "normal";
        case MessageType::kFifo:
            return "fifo";
        case MessageType::kDelay:
            return "delay";
        case MessageType::kTransaction:
            return "transaction";
    }
    return "";
}

constexpr std::int32_t code_of(RequestCode code) {
    return static_cast<std::int32_t>(code);
}

std::string_view revive_type(bool is_check_point) {
    return is_check_point ? "CK" : "ACK";
}

std::size_t rows_max(const BrokerConfig& config) {
    return static_cast<std::size_t>(config.metrics_otel_cardinality_limit);
}

constexpr std::array kOverflowLabels{MetricLabel{"otel_metric_overflow", "true"}};

// Calls add(labels, row) for each row, with the labels that labels_of(row) gives.
template <class LabelsOf, class Add>
void for_each(const std::vector<Row>& rows, LabelsOf&& labels_of, Add&& add) {
    for (const auto& row : rows) {
        if (row.is_overflow) {
            add(std::span<const MetricLabel>(kOverflowLabels), row);
        } else {
            const auto labels = labels_of(row);
            add(std::span<const MetricLabel>(labels), row);
        }
    }
}

// A family of counters that are the numbers `column` of the rows; zeros never happened.
template <class LabelsOf>
void write_counter(PrometheusText& text, std::string_view name, const std::vector<Row>& rows,
                   std::size_t column, LabelsOf&& labels_of) {
    text.begin({name, MetricType::kCounter, "default view for counter."});
    for_each(rows, labels_of, [&](auto labels, const Row& row) {
        if (row.numbers[column] != 0) {
            text.add(labels, static_cast<double>(row.numbers[column]));
        }
    });
}

template <class LabelsOf, std::size_t N>
void write_histogram(PrometheusText& text, const MetricFamily& family, const std::vector<Row>& rows,
                     std::pair<std::size_t, const std::array<double, N>&> column,
                     LabelsOf&& labels_of) {
    text.begin(family);
    for_each(rows, labels_of, [&](auto labels, const Row& row) {
        const auto distribution = distribution_of(row, column.first, column.second);
        for (const auto count : distribution.counts) {
            if (count != 0) {
                text.add(labels, distribution);
                return;
            }
        }
    });
}

template <std::size_t N>
std::pair<std::size_t, const std::array<double, N>&> at(std::size_t first,
                                                        const std::array<double, N>& bounds) {
    return {first, bounds};
}

}  // namespace

bool is_system_group(std::string_view group) {
    return lower_case(group.substr(0, kSystemGroupPrefix.size())) == lower_case(kSystemGroupPrefix);
}

BrokerMetrics::BrokerMetrics(const BrokerConfig& config,
                             std::function<bool(std::string_view topic)> is_system_topic)
    : config_(config),
      is_system_topic_(std::move(is_system_topic)),
      messages_in_(kInSize + width_of(kSizeBounds), rows_max(config)),
      messages_out_(kOutWidth, rows_max(config)),
      dead_letters_(1, rows_max(config)),
      ends_(kFinish + width_of(kFinishBounds), rows_max(config)),
      topics_made_(width_of(kCreateBounds), rows_max(config)),
      groups_made_(width_of(kCreateBounds), rows_max(config)),
      revive_puts_(1, rows_max(config)),
      revive_gets_(1, rows_max(config)),
      retries_(1, rows_max(config)),
      scans_(width_of(kScanBounds), rows_max(config)),
      timers_(kDelay + width_of(kDelayBounds), rows_max(config)),
      answers_(width_of(kRpcBounds), rows_max(config)) {}

void BrokerMetrics::on_message_in(const MessageIn& in) {
    if (config_.enable_request_metrics && in.messages > 0) {
        const auto size = in.bytes / in.messages;
        messages_in_.add({in.topic, text_of(in.type)},
                         {{kInMessages, in.messages},
                          {kInBytes, in.bytes},
                          {kInSize, size},
                          {bucket_index(kInSize, kSizeBounds, size), 1}});
    }
}

void BrokerMetrics::on_message_out(const MessageOut& out) {
    if (config_.enable_request_metrics) {
        const auto is_retry = out.is_retry ? flag_label(*out.is_retry) : std::string_view();
        messages_out_.add({out.topic, out.group, is_retry},
                          {{kOutMessages, out.messages}, {kOutBytes, out.bytes}});
    }
}

void BrokerMetrics::on_delay_delivery(std::string_view topic, std::int64_t bytes) {
    on_message_out(
        {.topic = topic_name::kSchedule, .group = kScheduleGroup, .messages = 1, .bytes = bytes});
    on_message_in({.topic = topic, .type = MessageType::kDelay, .messages = 1, .bytes = bytes});
}

void BrokerMetrics::on_dead_letter(std::string_view group, std::string_view topic) {
    if (config_.enable_lag_and_dlq_metrics) {
        dead_letters_.add({group, topic}, {{0, 1}});
    }
}

// The latency is counted in seconds, whatever the name of the metric says.
void BrokerMetrics::on_commit(std::string_view topic, std::int64_t age_ms) {
    if (config_.enable_transaction_metrics) {
        const auto seconds = age_ms / 1000;
        ends_.add({topic}, {{kCommits, 1},
                            {kFinish, seconds},
                            {bucket_index(kFinish, kFinishBounds, seconds), 1}});
    }
}

void BrokerMetrics::on_rollback(std::string_view topic) {
    if (config_.enable_transaction_metrics) {
        ends_.add({topic}, {{kRollbacks, 1}});
    }
}

void BrokerMetrics::on_revive_put(const RevivePut& put) {
    if (config_.enable_pop_metrics) {
        revive_puts_.add({put.group, put.topic, revive_type(put.is_check_point), put.status},
                         {{0, 1}});
    }
}

void BrokerMetrics::on_revive_get(const ReviveGet& get) {
    if (config_.enable_pop_metrics) {
        revive_gets_.add(
            {get.group, get.topic, std::to_string(get.queue_id), revive_type(get.is_check_point)},
            {{0, 1}});
    }
}

void BrokerMetrics::on_revive_retry(std::string_view group, std::string_view topic,
                                    std::string_view status) {
    if (config_.enable_pop_metrics) {
        retries_.add({group, topic, status}, {{0, 1}});
    }
}

void BrokerMetrics::on_pop_buffer_scan(std::int64_t elapsed_ms) {
    if (config_.enable_pop_metrics) {
        scans_.add({}, {{0, elapsed_ms}, {bucket_index(0, kScanBounds, elapsed_ms), 1}});
    }
}

void BrokerMetrics::on_timer_enqueue(std::string_view topic, std::int64_t delay_ms) {
    if (config_.enable_message_store_metrics) {
        const auto seconds = delay_ms / 1000;
        timers_.add(
            {topic},
            {{kEnqueued, 1}, {kDelay, seconds}, {bucket_index(kDelay, kDelayBounds, seconds), 1}});
    }
}

void BrokerMetrics::on_timer_dequeue(std::string_view topic) {
    if (config_.enable_message_store_metrics) {
        timers_.add({topic}, {{kDequeued, 1}});
    }
}

// Codes go into the key as numbers; their names are looked up when the answer is written.
void BrokerMetrics::on_answer(const Answer& answer) {
    if (config_.enable_remoting_metrics) {
        answers_.add({std::to_string(answer.request_code),
                      std::to_string(static_cast<std::int32_t>(answer.code)),
                      flag_label(answer.is_suspended), answer.is_oneway ? "oneway" : "success"},
                     {{0, answer.elapsed_ms}, {bucket_index(0, kRpcBounds, answer.elapsed_ms), 1}});
    }
    if (config_.enable_request_metrics) {
        count_creation(answer);
    }
}

void BrokerMetrics::count_creation(const Answer& answer) {
    const auto count = [&answer](SeriesTable& table) {
        const bool is_ok = answer.code == ResponseCode::SUCCESS;
        table.add({is_ok ? "success" : "failure"},
                  {{0, answer.elapsed_ms}, {bucket_index(0, kCreateBounds, answer.elapsed_ms), 1}});
    };
    if (answer.request_code == code_of(RequestCode::UPDATE_AND_CREATE_TOPIC) ||
        answer.request_code == code_of(RequestCode::UPDATE_AND_CREATE_TOPIC_LIST)) {
        count(topics_made_);
    } else if (answer.request_code == code_of(RequestCode::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP) ||
               answer.request_code ==
                   code_of(RequestCode::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST)) {
        count(groups_made_);
    }
}

void BrokerMetrics::write(PrometheusText& text) const {
    write_messages(text);
    write_transactions(text);
    write_rpc(text);
    write_creations(text);
    write_pop(text);
    write_timer(text);
}

void BrokerMetrics::write_messages(PrometheusText& text) const {
    const auto in = messages_in_.rows();
    const auto in_labels = [this](const Row& row) {
        return std::array{MetricLabel{"topic", row.value(0)},
                          MetricLabel{"message_type", row.value(1)},
                          MetricLabel{"is_system", flag_label(is_system_topic_(row.value(0)))}};
    };
    write_counter(text, "rocketmq_messages_in_total", in, kInMessages, in_labels);
    write_counter(text, "rocketmq_throughput_in_total", in, kInBytes, in_labels);
    write_histogram(text,
                    {"rocketmq_message_size", MetricType::kHistogram, "Incoming messages size"}, in,
                    at(kInSize, kSizeBounds), in_labels);
    const auto out = messages_out_.rows();
    const auto out_labels = [this](const Row& row) {
        const bool is_system = is_system_topic_(row.value(0)) || is_system_group(row.value(1));
        return std::array{
            MetricLabel{"topic", row.value(0)}, MetricLabel{"consumer_group", row.value(1)},
            MetricLabel{"is_retry", row.value(2)}, MetricLabel{"is_system", flag_label(is_system)}};
    };
    write_counter(text, "rocketmq_messages_out_total", out, kOutMessages, out_labels);
    write_counter(text, "rocketmq_throughput_out_total", out, kOutBytes, out_labels);
    write_counter(text, "rocketmq_send_to_dlq_messages_total", dead_letters_.rows(), 0,
                  [this](const Row& row) {
                      const bool is_system =
                          is_system_topic_(row.value(1)) || is_system_group(row.value(0));
                      return std::array{MetricLabel{"consumer_group", row.value(0)},
                                        MetricLabel{"topic", row.value(1)},
                                        MetricLabel{"is_system", flag_label(is_system)}};
                  });
}

void BrokerMetrics::write_transactions(PrometheusText& text) const {
    const auto rows = ends_.rows();
    const auto labels = [](const Row& row) {
        return std::array{MetricLabel{"topic", row.value(0)}};
    };
    write_counter(text, "rocketmq_commit_messages_total", rows, kCommits, labels);
    write_counter(text, "rocketmq_rollback_messages_total", rows, kRollbacks, labels);
    write_histogram(text,
                    {"rocketmq_finish_message_latency_milliseconds", MetricType::kHistogram,
                     "Transaction finish latency"},
                    rows, at(kFinish, kFinishBounds), labels);
}

void BrokerMetrics::write_rpc(PrometheusText& text) const {
    auto rows = answers_.rows();
    for (auto& row : rows) {
        if (!row.is_overflow) {
            const auto code = [&row](std::size_t i) {
                return parse_number<std::int32_t>(row.texts[i]).value_or(0);
            };
            row.texts[0] = request_code_label(code(0));
            row.texts[1] = response_code_label(code(1));
        }
    }
    write_histogram(
        text, {"rocketmq_rpc_latency_milliseconds", MetricType::kHistogram, "Rpc latency"}, rows,
        at(0, kRpcBounds), [](const Row& row) {
            return std::array{
                MetricLabel{"protocol_type", "remoting"}, MetricLabel{"request_code", row.value(0)},
                MetricLabel{"response_code", row.value(1)},
                MetricLabel{"is_long_polling", row.value(2)}, MetricLabel{"result", row.value(3)}};
        });
}

void BrokerMetrics::write_creations(PrometheusText& text) const {
    write_histogram(text,
                    {"rocketmq_topic_create_execution_time_milliseconds", MetricType::kHistogram,
                     "The distribution of create topic time"},
                    topics_made_.rows(), at(0, kCreateBounds), [](const Row& row) {
                        return std::array{MetricLabel{"invocation_status", row.value(0)},
                                          // System topics are refused.
                                          MetricLabel{"is_system", "false"}};
                    });
    write_histogram(text,
                    {"rocketmq_consumer_group_create_execution_time_milliseconds",
                     MetricType::kHistogram, "The distribution of create subscription time"},
                    groups_made_.rows(), at(0, kCreateBounds), [](const Row& row) {
                        return std::array{MetricLabel{"invocation_status", row.value(0)}};
                    });
}

void BrokerMetrics::write_pop(PrometheusText& text) const {
    write_counter(text, "rocketmq_pop_revive_in_message_total", revive_puts_.rows(), 0,
                  [](const Row& row) {
                      return std::array{MetricLabel{"consumer_group", row.value(0)},
                                        MetricLabel{"topic", row.value(1)},
                                        MetricLabel{"revive_message_type", row.value(2)},
                                        MetricLabel{"put_status", row.value(3)}};
                  });
    write_counter(text, "rocketmq_pop_revive_out_message_total", revive_gets_.rows(), 0,
                  [](const Row& row) {
                      return std::array{MetricLabel{"consumer_group", row.value(0)},
                                        MetricLabel{"topic", row.value(1)},
                                        MetricLabel{"queue_id", row.value(2)},
                                        MetricLabel{"revive_message_type", row.value(3)}};
                  });
    write_counter(text, "rocketmq_pop_revive_retry_messages_total", retries_.rows(), 0,
                  [](const Row& row) {
                      return std::array{MetricLabel{"consumer_group", row.value(0)},
                                        MetricLabel{"topic", row.value(1)},
                                        MetricLabel{"put_status", row.value(2)}};
                  });
    write_histogram(text,
                    {"rocketmq_pop_buffer_scan_time_consume_milliseconds", MetricType::kHistogram,
                     "Time consuming of pop buffer scan"},
                    scans_.rows(), at(0, kScanBounds),
                    [](const Row&) { return std::array<MetricLabel, 0>{}; });
}

void BrokerMetrics::write_timer(PrometheusText& text) const {
    const auto rows = timers_.rows();
    const auto labels = [](const Row& row) {
        return std::array{MetricLabel{"topic", row.value(0)},
                          MetricLabel{"storage_type", kStorageType},
                          MetricLabel{"storage_medium", kStorageMedium}};
    };
    write_counter(text, "rocketmq_timer_enqueue_total", rows, kEnqueued, labels);
    write_counter(text, "rocketmq_timer_dequeue_total", rows, kDequeued, labels);
    write_histogram(text,
                    {"rocketmq_delay_message_latency_seconds", MetricType::kHistogram,
                     "Timer message set latency distribution"},
                    rows, at(kDelay, kDelayBounds), labels);
}

}  // namespace rmq::broker
