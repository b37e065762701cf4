// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace rmq {

// Settings of one consumer group, as in subscriptionGroup.json and the bodies of 200, 201, 225 and
// 352. A value. Source: SubscriptionGroupConfig (5.5.0).
struct SubscriptionGroupConfig {
    std::string group_name;
    bool consume_enable = true;
    bool consume_from_min_enable = true;
    bool consume_broadcast_enable = true;
    bool consume_message_orderly = false;
    std::int32_t retry_queue_nums = 1;
    std::int32_t retry_max_times = 16;
    std::int64_t broker_id = 0;
    std::int64_t which_broker_when_consume_slowly = 1;
    bool notify_consumer_ids_changed_enable = true;
    std::int32_t group_sys_flag = 0;
    std::int32_t consume_timeout_minute = 15;
    std::map<std::string, std::string> attributes;
    // Compact JSON, see GroupRetryPolicy.
    std::string group_retry_policy = R"({"type":"CUSTOMIZED"})";
    // Members this version does not interpret (subscriptionDataSet and those of later versions), as
    // one compact JSON object; empty when there are none. Written back as they came.
    std::string other_members;

    friend bool operator==(const SubscriptionGroupConfig&,
                           const SubscriptionGroupConfig&) = default;
};

// A group with every setting at its default.
SubscriptionGroupConfig make_subscription_group(std::string group_name);

nlohmann::json to_json(const SubscriptionGroupConfig& config);

// Absent members keep their defaults, as in the original. Errors: kMalformed when `object` is
// not an object.
Result<SubscriptionGroupConfig> parse_subscription_group_config(const nlohmann::json& object);

}  // namespace rmq
