// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/body/kv_table.h"

#include "remoting/protocol/body/json_fields.h"
#include "remoting/protocol/body/topic_list.h"

#include <nlohmann/json.hpp>

namespace rmq {

namespace {

Result<nlohmann::json> parse_object(std::string_view text, const char* what) {
    RMQ_TRY(auto object, parse_body_json(text));
    if (!object.is_object()) {
        return Error{Errc::kMalformed, std::string(what) + " is not a JSON object"};
    }
    return Result<nlohmann::json>(boost::system::in_place_value, std::move(object));
}

}  // namespace

std::string encode(const KvTable& table) {
    return dump_json({{"table", nlohmann::json(table.table)}});
}

Result<KvTable> decode_kv_table(std::string_view text) {
    RMQ_TRY(const auto object, parse_object(text, "KVTable"));
    KvTable table;
    if (const auto& members = json_member(object, "table"); members.is_object()) {
        for (const auto& [key, value] : members.items()) {
            table.table.emplace(key, json_scalar_text(value));
        }
    }
    return table;
}

std::string encode(const TopicList& list) {
    nlohmann::json object = {{"topicList", list.topic_list}};
    if (list.broker_addr) {
        object["brokerAddr"] = *list.broker_addr;
    }
    return dump_json(object);
}

Result<TopicList> decode_topic_list(std::string_view text) {
    RMQ_TRY(const auto object, parse_object(text, "TopicList"));
    TopicList list;
    if (const auto& topics = json_member(object, "topicList"); topics.is_array()) {
        for (const auto& topic : topics) {
            list.topic_list.push_back(json_scalar_text(topic));
        }
    }
    if (object.contains("brokerAddr")) {
        list.broker_addr = json_string(object, "brokerAddr");
    }
    return list;
}

}  // namespace rmq
