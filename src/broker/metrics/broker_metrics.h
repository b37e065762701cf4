// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/metrics/message_type.h"
#include "broker/metrics/series_table.h"
#include "remoting/responder.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace rmq::broker {

struct BrokerConfig;
class PrometheusText;

// The metrics that are counted when something happens: messages and bytes in and out, dead letters,
// ends of transactions, latencies of requests, pop's revival and the timer. It exists only while an
// exporter is on; who counts asks BrokerStatsManager::metrics() for it and finds null otherwise.
// Whole groups of metrics are left out as the enable*Metrics settings say.
// Thread safety: every member from any thread.
// Source: BrokerMetricsManager, RemotingMetricsManager, PopMetricsManager,
// DefaultStoreMetricsManager (5.5.0), also for names, labels and buckets.
class BrokerMetrics final : public AnswerObserver {
public:
    // `is_system_topic` is asked when the answer is written.
    BrokerMetrics(const BrokerConfig& config,
                  std::function<bool(std::string_view topic)> is_system_topic);

    // A message, or a batch, was stored for a client.
    struct MessageIn {
        std::string_view topic;  // where it was stored
        MessageType type = MessageType::kNormal;
        std::int64_t messages = 1;
        std::int64_t bytes = 0;  // as stored, of all
    };
    void on_message_in(const MessageIn& in);

    // Messages were handed to a consumer, or to a part of the broker that consumes.
    struct MessageOut {
        std::string_view topic;
        std::string_view group;
        std::int64_t messages = 0;
        std::int64_t bytes = 0;
        std::optional<bool> is_retry{};  // of pops only
    };
    void on_message_out(const MessageOut& out);

    // A message of a delay level was stored in its topic. Source: ScheduleMessageService.
    void on_delay_delivery(std::string_view topic, std::int64_t bytes);

    // `topic`: where it came from; data() == nullptr when the client did not say.
    void on_dead_letter(std::string_view group, std::string_view topic);
    // `age_ms`: since the producer made the half message.
    void on_commit(std::string_view topic, std::int64_t age_ms);
    void on_rollback(std::string_view topic);

    // A check point or acknowledgement was written to the revive topic, or refused.
    struct RevivePut {
        std::string_view group;
        std::string_view topic;
        bool is_check_point = false;
        std::string_view status;  // PutMessageStatus's name
    };
    void on_revive_put(const RevivePut& put);
    struct ReviveGet {
        std::string_view group;
        std::string_view topic;
        bool is_check_point = false;
        std::int32_t queue_id = 0;
    };
    void on_revive_get(const ReviveGet& get);
    void on_revive_retry(std::string_view group, std::string_view topic, std::string_view status);
    void on_pop_buffer_scan(std::int64_t elapsed_ms);

    // `delay_ms`: from the message's birth to when it is due.
    void on_timer_enqueue(std::string_view topic, std::int64_t delay_ms);
    void on_timer_dequeue(std::string_view topic);

    // Also the creation of topics and groups by administrators is told from these.
    void on_answer(const Answer& answer) override;

    // Appends all families that have a series.
    void write(PrometheusText& text) const;

private:
    void count_creation(const Answer& answer);
    void write_messages(PrometheusText& text) const;
    void write_transactions(PrometheusText& text) const;
    void write_rpc(PrometheusText& text) const;
    void write_creations(PrometheusText& text) const;
    void write_pop(PrometheusText& text) const;
    void write_timer(PrometheusText& text) const;

    const BrokerConfig& config_;
    const std::function<bool(std::string_view)> is_system_topic_;
    SeriesTable messages_in_;   // topic, type
    SeriesTable messages_out_;  // topic, group, is_retry
    SeriesTable dead_letters_;  // group, topic
    SeriesTable ends_;          // topic
    SeriesTable topics_made_;   // status
    SeriesTable groups_made_;   // status
    SeriesTable revive_puts_;   // group, topic, type, status
    SeriesTable revive_gets_;   // group, topic, queue, type
    SeriesTable retries_;       // group, topic, status
    SeriesTable scans_;         // none
    SeriesTable timers_;        // topic
    SeriesTable answers_;       // request code, response code, is_long_polling, result
};

// Whether a series is marked is_system. Source: BrokerMetricsManager.isSystemGroup.
bool is_system_group(std::string_view group);

}  // namespace rmq::broker
