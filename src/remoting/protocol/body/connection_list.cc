// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/body/connection_list.h"

#include "remoting/protocol/body/json_fields.h"

#include <nlohmann/json.hpp>

namespace rmq {

namespace {

nlohmann::json connection_set(const std::vector<ConnectionInfo>& connections) {
    auto set = nlohmann::json::array();
    for (const auto& connection : connections) {
        set.push_back({{"clientAddr", connection.client_addr},
                       {"clientId", connection.client_id},
                       {"language", language_name(connection.language)},
                       {"version", connection.version}});
    }
    return set;
}

}  // namespace

std::string encode(const ConsumerConnection& connection) {
    auto subscriptions = nlohmann::json::object();
    for (const auto& [topic, subscription] : connection.subscription_table) {
        subscriptions[topic] = to_json(subscription);
    }
    return dump_json({{"connectionSet", connection_set(connection.connections)},
                      {"consumeFromWhere", consume_from_where_name(connection.consume_from_where)},
                      {"consumeType", consume_type_name(connection.consume_type)},
                      {"messageModel", message_model_name(connection.message_model)},
                      {"subscriptionTable", std::move(subscriptions)}});
}

std::string encode_producer_connection(const std::vector<ConnectionInfo>& connections) {
    return dump_json({{"connectionSet", connection_set(connections)}});
}

std::string encode_producer_table(
    const std::map<std::string, std::vector<ConnectionInfo>>& by_group) {
    auto data = nlohmann::json::object();
    for (const auto& [group, connections] : by_group) {
        auto& list = data[group] = nlohmann::json::array();
        for (const auto& connection : connections) {
            list.push_back({{"clientId", connection.client_id},
                            {"language", language_name(connection.language)},
                            {"lastUpdateTimestamp", connection.last_update_timestamp},
                            // Java's SocketAddress.toString() of an address without a name.
                            {"remoteIP", "/" + connection.client_addr},
                            {"version", connection.version}});
        }
    }
    return dump_json({{"data", std::move(data)}});
}

}  // namespace rmq
