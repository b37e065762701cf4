// SPDX-License-Identifier: Apache-2.0
#include "broker/client/broker2client.h"

#include "broker/broker_config.h"
#include "broker/client/consumer_manager.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/topic/topic_config_manager.h"
#include "common/log.h"
#include "remoting/protocol/body/queue_stats.h"
#include "remoting/protocol/header/admin.h"
#include "remoting/protocol/header_codec.h"
#include "store/message_store.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <utility>

namespace rmq::broker {

namespace {

constexpr std::chrono::milliseconds kCallTimeout{10'000};
constexpr std::chrono::milliseconds kStatusTimeout{5'000};

Response too_old(std::int32_t version) {
    return Response(ResponseCode::SYSTEM_ERROR,
                    "the client does not support this feature. version=" + std::to_string(version));
}

// What several clients answer to one question; the last answer sends the reply.
struct StatusCollector {
    std::mutex mutex;
    std::map<std::string, std::string> by_client;  // guarded by mutex
    std::size_t missing = 0;                       // guarded by mutex
    Responder responder;                           // used by whoever makes missing 0

    void on_answer(const std::string& client_id, const Result<InboundResponse>& answer) {
        std::unique_lock lock(mutex);
        if (answer && answer->code == static_cast<std::int32_t>(ResponseCode::SUCCESS) &&
            !answer->body.empty()) {
            by_client[client_id] = message_queue_table_text(answer->body);
        }
        if (--missing > 0) {
            return;
        }
        Response response(ResponseCode::SUCCESS);
        response.body = encode_consumer_status_body(by_client);
        lock.unlock();
        responder.send(std::move(response));
    }
};

Response failure_of(const std::string& who, const Error& error, const Connection& connection) {
    if (error.code == Errc::kTimeout) {
        return Response(ResponseCode::CONSUME_MSG_TIMEOUT,
                        "consumer " + who + " Timeout: wait response on the channel <" +
                            connection.peer().to_string() + "> timeout, " +
                            std::to_string(kCallTimeout.count()) + "(ms)");
    }
    return Response(ResponseCode::SYSTEM_ERROR,
                    "invoke consumer " + who + " Exception: " + error.remark);
}

Response relayed(InboundResponse answer) {
    // Codes of clients are passed on whatever they are.
    Response response(static_cast<ResponseCode>(answer.code), std::move(answer.remark));
    for (const auto& [key, value] : answer.ext) {
        response.ext.add(key, value);
    }
    response.body = std::move(answer.body);
    return response;
}

}  // namespace

Broker2Client::Broker2Client(const BrokerConfig& config, ConsumerManager& consumers,
                             TopicConfigManager& topics, ConsumerOffsetManager& offsets,
                             store::MessageStore& store)
    : config_(config), consumers_(consumers), topics_(topics), offsets_(offsets), store_(store) {}

Response Broker2Client::reset_offset(const ResetOffset& wish) {
    const std::string topic(wish.topic);
    const std::string group(wish.group);
    const auto topic_config = topics_.select(topic);
    if (topic_config == nullptr) {
        return Response(
            ResponseCode::TOPIC_NOT_EXIST,
            "[reset-offset] reset offset failed, no topic in this broker. topic=" + topic);
    }
    QueueOffsetTable table;
    for (std::int32_t queue_id = 0; queue_id < topic_config->write_queue_nums; ++queue_id) {
        const auto consumed = offsets_.query({group, topic, queue_id});
        if (consumed == -1) {
            return Response(ResponseCode::SYSTEM_ERROR,
                            "THe consumer group <" + group + "> not exist");
        }
        const auto target = wish.timestamp == -1
                                ? store_.max_offset(topic, queue_id)
                                : store_.search_offset_by_time(topic, queue_id, wish.timestamp,
                                                               store::BoundaryType::LOWER);
        const auto offset = std::max<std::int64_t>(0, target.value);
        table[{topic, config_.broker_name, queue_id}] =
            wish.is_force || offset < consumed ? offset : consumed;
    }
    const auto members = consumers_.channels(group);
    if (members.empty()) {
        return Response(ResponseCode::CONSUMER_NOT_ONLINE,
                        "Consumer not online, so can not reset offset, Group: " + group +
                            " Topic: " + topic + " Timestamp: " + std::to_string(wish.timestamp));
    }
    OutboundCommand command(RequestCode::RESET_CONSUMER_CLIENT_OFFSET);
    ResetOffsetRequestHeader header;
    header.group = group;
    header.topic = topic;
    header.queue_id = -1;
    header.timestamp = wish.timestamp;
    encode_header(header, command.ext);
    const std::string body = encode_reset_offset_body(table);
    const std::string body_for_c = encode_reset_offset_body_for_c(table);
    for (const auto& member : members) {
        if (member.version < mq_version::kV3_0_7_SNAPSHOT) {
            return too_old(member.version);
        }
        // The original looks at the administrator's language; what counts is who has to read it.
        command.body = member.language == LanguageCode::kCpp ? body_for_c : body;
        member.connection->send_oneway(command);
        log_of("broker").info("offset_reset_sent topic={} group={} client={}", topic, group,
                              member.client_id);
    }
    Response response(ResponseCode::SUCCESS);
    response.body = body;
    return response;
}

void Broker2Client::get_consume_status(std::string_view topic, std::string_view group,
                                       std::string_view client_id, Responder responder) {
    auto members = consumers_.channels(group);
    if (members.empty()) {
        responder.send(
            ResponseCode::SYSTEM_ERROR,
            "No Any Consumer online in the consumer group: [" + std::string(group) + "]");
        return;
    }
    for (const auto& member : members) {
        if (member.version < mq_version::kV3_0_7_SNAPSHOT) {
            responder.send(too_old(member.version));
            return;
        }
    }
    if (!client_id.empty()) {
        std::erase_if(members, [&](const auto& member) { return member.client_id != client_id; });
    }
    OutboundCommand command(RequestCode::GET_CONSUMER_STATUS_FROM_CLIENT);
    GetConsumerStatusRequestHeader header;
    header.topic = topic;
    header.group = group;
    encode_header(header, command.ext);
    auto collector = std::make_shared<StatusCollector>();
    collector->missing = members.size();
    collector->responder = std::move(responder);
    if (members.empty()) {
        Response response(ResponseCode::SUCCESS);
        response.body = encode_consumer_status_body({});
        collector->responder.send(std::move(response));
        return;
    }
    for (const auto& member : members) {
        member.connection->invoke(
            command, kStatusTimeout,
            [collector, id = member.client_id](Result<InboundResponse> answer) {
                collector->on_answer(id, answer);
            });
    }
}

void Broker2Client::call_consumer(std::string_view group, std::string_view client_id,
                                  const OutboundCommand& command, Responder responder) {
    const std::string who = "<" + std::string(group) + "> <" + std::string(client_id) + ">";
    const auto channel = consumers_.find_channel(group, client_id);
    if (!channel) {
        responder.send(ResponseCode::SYSTEM_ERROR, "The Consumer " + who + " not online");
        return;
    }
    if (channel->version < mq_version::kV3_1_8_SNAPSHOT) {
        responder.send(ResponseCode::SYSTEM_ERROR,
                       "The Consumer <" + std::string(client_id) + "> Version <" +
                           std::to_string(channel->version) +
                           "> too low to finish, please upgrade it to V3_1_8_SNAPSHOT");
        return;
    }
    channel->connection->invoke(
        command, kCallTimeout,
        [who, connection = channel->connection,
         duty = std::move(responder)](Result<InboundResponse> answer) mutable {
            duty.send(answer ? relayed(std::move(*answer))
                             : failure_of(who, answer.error(), *connection));
        });
}

}  // namespace rmq::broker
