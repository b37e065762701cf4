// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/admin/runtime_info.h"

#include "broker/processor/admin/admin_handler.h"
#include "broker/stats/store_stats_service.h"
#include "common/config_table.h"
#include "common/configuration.h"
#include "remoting/protocol/remoting_command.h"
#include "store/message_store.h"
#include "store/message_store_config.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <utility>

namespace rmq::broker {

namespace {

using Table = decltype(KvTable::table);

// "1.5 GiB". Source: MixAll.humanReadableByteCount.
std::string human_bytes(std::uintmax_t bytes) {
    constexpr double kUnit = 1024;
    constexpr std::string_view kPrefixes = "KMGTPE";
    if (bytes < 1024) {
        return std::to_string(bytes) + " B";
    }
    const auto number = static_cast<double>(bytes);
    const auto exponent = static_cast<std::size_t>(std::log(number) / std::log(kUnit));
    char text[40];
    std::snprintf(text, sizeof text, "%.1f %ciB", number / std::pow(kUnit, exponent),
                  kPrefixes[exponent - 1]);
    return text;
}

// The original counts puts by how long they took. Here no put waits for a lock long enough to be
// worth a bucket, so all are zero; latencies are in the metrics.
constexpr const char* kDistribution =
    "[<=0ms]:0 [0~10ms]:0 [10~50ms]:0 [50~100ms]:0 [100~200ms]:0 [200~500ms]:0 [500ms~1s]:0 "
    "[1~2s]:0 [2~3s]:0 [3~4s]:0 [4~5s]:0 [5~10s]:0 [10s~]:0 ";

// Requests are served where they arrive: these queues of the original do not exist here and are
// always empty. Name in the table, configuration key of the capacity.
constexpr std::array<std::pair<const char*, const char*>, 5> kQueues{{
    {"sendThreadPoolQueue", "sendThreadPoolQueueCapacity"},
    {"pullThreadPoolQueue", "pullThreadPoolQueueCapacity"},
    {"litePullThreadPoolQueue", "litePullThreadPoolQueueCapacity"},
    {"queryThreadPoolQueue", "queryThreadPoolQueueCapacity"},
    {"ackThreadPoolQueue", "ackThreadPoolQueueCapacity"},
}};

}  // namespace

void RuntimeInfo::register_in(RequestRegistry& registry, const AdminQueue& queue) {
    registry.add(RequestCode::GET_BROKER_RUNTIME_INFO,
                 answer_on(queue, [this](const Request&) -> Result<Response> {
                     return success_with(encode(table()));
                 }));
}

KvTable RuntimeInfo::table() const {
    KvTable result;
    Table& table = result.table;
    parts_.store_stats.add_runtime_info(table);
    add_store(table);
    add_queues(table);
    table["brokerActive"] =
        parts_.store_config.broker_role == store::BrokerRole::SLAVE ? "false" : "true";
    table["brokerVersionDesc"] = mq_version::kCurrentName;
    // Left out by the original since 5.4, which breaks its exporter.
    table["brokerVersion"] = std::to_string(mq_version::kCurrent);
    table["startAcceptSendRequestTimeStamp"] =
        parts_.configuration.value("startAcceptSendRequestTimeStamp");
    for (const char* key :
         {"msgPutTotalYesterdayMorning", "msgPutTotalTodayMorning", "msgPutTotalTodayNow",
          "msgGetTotalYesterdayMorning", "msgGetTotalTodayMorning", "msgGetTotalTodayNow",
          "timerReadBehind", "timerOffsetBehind", "timerCongestNum"}) {
        table[key] = "0";
    }
    table["timerEnqueueTps"] = "0.0";
    table["timerDequeueTps"] = "0.0";
    for (const auto& contribute : parts_.contributors) {
        contribute(table);
    }
    return result;
}

void RuntimeInfo::add_store(Table& table) const {
    const auto now = parts_.store.runtime();
    const auto number = [](std::int64_t value) { return std::to_string(value); };
    const std::int64_t puts = now.put_messages > 0 ? now.put_messages : 1;
    table["putMessageTimesTotal"] = number(puts);
    table["putMessageSizeTotal"] = number(now.put_bytes);
    table["putMessageAverageSize"] =
        rmq::config_text(static_cast<double>(now.put_bytes) / static_cast<double>(puts));
    table["putMessageFailedTimes"] = number(now.put_failures);
    table["putMessageEntireTimeMax"] = "0";
    table["getMessageEntireTimeMax"] = "0";
    table["putMessageDistributeTime"] = kDistribution;
    table["putLatency99"] = "0.00";
    table["putLatency999"] = "0.00";
    table["dispatchMaxBuffer"] = "0";
    table["dispatchBehindBytes"] = number(now.dispatch_behind_bytes);
    table["pageCacheLockTimeMills"] = number(now.append_lock_held_ms);
    table["earliestMessageTimeStamp"] = number(now.earliest_message_timestamp);
    table["commitLogMinOffset"] = number(now.commit_log_min.value);
    table["commitLogMaxOffset"] = number(now.commit_log_max.value);
    table["commitLogDiskRatio"] = rmq::config_text(now.disk_ratio_commit_log);
    table["commitLogDiskRatio_" + parts_.store_config.commit_log_directory()] =
        rmq::config_text(now.disk_ratio_commit_log);
    table["consumeQueueDiskRatio"] = rmq::config_text(now.disk_ratio_consume_queue);
    table["remainTransientStoreBufferNumbs"] = number(INT32_MAX);  // no transient pool
    const auto unflushed = now.commit_log_max.value - now.flushed.value;
    table["remainHowManyDataToFlush"] =
        human_bytes(static_cast<std::uintmax_t>(unflushed > 0 ? unflushed : 0));
    std::error_code failure;
    const auto space = std::filesystem::space(parts_.store_config.store_path_root_dir, failure);
    if (!failure) {
        table["commitLogDirCapacity"] =
            "Total : " + human_bytes(space.capacity) + ", Free : " + human_bytes(space.free) + ".";
    }
}

void RuntimeInfo::add_queues(Table& table) const {
    for (const auto& [name, capacity_key] : kQueues) {
        const std::string prefix = name;
        table[prefix + "Size"] = "0";
        table[prefix + "Capacity"] = parts_.configuration.value(capacity_key);
        table[prefix + "HeadWaitTimeMills"] = "0";
    }
    table["EndTransactionQueueSize"] = "0";
    table["EndTransactionThreadPoolQueueCapacity"] =
        parts_.configuration.value("endTransactionPoolQueueCapacity");
}

}  // namespace rmq::broker
