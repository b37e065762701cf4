// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/admin/stats_admin.h"

#include "broker/broker_config.h"
#include "broker/client/consumer_manager.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/processor/admin/admin_handler.h"
#include "broker/response_mapping.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/topic/topic_config_manager.h"
#include "broker/topic/topic_validator.h"
#include "remoting/protocol/body/json_fields.h"
#include "remoting/protocol/header/admin.h"
#include "remoting/protocol/header/topic.h"
#include "store/message_store.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>

namespace rmq::broker {

namespace {

Response topic_not_exist(std::string_view topic) {
    return Response(ResponseCode::TOPIC_NOT_EXIST, "topic[" + std::string(topic) + "] not exist");
}

std::set<std::string> split_topics(std::string_view list) {
    std::set<std::string> topics;
    while (!list.empty()) {
        const auto end = list.find(';');
        if (!is_blank(list.substr(0, end))) {
            topics.emplace(list.substr(0, end));
        }
        list = end == std::string_view::npos ? std::string_view() : list.substr(end + 1);
    }
    return topics;
}

}  // namespace

void StatsAdmin::register_in(RequestRegistry& registry, const AdminQueue& queue) {
    const auto blocking = [&](RequestCode code, auto member) {
        registry.add(code, answer_on(queue, [this, member](const Request& request) {
                         return (this->*member)(request);
                     }));
    };
    blocking(RequestCode::GET_TOPIC_STATS_INFO, &StatsAdmin::get_topic_stats);
    blocking(RequestCode::GET_CONSUME_STATS, &StatsAdmin::get_consume_stats);
    blocking(RequestCode::QUERY_CONSUME_TIME_SPAN, &StatsAdmin::query_consume_time_span);
    blocking(RequestCode::VIEW_BROKER_STATS_DATA, &StatsAdmin::view_broker_stats);
    blocking(RequestCode::GET_BROKER_CONSUME_STATS, &StatsAdmin::get_broker_consume_stats);
}

Result<Response> StatsAdmin::get_topic_stats(const Request& request) {
    RMQ_TRY(const auto header, decode_header<TopicRequestHeader>(request.ext()));
    const auto topic = parts_.topics.select(header.topic);
    if (topic == nullptr) {
        return topic_not_exist(header.topic);
    }
    TopicStatsTable table;
    const auto queues = std::max(topic->write_queue_nums, topic->read_queue_nums);
    for (std::int32_t queue_id = 0; queue_id < queues; ++queue_id) {
        const auto min = parts_.store.min_offset(header.topic, queue_id).value;
        const auto max = parts_.store.max_offset(header.topic, queue_id).value;
        TopicOffset offset;
        offset.min_offset = std::max<std::int64_t>(0, min);
        offset.max_offset = std::max<std::int64_t>(0, max);
        if (max > 0) {
            offset.last_update_timestamp =
                parts_.store.store_timestamp_at(header.topic, queue_id, {max - 1});
        }
        table.offset_table[{topic->topic_name, parts_.config.broker_name, queue_id}] = offset;
    }
    if (parts_.stats.topic_put_tps) {
        table.topic_put_tps = parts_.stats.topic_put_tps(header.topic);
    }
    return success_with(encode(table));
}

std::set<std::string> StatsAdmin::subscribed_only(std::set<std::string> topics,
                                                  std::string_view group) const {
    const auto view = parts_.consumers.group(group);
    if (view && !view->subscriptions.empty()) {
        std::erase_if(topics,
                      [&](const auto& topic) { return !view->subscriptions.contains(topic); });
    }
    return topics;
}

OffsetWrapper StatsAdmin::offsets_of(std::string_view group, std::string_view topic,
                                     std::int32_t queue_id) const {
    OffsetWrapper offsets;
    offsets.broker_offset =
        std::max<std::int64_t>(0, parts_.store.max_offset(topic, queue_id).value);
    offsets.consumer_offset =
        std::max<std::int64_t>(0, parts_.offsets.query({group, topic, queue_id}));
    if (offsets.consumer_offset > 0) {
        offsets.last_timestamp = std::max<std::int64_t>(
            0, parts_.store.store_timestamp_at(topic, queue_id, {offsets.consumer_offset - 1}));
    }
    return offsets;
}

double StatsAdmin::group_tps(std::string_view group, std::string_view topic) const {
    return parts_.stats.group_get_tps ? parts_.stats.group_get_tps(group, topic) : 0;
}

Result<Response> StatsAdmin::get_consume_stats(const Request& request) {
    RMQ_TRY(const auto header, decode_header<GetConsumeStatsRequestHeader>(request.ext()));
    const auto group = header.consumer_group;
    auto topics = split_topics(header.topic_list.value_or(""));
    if (topics.empty()) {
        const std::string_view topic = header.topic.value_or("");
        topics = subscribed_only(is_blank(topic) ? parts_.offsets.topics_of_group(group)
                                                 : std::set<std::string>{std::string(topic)},
                                 group);
    }
    ConsumeStats stats;
    for (const auto& name : topics) {
        const auto topic = parts_.topics.select(name);
        if (topic == nullptr) {
            continue;
        }
        for (std::int32_t queue_id = 0; queue_id < topic->read_queue_nums; ++queue_id) {
            auto offsets = offsets_of(group, name, queue_id);
            offsets.pull_offset = std::max(offsets.consumer_offset,
                                           parts_.offsets.query_pull({group, name, queue_id}));
            stats.offset_table[{name, parts_.config.broker_name, queue_id}] = offsets;
        }
        stats.consume_tps += group_tps(group, name);
    }
    return success_with(encode(stats));
}

Result<Response> StatsAdmin::query_consume_time_span(const Request& request) {
    RMQ_TRY(const auto header, decode_header<TopicGroupRequestHeader>(request.ext()));
    const auto topic = parts_.topics.select(header.topic);
    if (topic == nullptr) {
        return topic_not_exist(header.topic);
    }
    const auto time_at = [&](std::int32_t queue_id, std::int64_t offset) {
        return parts_.store.store_timestamp_at(header.topic, queue_id, {offset});
    };
    auto spans = nlohmann::json::array();
    for (std::int32_t queue_id = 0; queue_id < topic->write_queue_nums; ++queue_id) {
        const auto min = parts_.store.min_offset(header.topic, queue_id).value;
        const auto max = parts_.store.max_offset(header.topic, queue_id).value;
        const auto min_time = min < 0 ? -1 : time_at(queue_id, min);
        const auto max_time = time_at(queue_id, max - 1);
        const auto consumed = parts_.offsets.query({header.group, header.topic, queue_id});
        const auto consume_time = consumed > 0 ? time_at(queue_id, consumed - 1) : min_time;
        const auto delay = consumed < max ? parts_.clock.now_ms() - time_at(queue_id, consumed) : 0;
        spans.push_back(
            {{"consumeTimeStamp", consume_time},
             {"consumeTimeStampStr", human_time(consume_time)},
             {"delayTime", delay},
             {"maxTimeStamp", max_time},
             {"maxTimeStampStr", human_time(max_time)},
             {"messageQueue",
              to_json(MessageQueue{topic->topic_name, parts_.config.broker_name, queue_id})},
             {"minTimeStamp", min_time},
             {"minTimeStampStr", human_time(min_time)}});
    }
    return success_with(dump_json({{"consumeTimeSpanSet", std::move(spans)}}));
}

Result<Response> StatsAdmin::view_broker_stats(const Request& request) {
    RMQ_TRY(const auto header, decode_header<ViewBrokerStatsDataRequestHeader>(request.ext()));
    const auto item =
        parts_.stats.item ? parts_.stats.item(header.stats_name, header.stats_key) : std::nullopt;
    if (!item) {
        return Response(ResponseCode::SYSTEM_ERROR, "The stats <" + std::string(header.stats_name) +
                                                        "> <" + std::string(header.stats_key) +
                                                        "> not exist");
    }
    return success_with(encode(*item));
}

Result<Response> StatsAdmin::get_broker_consume_stats(const Request& request) {
    RMQ_TRY(const auto header, decode_header<GetBrokerConsumeStatsRequestHeader>(request.ext()));
    ConsumeStatsList list;
    list.broker_addr = broker_address(parts_.config);
    const auto groups = parts_.groups.table();
    for (const auto& [group, config] : *groups) {
        std::vector<ConsumeStats> all;
        for (const auto& name : subscribed_only(parts_.offsets.topics_of_group(group), group)) {
            const auto topic = parts_.topics.select(name);
            if (topic == nullptr || (header.is_order && !topic->order)) {
                continue;
            }
            ConsumeStats stats;
            for (std::int32_t queue_id = 0; queue_id < topic->write_queue_nums; ++queue_id) {
                stats.offset_table[{name, parts_.config.broker_name, queue_id}] =
                    offsets_of(group, name, queue_id);
            }
            stats.consume_tps = group_tps(group, name);
            list.total_diff += stats.total_diff();
            list.total_inflight_diff += stats.inflight_total_diff();
            all.push_back(std::move(stats));
        }
        list.consume_stats_list.emplace_back(group, std::move(all));
    }
    return success_with(encode(list));
}

}  // namespace rmq::broker
