// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/lite/lite_manager.h"

#include "broker/lite/lite_consumer_lag.h"
#include "broker/lite/lite_event_dispatcher.h"
#include "broker/lite/lite_lifecycle_manager.h"
#include "broker/lite/lite_metadata.h"
#include "broker/lite/lite_subscription_registry.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/pop/consumer_order_info_manager.h"
#include "broker/pop/pop_store.h"
#include "common/light_queue.h"
#include "common/lite_topic.h"
#include "common/parse_number.h"
#include "remoting/protocol/body/json_fields.h"
#include "remoting/protocol/body/subscription_group_config.h"
#include "remoting/protocol/body/topic_config.h"
#include "remoting/protocol/header/lite.h"
#include "store/message_store_config.h"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace rmq::broker {

namespace {

using nlohmann::json;

// Source: LiteManagerProcessor.MAX_RETURN_COUNT, GetLiteClientInfoRequestHeader.maxCount
constexpr std::int32_t kClientTopicsMax = 10'000;
constexpr std::int32_t kClientTopicsDefault = 1000;

Response success_with_json(const json& body) {
    return success_with(dump_json(body));
}

json to_json(const std::vector<LiteConsumerLag::Lag>& lags) {
    auto array = json::array();
    for (const auto& lag : lags) {
        array.push_back({{"liteTopic", lag.lite_topic},
                         {"lagCount", lag.count},
                         {"earliestUnconsumedTimestamp", lag.earliest_ms}});
    }
    return array;
}

}  // namespace

void LiteManagerProcessor::register_in(RequestRegistry& registry, const AdminQueue& queue) {
    const auto add = [&](RequestCode code, auto member) {
        registry.add(code, answer_on(queue, [this, member](const Request& request) {
                         return (this->*member)(request);
                     }));
    };
    using This = LiteManagerProcessor;
    add(RequestCode::GET_BROKER_LITE_INFO, &This::get_broker_lite_info);
    add(RequestCode::GET_PARENT_TOPIC_INFO, &This::get_parent_topic_info);
    add(RequestCode::GET_LITE_TOPIC_INFO, &This::get_lite_topic_info);
    add(RequestCode::GET_LITE_CLIENT_INFO, &This::get_lite_client_info);
    add(RequestCode::GET_LITE_GROUP_INFO, &This::get_lite_group_info);
    add(RequestCode::TRIGGER_LITE_DISPATCH, &This::trigger_lite_dispatch);
}

std::optional<Response> LiteManagerProcessor::refuse_topic(std::string_view topic) const {
    const auto config = c_.metadata.topic(topic);
    if (config == nullptr) {
        return Response(ResponseCode::TOPIC_NOT_EXIST, fmt::format("Topic [{}] not exist.", topic));
    }
    if (!is_lite_topic(*config)) {
        return Response(ResponseCode::INVALID_PARAMETER,
                        fmt::format("Topic [{}] type not match.", topic));
    }
    return std::nullopt;
}

LiteManagerProcessor::Bound LiteManagerProcessor::bound_topic(std::string_view group) const {
    const auto config = c_.metadata.group(group);
    if (config == nullptr) {
        return {.refusal = Response(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST,
                                    fmt::format("Group [{}] not exist.", group))};
    }
    auto topic = lite_bind_topic(*config).value_or(std::string{});
    if (topic.empty()) {
        return {.refusal = Response(ResponseCode::INVALID_PARAMETER,
                                    fmt::format("Group [{}] is not a LITE group.", group))};
    }
    return {.topic = std::move(topic)};
}

Result<Response> LiteManagerProcessor::get_broker_lite_info(const Request&) const {
    std::set<std::string> topics;
    for (auto& [topic, queue_id] : c_.store.queues()) {
        topics.insert(std::move(topic));
    }
    return success_with_json({{"storeType", "default"},
                              {"maxLmqNum", c_.store_config.max_lmq_consume_queue_num.get()},
                              {"currentLmqNum", c_.lifecycle.light_queue_count()},
                              {"liteSubscriptionCount", c_.registry.size()},
                              {"orderInfoCount", c_.order_infos.size()},
                              {"cqTableSize", topics.size()},
                              {"offsetTableSize", c_.offsets.size()},
                              {"eventMapSize", c_.events.size()},
                              {"topicMeta", c_.metadata.ttl_by_topic()},
                              {"groupMeta", c_.metadata.groups_by_topic()}});
}

Result<Response> LiteManagerProcessor::get_parent_topic_info(const Request& request) const {
    RMQ_TRY(const auto header, decode_header<GetParentTopicInfoRequestHeader>(request.ext()));
    if (auto refusal = refuse_topic(header.topic)) {
        return std::move(*refusal);
    }
    json body{{"topic", header.topic},
              {"ttl", lite_topic_expiration(*c_.metadata.topic(header.topic))},
              {"lmqNum", c_.lifecycle.light_queue_count()},
              {"liteTopicCount", c_.lifecycle.queues_of(header.topic).size()}};
    const auto groups = c_.metadata.groups_by_topic();
    if (const auto found = groups.find(std::string(header.topic)); found != groups.end()) {
        body["groups"] = found->second;
    }
    return success_with_json(body);
}

Result<Response> LiteManagerProcessor::get_lite_topic_info(const Request& request) const {
    RMQ_TRY(const auto header, decode_header<GetLiteTopicInfoRequestHeader>(request.ext()));
    if (auto refusal = refuse_topic(header.parent_topic)) {
        return std::move(*refusal);
    }
    const auto queue =
        lite_queue_name(header.parent_topic, header.lite_topic.value_or(std::string_view{}));
    if (!queue) {
        return missing_ext_field("liteTopic");
    }
    const auto end = c_.lifecycle.max_offset(*queue);
    std::int64_t begin = 0;
    std::int64_t last_ms = 0;
    if (end > 0) {
        begin = c_.store.min_offset(*queue, kLightQueueId).value;
        last_ms = c_.store.store_timestamp(*queue, kLightQueueId, QueueOffset{end - 1});
    }
    auto subscribers = json::array();
    for (const auto& [group, clients] : c_.registry.subscribers(*queue)) {
        if (c_.metadata.is_wildcard(group)) {
            subscribers.push_back({{"clientId", "*"}, {"group", group}});
            continue;
        }
        for (const auto& client : clients) {
            subscribers.push_back({{"clientId", client.client_id}, {"group", client.group}});
        }
    }
    return success_with_json(
        {{"parentTopic", header.parent_topic},
         {"liteTopic", *header.lite_topic},
         {"subscriber", std::move(subscribers)},
         {"topicOffset",
          {{"minOffset", std::max<std::int64_t>(begin, 0)},
           {"maxOffset", std::max<std::int64_t>(end, 0)},
           {"lastUpdateTimestamp", last_ms}}},
         {"shardingToBroker", c_.lifecycle.is_home(header.parent_topic, *queue)}});
}

Result<Response> LiteManagerProcessor::get_lite_client_info(const Request& request) const {
    RMQ_TRY(const auto header, decode_header<GetLiteClientInfoRequestHeader>(request.ext()));
    const auto max =
        header.max_count
            ? parse_java_number<std::int32_t>(*header.max_count).value_or(kClientTopicsDefault)
            : kClientTopicsDefault;
    if (max <= 0) {
        return Error{Errc::kInvalidArgument, "[maxCount] field invalid"};
    }
    if (!header.parent_topic) {
        return missing_ext_field("parentTopic");
    }
    if (auto refusal = refuse_topic(*header.parent_topic)) {
        return std::move(*refusal);
    }
    if (!header.group) {
        return missing_ext_field("group");
    }
    const auto group = c_.metadata.group(*header.group);
    if (group == nullptr) {
        return Response(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST,
                        fmt::format("Group [{}] not exist.", *header.group));
    }
    if (lite_bind_topic(*group) != *header.parent_topic) {
        return Response(
            ResponseCode::INVALID_PARAMETER,
            fmt::format("Subscription [{}]-[{}] not match.", *header.group, *header.parent_topic));
    }
    if (!header.client_id) {
        return missing_ext_field("clientId");
    }
    const std::string client_id(*header.client_id);
    json body{{"parentTopic", *header.parent_topic},
              {"group", *header.group},
              {"clientId", client_id},
              {"liteTopicCount", -1},
              {"lastAccessTime", c_.events.last_access_ms(client_id)},
              {"lastConsumeTime", 0}};
    if (const auto queues = c_.registry.subscriptions(client_id)) {
        body["liteTopicCount"] = queues->size();
        auto names = json::array();
        for (const auto& queue : *queues) {
            if (names.size() >= static_cast<std::size_t>(std::min(max, kClientTopicsMax))) {
                break;
            }
            names.push_back(queue);
        }
        body["liteTopicSet"] = std::move(names);
    }
    return success_with_json(body);
}

Result<Response> LiteManagerProcessor::get_lite_group_info(const Request& request) const {
    RMQ_TRY(const auto header, decode_header<GetLiteGroupInfoRequestHeader>(request.ext()));
    auto bound = bound_topic(header.group);
    if (bound.refusal) {
        return std::move(*bound.refusal);
    }
    const std::string group(header.group);
    json body{{"group", group},
              {"parentTopic", bound.topic},
              {"earliestUnconsumedTimestamp", -1},
              {"totalLagCount", 0}};
    if (header.lite_topic) {
        body["liteTopic"] = *header.lite_topic;
    }
    const auto queue = lite_queue_name(bound.topic, header.lite_topic.value_or(std::string_view{}));
    if (!queue) {
        const auto top =
            header.top_k ? parse_java_number<std::int32_t>(*header.top_k).value_or(0) : 0;
        if (top < 1) {
            return Error{Errc::kInvalidArgument, "topK is less than 1"};
        }
        const auto by_count = c_.lag.by_count(group, static_cast<std::size_t>(top));
        const auto by_time = c_.lag.by_time(group, bound.topic, static_cast<std::size_t>(top));
        body["lagCountTopK"] = to_json(by_count.top);
        body["totalLagCount"] = by_count.total;
        body["lagTimestampTopK"] = to_json(by_time.top);
        body["earliestUnconsumedTimestamp"] = by_time.total;
        return success_with_json(body);
    }
    const auto end = c_.lifecycle.max_offset(*queue);
    const auto offset = c_.offsets.query({group, *queue, kLightQueueId});
    if (end <= 0) {
        body["totalLagCount"] = -1;
    } else if (offset >= 0) {
        const auto time_of = [&](std::int64_t at) {
            return c_.store.store_timestamp(*queue, kLightQueueId, QueueOffset{at});
        };
        body["totalLagCount"] = end - offset;
        body["earliestUnconsumedTimestamp"] = time_of(offset);
        body["liteTopicOffsetWrapper"] = {{"brokerOffset", end},
                                          {"consumerOffset", offset},
                                          {"pullOffset", 0},
                                          {"lastTimestamp", offset > 0 ? time_of(offset - 1) : 0}};
    }
    return success_with_json(body);
}

Result<Response> LiteManagerProcessor::trigger_lite_dispatch(const Request& request) const {
    RMQ_TRY(const auto header, decode_header<TriggerLiteDispatchRequestHeader>(request.ext()));
    auto bound = bound_topic(header.group);
    if (bound.refusal) {
        return std::move(*bound.refusal);
    }
    const auto client_id = header.client_id.value_or(std::string_view{});
    if (client_id.empty()) {
        c_.events.full_dispatch_group(std::string(header.group));
    } else {
        c_.events.full_dispatch({std::string(client_id), std::string(header.group)});
    }
    return Response(ResponseCode::SUCCESS);
}

}  // namespace rmq::broker
