// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/body/subscription_group_config.h"

#include "remoting/protocol/body/json_fields.h"

#include <nlohmann/json.hpp>

namespace rmq {

SubscriptionGroupConfig make_subscription_group(std::string group_name) {
    SubscriptionGroupConfig config;
    config.group_name = std::move(group_name);
    return config;
}

nlohmann::json to_json(const SubscriptionGroupConfig& config) {
    nlohmann::json object{
        {"attributes", nlohmann::json(config.attributes)},
        {"brokerId", config.broker_id},
        {"consumeBroadcastEnable", config.consume_broadcast_enable},
        {"consumeEnable", config.consume_enable},
        {"consumeFromMinEnable", config.consume_from_min_enable},
        {"consumeMessageOrderly", config.consume_message_orderly},
        {"consumeTimeoutMinute", config.consume_timeout_minute},
        {"groupName", config.group_name},
        {"groupRetryPolicy", nlohmann::json::parse(config.group_retry_policy)},
        {"groupSysFlag", config.group_sys_flag},
        {"notifyConsumerIdsChangedEnable", config.notify_consumer_ids_changed_enable},
        {"retryMaxTimes", config.retry_max_times},
        {"retryQueueNums", config.retry_queue_nums},
        {"whichBrokerWhenConsumeSlowly", config.which_broker_when_consume_slowly}};
    if (!config.other_members.empty()) {
        object.update(nlohmann::json::parse(config.other_members));
    }
    return object;
}

Result<SubscriptionGroupConfig> parse_subscription_group_config(const nlohmann::json& object) {
    if (!object.is_object()) {
        return Error{Errc::kMalformed, "SubscriptionGroupConfig is not a JSON object"};
    }
    SubscriptionGroupConfig config;
    config.group_name = json_string(object, "groupName");
    config.consume_enable = json_bool(object, "consumeEnable", true);
    config.consume_from_min_enable = json_bool(object, "consumeFromMinEnable", true);
    config.consume_broadcast_enable = json_bool(object, "consumeBroadcastEnable", true);
    config.consume_message_orderly = json_bool(object, "consumeMessageOrderly", false);
    config.retry_queue_nums = json_int32(object, "retryQueueNums", config.retry_queue_nums);
    config.retry_max_times = json_int32(object, "retryMaxTimes", config.retry_max_times);
    config.broker_id = json_int64(object, "brokerId", 0);
    config.which_broker_when_consume_slowly = json_int64(object, "whichBrokerWhenConsumeSlowly", 1);
    config.notify_consumer_ids_changed_enable =
        json_bool(object, "notifyConsumerIdsChangedEnable", true);
    config.group_sys_flag = json_int32(object, "groupSysFlag", 0);
    config.consume_timeout_minute = json_int32(object, "consumeTimeoutMinute", 15);
    if (const auto& attributes = json_member(object, "attributes"); attributes.is_object()) {
        for (const auto& [key, value] : attributes.items()) {
            config.attributes.emplace(key, json_scalar_text(value));
        }
    }
    if (const auto& policy = json_member(object, "groupRetryPolicy"); policy.is_object()) {
        config.group_retry_policy = dump_json(policy);
    }
    nlohmann::json others = nlohmann::json::object();
    const nlohmann::json known = to_json(config);
    for (const auto& [key, value] : object.items()) {
        if (!known.contains(key) && !value.is_null()) {
            others[key] = value;
        }
    }
    if (!others.empty()) {
        config.other_members = dump_json(others);
    }
    return config;
}

}  // namespace rmq
