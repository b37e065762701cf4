// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"
#include "remoting/protocol/body/topic_config.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rmq {

inline constexpr std::int64_t kMasterId = 0;

// One topic's queues on one broker name. Source: QueueData.
struct QueueData {
    std::string broker_name{};
    std::int32_t read_queue_nums = 0;
    std::int32_t write_queue_nums = 0;
    std::int32_t perm = 0;
    std::int32_t topic_sys_flag = 0;

    friend bool operator==(const QueueData&, const QueueData&) = default;
};

// The addresses behind one broker name. Source: BrokerData.
struct BrokerData {
    std::string cluster{};
    std::string broker_name{};
    std::map<std::int64_t, std::string> broker_addrs{};  // brokerId to "host:port"
    std::optional<std::string> zone_name{};
    bool enable_acting_master = false;

    friend bool operator==(const BrokerData&, const BrokerData&) = default;
};

// Body of GET_ROUTEINFO_BY_TOPIC. Source: TopicRouteData.
struct TopicRouteData {
    std::optional<std::string> order_topic_conf{};
    std::vector<QueueData> queue_datas{};
    std::vector<BrokerData> broker_datas{};
    std::map<std::string, std::vector<std::string>> filter_server_table{};  // by broker address
    std::optional<std::map<std::string, TopicQueueMappingInfo>> topic_queue_mapping_by_broker{};

    friend bool operator==(const TopicRouteData&, const TopicRouteData&) = default;
};

// How integer map keys are written: {"0":"a"} is JSON, {0:"a"} is what the original writes wherever
// nobody asked for JSON.
enum class IntegerKeys { kQuoted, kBare };

// Compact JSON, members in order.
std::string encode(const TopicRouteData& route, IntegerKeys keys);

nlohmann::json to_json(const QueueData& data);
QueueData parse_queue_data(const nlohmann::json& object);
BrokerData parse_broker_data(const nlohmann::json& object);

// Reads both key forms. Errors: kMalformed.
Result<TopicRouteData> decode_topic_route_data(std::string_view text);

}  // namespace rmq
