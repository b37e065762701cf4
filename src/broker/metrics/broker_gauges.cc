// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/broker_gauges.h"

#include "broker/admission/send_flow_control.h"
#include "broker/broker_config.h"
#include "broker/client/consumer_manager.h"
#include "broker/client/producer_manager.h"
#include "broker/metrics/broker_metrics.h"
#include "broker/metrics/label_names.h"
#include "broker/metrics/prometheus_text.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/pop/pop_check_point.h"
#include "broker/pop/pop_revive_log.h"
#include "broker/pop/pop_services.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/timer/timer_message_store.h"
#include "broker/topic/topic_config_manager.h"
#include "broker/transaction/transaction_metrics.h"
#include "remoting/protocol/remoting_command.h"
#include "remoting/remoting_server.h"
#include "store/message_store.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <tuple>
#include <utility>

namespace rmq::broker {
namespace {

constexpr std::string_view kGaugeHelp = "default view for gauge.";
constexpr MetricLabel kRemoting{"protocol_type", "remoting"};
constexpr MetricLabel kLocal{"storage_type", "local"};
constexpr MetricLabel kDisk{"storage_medium", "disk"};
// Source: TimerMetrics.timerDist, in seconds.
constexpr std::array<std::int64_t, 8> kTimerBounds{5, 60, 300, 900, 3600, 14'400, 28'800, 86'400};
// Requests are served where they arrive, so that these queues of the original are always empty here
// but for slow work, which has one queue: it is shown as "admin".
constexpr std::array<std::string_view, 11> kEmptyQueues{
    "send",          "async_put",        "pull",      "ack",
    "query_message", "client_manager",   "heartbeat", "lite_pull",
    "transaction",   "consumer_manager", "reply"};

void write_gauge(PrometheusText& text, std::string_view name, MetricLabels labels, double value) {
    text.begin({name, MetricType::kGauge, kGaugeHelp});
    text.add(labels, value);
}

template <class Number>
void write_store_gauge(PrometheusText& text, std::string_view name, Number value) {
    write_gauge(text, name, {kLocal, kDisk}, static_cast<double>(value));
}

}  // namespace

BrokerGauges::BrokerGauges(Collaborators collaborators)
    : c_(std::move(collaborators)),
      lag_({.config = c_.config,
            .clock = c_.clock,
            .store = c_.store,
            .topics = c_.topics,
            .groups = c_.groups,
            .offsets = c_.offsets,
            .consumers = c_.consumers,
            .pop = c_.pop}) {}

void BrokerGauges::write(PrometheusText& text) const {
    const auto& config = c_.config;
    using Member = void (BrokerGauges::*)(PrometheusText&) const;
    const std::pair<bool, Member> parts[] = {
        {config.enable_stats_metrics, &BrokerGauges::write_stats},
        {config.enable_connection_metrics, &BrokerGauges::write_connections},
        {config.enable_lag_and_dlq_metrics, &BrokerGauges::write_lag},
        {config.enable_transaction_metrics, &BrokerGauges::write_transactions},
        {config.enable_message_store_metrics, &BrokerGauges::write_store},
        {config.enable_message_store_metrics && c_.store_config.timer_wheel_enable,
         &BrokerGauges::write_timer},
        {config.enable_pop_metrics, &BrokerGauges::write_pop},
        {true, &BrokerGauges::write_own},
    };
    for (const auto& [is_on, write_part] : parts) {
        if (is_on) {
            (this->*write_part)(text);
        }
    }
}

void BrokerGauges::write_stats(PrometheusText& text) const {
    text.begin({"rocketmq_processor_watermark", MetricType::kGauge, kGaugeHelp});
    for (const auto processor : kEmptyQueues) {
        text.add({{"processor", processor}}, 0);
    }
    text.add({{"processor", "admin"}}, static_cast<double>(c_.blocking_queue()));
    write_gauge(text, "rocketmq_broker_permission", {}, c_.config.broker_permission);
    write_gauge(text, "rocketmq_topic_number", {}, static_cast<double>(c_.topics.table()->size()));
    write_gauge(text, "rocketmq_consumer_group_number", {},
                static_cast<double>(c_.groups.table()->size()));
}

void BrokerGauges::write_connections(PrometheusText& text) const {
    using Client = std::pair<LanguageCode, std::int32_t>;
    std::map<Client, int> producers;
    for (const auto& [group, channels] : c_.producers.table()) {
        for (const auto& channel : channels) {
            ++producers[{channel.language, channel.version}];
        }
    }
    text.begin({"rocketmq_producer_connections", MetricType::kGauge, kGaugeHelp});
    for (const auto& [client, count] : producers) {
        text.add({{"language", lower_case(language_name(client.first))},
                  {"version", version_label(client.second)},
                  kRemoting},
                 count);
    }
    text.begin({"rocketmq_consumer_connections", MetricType::kGauge, kGaugeHelp});
    for (const auto& group : c_.consumers.groups()) {
        const auto view = c_.consumers.group(group);
        std::map<Client, int> consumers;
        for (const auto& channel : view ? view->channels : std::vector<ClientChannelInfo>()) {
            ++consumers[{channel.language, channel.version}];
        }
        for (const auto& [client, count] : consumers) {
            text.add({{"consumer_group", group},
                      {"language", lower_case(language_name(client.first))},
                      {"version", version_label(client.second)},
                      {"consume_mode", consume_mode_label(view->consume_type)},
                      {"is_system", flag_label(is_system_group(group))},
                      kRemoting},
                     count);
        }
    }
}

void BrokerGauges::write_lag(PrometheusText& text) const {
    const auto lags = lag_.calculate();
    const std::pair<std::string_view, std::int64_t ConsumerLag::*> families[] = {
        {"rocketmq_consumer_lag_messages", &ConsumerLag::lag},
        {"rocketmq_consumer_lag_latency_milliseconds", &ConsumerLag::lag_ms},
        {"rocketmq_consumer_inflight_messages", &ConsumerLag::inflight},
        {"rocketmq_consumer_queueing_latency_milliseconds", &ConsumerLag::queueing_ms},
        {"rocketmq_consumer_ready_messages", &ConsumerLag::ready},
    };
    for (const auto& [name, number] : families) {
        text.begin({name, MetricType::kGauge, kGaugeHelp});
        for (const auto& lag : lags) {
            const bool is_system =
                c_.topics.is_system_topic(lag.topic) || is_system_group(lag.group);
            text.add({{"consumer_group", lag.group},
                      {"topic", lag.topic},
                      {"is_retry", flag_label(lag.is_retry)},
                      {"is_system", flag_label(is_system)}},
                     static_cast<double>(lag.*number));
        }
    }
}

void BrokerGauges::write_transactions(PrometheusText& text) const {
    text.begin({"rocketmq_half_messages", MetricType::kGauge, kGaugeHelp});
    for (const auto& [topic, count] : c_.transactions.counts()) {
        text.add({{"topic", topic}}, static_cast<double>(count));
    }
}

void BrokerGauges::write_store(PrometheusText& text) const {
    const auto now = c_.store.runtime();
    std::error_code failure;
    const auto space = std::filesystem::space(c_.store_config.store_path_root_dir, failure);
    if (!failure) {
        write_store_gauge(text, "rocketmq_storage_size_bytes", space.capacity - space.free);
    }
    write_store_gauge(text, "rocketmq_storage_flush_behind_bytes",
                      std::max<std::int64_t>(0, now.commit_log_max.value - now.flushed.value));
    write_store_gauge(text, "rocketmq_storage_dispatch_behind_bytes",
                      std::max<std::int64_t>(0, now.dispatch_behind_bytes));
    if (now.earliest_message_timestamp > 0) {
        write_store_gauge(text, "rocketmq_storage_message_reserve_time_milliseconds",
                          c_.clock.now_ms() - now.earliest_message_timestamp);
    }
}

void BrokerGauges::write_timer(PrometheusText& text) const {
    auto& timers = c_.timers;
    write_store_gauge(text, "rocketmq_timer_enqueue_lag", timers.enqueue_behind());
    write_store_gauge(text, "rocketmq_timer_enqueue_latency_milliseconds",
                      timers.enqueue_behind_ms());
    write_store_gauge(text, "rocketmq_timer_dequeue_lag",
                      timers.wheel().count_from(timers.read_time_ms()));
    write_store_gauge(text, "rocketmq_timer_dequeue_latency_milliseconds",
                      timers.dequeue_behind_ms());
    text.begin({"rocketmq_timing_messages", MetricType::kGauge, kGaugeHelp});
    for (const auto& [topic, count] : timers.metrics().counts()) {
        text.add({{"topic", topic}, kLocal, kDisk}, static_cast<double>(count));
    }
    write_timer_snapshot(text);
}

// Each bound has what is due after the one before it.
void BrokerGauges::write_timer_snapshot(PrometheusText& text) const {
    const auto& wheel = c_.timers.wheel();
    const std::int64_t precision_ms = wheel.precision_ms();
    std::int64_t slot_ms = wheel.floor_ms(c_.clock.now_ms());
    const std::int64_t begin_ms = slot_ms;
    text.begin({"rocketmq_timer_message_snapshot", MetricType::kGauge, kGaugeHelp});
    for (const auto bound : kTimerBounds) {
        std::int64_t count = 0;
        for (; slot_ms < begin_ms + bound * 1000; slot_ms += precision_ms) {
            count += wheel.slot(slot_ms).num;
        }
        text.add({{"timer_bound_s", std::to_string(bound)}, kLocal, kDisk},
                 static_cast<double>(count));
    }
}

// Source: PopReviveService.getReviveBehindMessages, getReviveBehindMillis.
void BrokerGauges::write_pop(PrometheusText& text) const {
    const auto sizes = c_.pop.buffer_sizes();
    write_gauge(text, "rocketmq_pop_offset_buffer_size", {}, static_cast<double>(sizes.offsets));
    write_gauge(text, "rocketmq_pop_checkpoint_buffer_size", {},
                static_cast<double>(sizes.check_points));
    const auto topic = revive_topic_name(c_.config.broker_cluster_name);
    std::vector<std::int64_t> behind_ms;
    // A count of messages in the original, too, whatever the name says.
    text.begin({"rocketmq_pop_revive_lag_milliseconds", MetricType::kGauge, kGaugeHelp});
    for (std::int32_t queue_id = 0; queue_id < c_.config.revive_queue_num; ++queue_id) {
        // The position is that of the last record that is done with.
        const auto next = c_.offsets.query({kReviveGroup, topic, queue_id}) + 1;
        const auto behind =
            std::max<std::int64_t>(0, c_.store.max_offset(topic, queue_id).value - next);
        const auto stored_ms =
            behind > 0 ? c_.store.store_timestamp_at(topic, queue_id, QueueOffset{next}) : -1;
        behind_ms.push_back(stored_ms > 0 ? std::max<std::int64_t>(0, c_.clock.now_ms() - stored_ms)
                                          : 0);
        text.add({{"queue_id", std::to_string(queue_id)}}, static_cast<double>(behind));
    }
    text.begin({"rocketmq_pop_revive_latency_milliseconds", MetricType::kGauge, kGaugeHelp});
    for (std::size_t i = 0; i < behind_ms.size(); ++i) {
        text.add({{"queue_id", std::to_string(i)}}, static_cast<double>(behind_ms[i]));
    }
}

void BrokerGauges::write_own(PrometheusText& text) const {
    const auto store = c_.store.runtime();
    RemotingServerStats requests;
    for (const auto& each : c_.requests()) {
        requests.connections_open += each.connections_open;
        requests.requests += each.requests;
        requests.malformed_frames += each.malformed_frames;
    }
    const auto& conflicts = c_.consumers.conflicts();
    const std::tuple<std::string_view, MetricType, std::string_view, double> families[] = {
        {"raptormq_subscription_conflicts", MetricType::kGauge,
         "Consumer groups whose members want different things now",
         static_cast<double>(conflicts.current(SIZE_MAX).size())},
        {"raptormq_subscription_conflicts_total", MetricType::kCounter,
         "Times that members of a consumer group were found to want different things",
         static_cast<double>(conflicts.total())},
        {"raptormq_send_wait_milliseconds", MetricType::kGauge,
         "How long sends wait at least before they are served",
         static_cast<double>(c_.flow.wait_ms())},
        {"raptormq_send_slowed_total", MetricType::kCounter,
         "Times that a producer's connection was not read for a while",
         static_cast<double>(c_.flow.pauses())},
        {"raptormq_send_refused_total", MetricType::kCounter,
         "Sends refused with SYSTEM_BUSY because they would wait too long",
         static_cast<double>(c_.flow.refusals())},
        {"raptormq_store_writeable", MetricType::kGauge, "1 while the store takes messages, else 0",
         store.writeable ? 1.0 : 0.0},
        {"raptormq_store_put_failures_total", MetricType::kCounter,
         "Messages that the store refused or could not write",
         static_cast<double>(store.put_failures)},
        {"raptormq_store_disk_used_ratio", MetricType::kGauge,
         "Used part of the disk of the commit log, 0 to 1", store.disk_ratio_commit_log},
        {"raptormq_connections", MetricType::kGauge, "Open client connections",
         static_cast<double>(requests.connections_open)},
        {"raptormq_requests_total", MetricType::kCounter, "Requests received",
         static_cast<double>(requests.requests)},
        {"raptormq_malformed_frames_total", MetricType::kCounter,
         "Connections closed because of input that is not the protocol",
         static_cast<double>(requests.malformed_frames)},
    };
    for (const auto& [name, type, help, value] : families) {
        text.begin({name, type, help});
        text.add(MetricLabels{}, value);
    }
}

}  // namespace rmq::broker
