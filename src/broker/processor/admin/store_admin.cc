// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/admin/store_admin.h"

#include "broker/client/consumer_manager.h"
#include "broker/processor/admin/admin_handler.h"
#include "broker/topic/topic_config_manager.h"
#include "common/log.h"
#include "remoting/protocol/body/json_fields.h"
#include "remoting/protocol/header/admin.h"
#include "store/message_store.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace rmq::broker {

namespace {

// Entries that one answer may hold; a frame has room for some 100,000.
constexpr std::int32_t kQueueEntriesMax = 50'000;

}  // namespace

void StoreAdmin::register_in(RequestRegistry& registry, const AdminQueue& queue) {
    registry.add(RequestCode::CLEAN_EXPIRED_CONSUMEQUEUE, answer_on(queue, [this](const Request&) {
                     store_.clean_expired_consume_queues();
                     return Result<Response>(Response(ResponseCode::SUCCESS));
                 }));
    registry.add(RequestCode::DELETE_EXPIRED_COMMITLOG, answer_on(queue, [this](const Request&) {
                     log_of("broker").warn("expired_commit_log_deletion_requested");
                     store_.delete_expired_commit_log_files();
                     return Result<Response>(Response(ResponseCode::SUCCESS));
                 }));
    registry.add(RequestCode::CLEAN_UNUSED_TOPIC, answer_on(queue, [this](const Request& request) {
                     return clean_unused_topic(request);
                 }));
    registry.add(RequestCode::QUERY_CONSUME_QUEUE, answer_on(queue, [this](const Request& request) {
                     return query_consume_queue(request);
                 }));
    registry.add(
        RequestCode::GET_BROKER_HA_STATUS,
        answer_on(queue, [this](const Request& request) { return get_ha_status(request); }));
    registry.add(RequestCode::GET_BROKER_EPOCH_CACHE, answer_inline([](const Request&) {
                     return Result<Response>(Response(ResponseCode::SYSTEM_ERROR,
                                                      "this request only for controllerMode "));
                 }));
}

Result<Response> StoreAdmin::clean_unused_topic(const Request&) {
    std::set<std::string, std::less<>> retained;
    for (const auto& [name, topic] : *topics_.table()) {
        retained.insert(name);
    }
    const int count = store_.clean_unused_topics(retained);
    log_of("broker").warn("unused_topics_cleaned count={}", count);
    return Response(ResponseCode::SUCCESS);
}

// Source: DefaultHAService.getRuntimeInfo, HARuntimeInfo.
Result<Response> StoreAdmin::get_ha_status(const Request&) {
    const nlohmann::json as_slave{{"lastReadTimestamp", 0},
                                  {"lastWriteTimestamp", 0},
                                  {"masterFlushOffset", 0},
                                  {"maxOffset", 0},
                                  {"transferredByteInSecond", 0}};
    return success_with(
        dump_json({{"haClientRuntimeInfo", as_slave},
                   {"haConnectionInfo", nlohmann::json::array()},
                   {"inSyncSlaveNums", 0},
                   {"master", true},
                   {"masterCommitLogMaxOffset", store_.runtime().commit_log_max.value}}));
}

Result<Response> StoreAdmin::query_consume_queue(const Request& request) {
    RMQ_TRY(const auto header, decode_header<QueryConsumeQueueRequestHeader>(request.ext()));
    const auto min = store_.min_offset(header.topic, header.queue_id).value;
    const auto max = store_.max_offset(header.topic, header.queue_id).value;
    if (min < 0) {
        return Response(
            ResponseCode::SYSTEM_ERROR,
            std::to_string(header.queue_id) + "@" + std::string(header.topic) + " is not exist!");
    }
    nlohmann::json body{{"maxQueueIndex", max}, {"minQueueIndex", min}};
    if (header.consumer_group) {
        const std::string group(*header.consumer_group);
        body["filterData"] = group + "@" + std::string(header.topic) + " is not online!";
        if (const auto view = consumers_.group(group)) {
            const auto found = view->subscriptions.find(std::string(header.topic));
            if (found != view->subscriptions.end()) {
                body["subscriptionData"] = to_json(found->second);
                body["filterData"] = "null";  // no property filters yet
            }
        }
    }
    if (header.index < min || header.index >= max) {
        Response response(ResponseCode::SUCCESS);
        response.remark = "Index " + std::to_string(header.index) + " of " +
                          std::to_string(header.queue_id) + "@" + std::string(header.topic) +
                          " is not exist!";
        return response;
    }
    auto entries = nlohmann::json::array();
    const auto count = std::min(header.count, kQueueEntriesMax);
    for (std::int64_t index = header.index; index < header.index + count; ++index) {
        const auto entry = store_.queue_entry(header.topic, header.queue_id, {index});
        if (!entry) {
            break;
        }
        if (!entries.empty() && entries.back()["physicOffset"] == entry->physical_offset.value) {
            continue;  // a further message of the same batch
        }
        entries.push_back({{"eval", false},
                           {"physicOffset", entry->physical_offset.value},
                           {"physicSize", entry->size},
                           {"tagsCode", entry->tags_code}});
    }
    body["queueData"] = std::move(entries);
    return success_with(dump_json(body));
}

}  // namespace rmq::broker
