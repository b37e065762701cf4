// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/stats/stats_item.h"
#include "common/clock.h"
#include "remoting/protocol/body/broker_stats_data.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::broker {

class BrokerMetrics;

// Names of statistics, as administrators ask for them (code 315). Source: Stats,
// BrokerStatsManager. Keys: topic; topic@group; topic@queueId; topic@queueId@group;
// queueId@topic@group (latency); the cluster's name (broker totals).
namespace stats_name {
inline constexpr std::string_view kTopicPutNums = "TOPIC_PUT_NUMS";
inline constexpr std::string_view kTopicPutSize = "TOPIC_PUT_SIZE";
inline constexpr std::string_view kTopicPutLatency = "TOPIC_PUT_LATENCY";
inline constexpr std::string_view kQueuePutNums = "QUEUE_PUT_NUMS";
inline constexpr std::string_view kQueuePutSize = "QUEUE_PUT_SIZE";
inline constexpr std::string_view kQueueGetNums = "QUEUE_GET_NUMS";
inline constexpr std::string_view kQueueGetSize = "QUEUE_GET_SIZE";
inline constexpr std::string_view kGroupGetNums = "GROUP_GET_NUMS";
inline constexpr std::string_view kGroupGetSize = "GROUP_GET_SIZE";
inline constexpr std::string_view kGroupGetLatency = "GROUP_GET_LATENCY";
inline constexpr std::string_view kGroupAckNums = "GROUP_ACK_NUMS";
inline constexpr std::string_view kGroupCkNums = "GROUP_CK_NUMS";
inline constexpr std::string_view kSndbckPutNums = "SNDBCK_PUT_NUMS";
inline constexpr std::string_view kDlqPutNums = "DLQ_PUT_NUMS";
inline constexpr std::string_view kBrokerPutNums = "BROKER_PUT_NUMS";
inline constexpr std::string_view kBrokerGetNums = "BROKER_GET_NUMS";
inline constexpr std::string_view kBrokerPutNumsWithoutSystemTopic =
    "BROKER_PUT_NUMS_WITHOUT_SYSTEM_TOPIC";
inline constexpr std::string_view kBrokerGetNumsWithoutSystemTopic =
    "BROKER_GET_NUMS_WITHOUT_SYSTEM_TOPIC";
}  // namespace stats_name

// Counters of sends and pulls by topic, queue and group, and their sums over the last minute, hour
// and day.
// Cost: each thread counts in tables of its own, so that counting takes no lock and shares no cache
// line; the first message of a new topic, queue or group on a thread takes that thread's mutex.
// Thread safety: every member from any thread; run_once() from one thread (maintenance).
// Lifecycle: counting threads must have ended, or stopped counting, before it is destroyed.
// Source: BrokerStatsManager, BrokerStats (5.5.0).
class BrokerStatsManager {
public:
    using Table = std::map<std::string, std::string, std::less<>>;

    struct Options {
        std::string cluster_name;
        bool enable_queue_stat = true;  // enableDetailStat
        // All light queues, and all their groups, count as one. Source: LmqBrokerStatsManager.
        bool folds_light_queues = false;
        // Asked once per topic and thread; empty: there are none. Totals leave system topics out.
        std::function<bool(std::string_view topic)> is_system_topic{};
    };
    // `clock` outlives the manager.
    BrokerStatsManager(Options options, const Clock& clock);
    ~BrokerStatsManager();
    BrokerStatsManager(const BrokerStatsManager&) = delete;
    BrokerStatsManager& operator=(const BrokerStatsManager&) = delete;

    // --- counting -------------------------------------------------------------------------------
    struct Put {
        std::string_view topic;
        std::int32_t queue_id = 0;
        std::int64_t messages = 1;  // of a batch
        std::int64_t bytes = 0;     // as stored
        std::int64_t latency_ms = 0;
    };
    void on_put(const Put& put);

    struct Get {
        std::string_view group;
        std::string_view topic;
        std::int32_t queue_id = 0;
        std::int64_t messages = 0;
        std::int64_t bytes = 0;
        std::int64_t latency_ms = 0;  // from the start of the pull to its answer
    };
    void on_get(const Get& get);
    void on_send_back(std::string_view group, std::string_view topic);
    void on_dead_letter(std::string_view group, std::string_view topic);

    // What the metrics exporter counts beside, null while there is none; whoever counts here asks.
    BrokerMetrics* metrics() const { return metrics_; }
    // Before anything is counted. `metrics` outlives the counting threads.
    void set_metrics(BrokerMetrics* metrics) { metrics_ = metrics; }

    // --- upkeep ---------------------------------------------------------------------------------
    // Samples when it is time (every 10 s, 10 min, 1 h) and notes the totals at midnight, local
    // time. Call it every second.
    void run_once();
    void on_topic_deleted(std::string_view topic);
    void on_group_deleted(std::string_view group);

    // --- answers --------------------------------------------------------------------------------
    // Nothing when there was never anything to count. As of the last sample.
    std::optional<BrokerStatsData> item(std::string_view name, std::string_view key) const;
    // Messages per second over the last minute; 0 for the unknown.
    double tps_topic_put_nums(std::string_view topic) const;
    double tps_group_get_nums(std::string_view group, std::string_view topic) const;
    // msgPutTotalTodayNow and the like. System topics do not count.
    void add_runtime_info(Table& table) const;

private:
    class ThreadTable;
    struct BrokerTotals {
        std::int64_t puts = 0;
        std::int64_t gets = 0;
        std::int64_t puts_no_system = 0;
        std::int64_t gets_no_system = 0;
    };
    struct KeyParts {
        std::string_view topic;
        std::string_view group;  // empty when the key has none
    };

    ThreadTable& mine();
    static KeyParts split_key(std::string_view name, std::string_view key);
    // These with mutex_ held.
    void sample(StatsItem::Window window, std::int64_t now_ms);
    BrokerTotals broker_totals() const;
    void forget(const std::function<bool(const KeyParts&)>& is_gone);
    const StatsItem* find(std::string_view name, std::string_view key) const;

    const Options options_;
    const Clock& clock_;
    BrokerMetrics* metrics_ = nullptr;
    const std::uint64_t id_;  // unique in the process, so that a thread knows its table

    mutable std::mutex mutex_;  // guards everything below; taken before a table's own mutex
    std::vector<std::unique_ptr<ThreadTable>> tables_;
    std::map<std::string, StatsItemSet, std::less<>> items_;  // by statistic
    std::int64_t next_sample_ms_[3] = {};
    std::int64_t next_midnight_ms_;
    BrokerTotals yesterday_morning_;
    BrokerTotals today_morning_;
};

}  // namespace rmq::broker
