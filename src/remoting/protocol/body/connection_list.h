// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/protocol/body/heartbeat_data.h"
#include "remoting/protocol/remoting_command.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace rmq {

// One client's connection, for people. Source: Connection, ProducerInfo.
struct ConnectionInfo {
    std::string client_id;
    std::string client_addr;  // "ip:port"
    LanguageCode language = LanguageCode::kOther;
    std::int32_t version = 0;
    std::int64_t last_update_timestamp = 0;  // ms; in ProducerTableInfo only
};

// Body of GET_CONSUMER_CONNECTION_LIST (203). Source: ConsumerConnection.
struct ConsumerConnection {
    std::vector<ConnectionInfo> connections;
    std::map<std::string, SubscriptionData> subscription_table;  // by topic
    ConsumeType consume_type = ConsumeType::CONSUME_ACTIVELY;
    MessageModel message_model = MessageModel::CLUSTERING;
    ConsumeFromWhere consume_from_where = ConsumeFromWhere::CONSUME_FROM_LAST_OFFSET;
};
std::string encode(const ConsumerConnection& connection);

// Body of GET_PRODUCER_CONNECTION_LIST (204). Source: ProducerConnection.
std::string encode_producer_connection(const std::vector<ConnectionInfo>& connections);

// Body of GET_ALL_PRODUCER_INFO (328), by group. Source: ProducerTableInfo.
std::string encode_producer_table(
    const std::map<std::string, std::vector<ConnectionInfo>>& by_group);

}  // namespace rmq
