// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/admin/offset_admin.h"

#include "broker/broker_config.h"
#include "broker/client/broker2client.h"
#include "broker/client/consumer_manager.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/processor/admin/admin_handler.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/topic/topic_config_manager.h"
#include "broker/topic/topic_validator.h"
#include "common/light_queue.h"
#include "common/lite_topic.h"
#include "common/log.h"
#include "remoting/protocol/body/json_fields.h"
#include "remoting/protocol/body/queue_stats.h"
#include "remoting/protocol/header/admin.h"
#include "remoting/protocol/header/offset.h"
#include "store/message_store.h"
#include "store/message_store_config.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>

namespace rmq::broker {

namespace {

// Only the word itself, in any case, selects the upper bound. Source: BoundaryType.getType.
store::BoundaryType boundary_of(std::optional<std::string_view> name) {
    constexpr std::string_view kUpper = "upper";
    const bool is_upper =
        name && std::equal(name->begin(), name->end(), kUpper.begin(), kUpper.end(),
                           [](unsigned char a, char b) { return std::tolower(a) == b; });
    return is_upper ? store::BoundaryType::UPPER : store::BoundaryType::LOWER;
}

}  // namespace

struct OffsetAdmin::ResetWish {
    std::string_view topic;
    std::string_view group;
    std::int32_t queue_id = -1;  // negative: all
    std::int64_t timestamp = -1;
    std::int64_t offset = -1;  // -1: by timestamp
};

void OffsetAdmin::register_in(RequestRegistry& registry, const AdminQueue& queue) {
    const auto blocking = [&](RequestCode code, auto member) {
        registry.add(code, answer_on(queue, [this, member](const Request& request) {
                         return (this->*member)(request);
                     }));
    };
    const auto immediate = [&](RequestCode code, auto member) {
        registry.add(code, answer_inline([this, member](const Request& request) {
                         return (this->*member)(request);
                     }));
    };
    blocking(RequestCode::SEARCH_OFFSET_BY_TIMESTAMP, &OffsetAdmin::search_offset_by_timestamp);
    immediate(RequestCode::GET_MAX_OFFSET, &OffsetAdmin::get_max_offset);
    immediate(RequestCode::GET_MIN_OFFSET, &OffsetAdmin::get_min_offset);
    blocking(RequestCode::GET_EARLIEST_MSG_STORETIME, &OffsetAdmin::get_earliest_store_time);
    blocking(RequestCode::GET_ALL_CONSUMER_OFFSET, &OffsetAdmin::get_all_consumer_offset);
    blocking(RequestCode::GET_ALL_DELAY_OFFSET, &OffsetAdmin::get_all_delay_offset);
    blocking(RequestCode::QUERY_CORRECTION_OFFSET, &OffsetAdmin::query_correction_offset);
    blocking(RequestCode::CLONE_GROUP_OFFSET, &OffsetAdmin::clone_group_offset);
    registry.add(RequestCode::INVOKE_BROKER_TO_RESET_OFFSET,
                 relay_on(queue, [this](const Request& request, Responder responder) {
                     reset_offset(request, std::move(responder));
                 }));
}

Result<Response> OffsetAdmin::search_offset_by_timestamp(const Request& request) {
    RMQ_TRY(const auto header, decode_header<SearchOffsetRequestHeader>(request.ext()));
    std::string topic(header.topic);
    if (const auto lite_topic = header.lite_topic.value_or(std::string_view{});
        !is_blank(lite_topic)) {
        topic = lite_queue_name(header.topic, lite_topic).value_or(std::string{});
        if (header.queue_id != kLightQueueId ||
            parts_.store.max_offset(topic, kLightQueueId).value <= 0) {
            return success_with_header(OffsetResponseHeader{0});
        }
    }
    const auto offset = parts_.store.search_offset_by_time(topic, header.queue_id, header.timestamp,
                                                           boundary_of(header.boundary_type));
    return success_with_header(OffsetResponseHeader{offset.value});
}

Result<Response> OffsetAdmin::get_max_offset(const Request& request) {
    RMQ_TRY(const auto header, decode_header<GetMaxOffsetRequestHeader>(request.ext()));
    return success_with_header(
        OffsetResponseHeader{parts_.store.max_offset(header.topic, header.queue_id).value});
}

// 0 also for a queue that has no file, as consumers seek to it.
Result<Response> OffsetAdmin::get_min_offset(const Request& request) {
    RMQ_TRY(const auto header, decode_header<TopicQueueRequestHeader>(request.ext()));
    const auto min = parts_.store.min_offset(header.topic, header.queue_id).value;
    return success_with_header(OffsetResponseHeader{std::max<std::int64_t>(min, 0)});
}

Result<Response> OffsetAdmin::get_earliest_store_time(const Request& request) {
    RMQ_TRY(const auto header, decode_header<TopicQueueRequestHeader>(request.ext()));
    const auto first = parts_.store.min_offset(header.topic, header.queue_id);
    return success_with_header(TimestampResponseHeader{
        first.value < 0 ? -1
                        : parts_.store.store_timestamp_at(header.topic, header.queue_id, first)});
}

Result<Response> OffsetAdmin::get_all_consumer_offset(const Request&) {
    return success_with(dump_json(parts_.offsets.serialize()));
}

Result<Response> OffsetAdmin::get_all_delay_offset(const Request&) {
    if (!parts_.delay_offsets) {
        return Response(ResponseCode::SYSTEM_ERROR, "No delay offset in this broker");
    }
    return success_with(parts_.delay_offsets());
}

Result<Response> OffsetAdmin::query_correction_offset(const Request& request) {
    RMQ_TRY(const auto header, decode_header<QueryCorrectionOffsetRequestHeader>(request.ext()));
    // The original removes the filtered groups' offsets for good (a defect); here they are only
    // left out of the minimum.
    const std::string filter = "," + std::string(header.filter_groups.value_or("")) + ",";
    ConsumerOffsetManager::Offsets corrected;
    for (const auto& group : parts_.offsets.groups_of_topic(header.topic)) {
        const auto offsets = parts_.offsets.offsets_of(group, header.topic);
        if (!offsets || filter.find("," + group + ",") != std::string::npos) {
            continue;
        }
        for (const auto& [queue_id, offset] : *offsets) {
            if (offset >= parts_.store.min_offset(header.topic, queue_id).value) {
                const auto [slot, is_new] = corrected.try_emplace(queue_id, offset);
                slot->second = std::min(slot->second, offset);
            }
        }
    }
    if (const auto compare = parts_.offsets.offsets_of(header.compare_group, header.topic)) {
        for (const auto& [queue_id, offset] : *compare) {
            if (const auto found = corrected.find(queue_id);
                found != corrected.end() && found->second > offset) {
                found->second = INT64_MAX;
            }
        }
    }
    auto table = nlohmann::json::object();
    for (const auto& [queue_id, offset] : corrected) {
        table[std::to_string(queue_id)] = offset;
    }
    return success_with(dump_json({{"correctionOffsets", std::move(table)}}));
}

Result<Response> OffsetAdmin::clone_group_offset(const Request& request) {
    RMQ_TRY(const auto header, decode_header<CloneGroupOffsetRequestHeader>(request.ext()));
    std::set<std::string> topics;
    if (is_blank(header.topic.value_or(""))) {
        topics = parts_.offsets.topics_of_group(header.src_group);
    } else {
        topics.emplace(*header.topic);
    }
    const auto source = parts_.consumers.group(header.src_group);
    for (const auto& topic : topics) {
        const bool is_unsubscribed =
            source && !source->subscriptions.empty() && !source->subscriptions.contains(topic);
        if (!parts_.topics.contains(topic) ||
            (is_unsubscribed && !header.offline.value_or(false))) {
            continue;
        }
        // The original clones only a topic that the request names; all of them are meant.
        parts_.offsets.clone(header.src_group, header.dest_group, topic);
    }
    return Response(ResponseCode::SUCCESS);
}

void OffsetAdmin::reset_offset(const Request& request, Responder responder) {
    const auto header = decode_header<ResetOffsetRequestHeader>(request.ext());
    if (!header) {
        responder.send(ResponseCode::SYSTEM_ERROR, header.error().remark);
        return;
    }
    log_of("broker").info("offset_reset_requested peer={} topic={} group={} timestamp={} force={}",
                          request.connection->peer().to_string(), header->topic, header->group,
                          header->timestamp, header->is_force);
    if (!parts_.config.use_server_side_reset_offset) {
        responder.send(parts_.to_clients.reset_offset({.topic = header->topic,
                                                       .group = header->group,
                                                       .timestamp = header->timestamp,
                                                       .is_force = header->is_force}));
        return;
    }
    const auto result = reset_in_broker({.topic = header->topic,
                                         .group = header->group,
                                         .queue_id = header->queue_id.value_or(-1),
                                         .timestamp = header->timestamp,
                                         .offset = header->offset.value_or(-1)});
    responder.send(result ? *result : Response(ResponseCode::SYSTEM_ERROR, result.error().remark));
}

Result<Response> OffsetAdmin::reset_in_broker(const ResetWish& wish) {
    const std::string topic(wish.topic);
    const std::string group(wish.group);
    if (parts_.store_config.broker_role == store::BrokerRole::SLAVE) {
        return Response(ResponseCode::SYSTEM_ERROR, "Can not reset offset in slave broker");
    }
    const auto config = parts_.topics.select(topic);
    if (config == nullptr) {
        return Response(ResponseCode::TOPIC_NOT_EXIST, "Topic " + topic + " does not exist");
    }
    if (!parts_.groups.contains(group)) {
        return Response(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST,
                        "Group " + group + " does not exist");
    }
    const auto by_time = [&](std::int32_t queue_id) {
        return wish.timestamp < 0 ? parts_.store.max_offset(topic, queue_id).value
                                  : parts_.store
                                        .search_offset_by_time(topic, queue_id, wish.timestamp,
                                                               store::BoundaryType::LOWER)
                                        .value;
    };
    std::map<std::int32_t, std::int64_t> offsets;
    if (wish.queue_id < 0) {
        for (std::int32_t queue_id = 0; queue_id < config->read_queue_nums; ++queue_id) {
            offsets[queue_id] = by_time(queue_id);
        }
    } else if (wish.offset == -1) {
        offsets[wish.queue_id] = by_time(wish.queue_id);
    } else {
        const auto min = parts_.store.min_offset(topic, wish.queue_id).value;
        const auto max = parts_.store.max_offset(topic, wish.queue_id).value;
        if ((min >= 0 && wish.offset < min) || wish.offset > max + 1) {
            return Response(ResponseCode::SYSTEM_ERROR,
                            "Target offset " + std::to_string(wish.offset) +
                                " not in consume queue range [" + std::to_string(min) + "-" +
                                std::to_string(max) + "]");
        }
        offsets[wish.queue_id] = wish.offset;
    }
    if (offsets.empty()) {
        return Response(ResponseCode::SYSTEM_ERROR, "No queues to reset.");
    }
    QueueOffsetTable table;
    for (const auto& [queue_id, offset] : offsets) {
        parts_.offsets.assign_reset({group, topic, queue_id}, offset);
        table[{topic, parts_.config.broker_name, queue_id}] = offset;
    }
    return success_with(encode_reset_offset_body(table));
}

}  // namespace rmq::broker
