// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/body/route_data.h"

#include "remoting/protocol/body/cluster_info.h"
#include "remoting/protocol/body/json_fields.h"

#include <nlohmann/json.hpp>

#include <charconv>
#include <type_traits>
#include <utility>

namespace rmq {

namespace {

// Writes members and elements with the commas between them.
class JsonText {
public:
    explicit JsonText(std::string& out) : out_(out) {}

    void open(char bracket) {
        separate();
        out_ += bracket;
        first_ = true;
    }
    void close(char bracket) {
        out_ += bracket;
        first_ = false;
    }
    void key(std::string_view name) {
        separate();
        append_json_string(out_, name);
        out_ += ':';
        first_ = true;
    }
    void integer_key(std::int64_t number, IntegerKeys keys) {
        separate();
        const char* quote = keys == IntegerKeys::kQuoted ? "\"" : "";
        out_ += quote + std::to_string(number) + quote + ':';
        first_ = true;
    }
    void text(std::string_view value) {
        separate();
        append_json_string(out_, value);
    }
    void number(std::int64_t value) {
        separate();
        out_ += std::to_string(value);
    }
    void boolean(bool value) {
        separate();
        out_ += value ? "true" : "false";
    }
    std::string& out() { return out_; }

private:
    void separate() {
        if (!first_) {
            out_ += ',';
        }
        first_ = false;
    }

    std::string& out_;
    bool first_ = true;
};

void write(JsonText& json, const std::map<std::int64_t, std::string>& addrs, IntegerKeys keys) {
    json.open('{');
    for (const auto& [id, address] : addrs) {
        json.integer_key(id, keys);
        json.text(address);
    }
    json.close('}');
}

void write(JsonText& json, const BrokerData& data, IntegerKeys keys) {
    json.open('{');
    json.key("brokerAddrs");
    write(json, data.broker_addrs, keys);
    json.key("brokerName");
    json.text(data.broker_name);
    json.key("cluster");
    json.text(data.cluster);
    json.key("enableActingMaster");
    json.boolean(data.enable_acting_master);
    if (data.zone_name) {
        json.key("zoneName");
        json.text(*data.zone_name);
    }
    json.close('}');
}

void write(JsonText& json, const QueueData& data) {
    json.open('{');
    json.key("brokerName");
    json.text(data.broker_name);
    json.key("perm");
    json.number(data.perm);
    json.key("readQueueNums");
    json.number(data.read_queue_nums);
    json.key("topicSysFlag");
    json.number(data.topic_sys_flag);
    json.key("writeQueueNums");
    json.number(data.write_queue_nums);
    json.close('}');
}

void write(JsonText& json, const TopicQueueMappingInfo& info, IntegerKeys keys) {
    json.open('{');
    json.key("bname");
    json.text(info.bname);
    json.key("currIdMap");
    json.open('{');
    for (const auto& [logical, physical] : info.curr_id_map) {
        json.integer_key(logical, keys);
        json.number(physical);
    }
    json.close('}');
    json.key("dirty");
    json.boolean(info.dirty);
    json.key("epoch");
    json.number(info.epoch);
    json.key("scope");
    json.text(info.scope);
    json.key("topic");
    json.text(info.topic);
    json.key("totalQueues");
    json.number(info.total_queues);
    json.close('}');
}

template <class Strings>
void write_strings(JsonText& json, const Strings& strings) {
    json.open('[');
    for (const auto& string : strings) {
        json.text(string);
    }
    json.close(']');
}

std::map<std::int64_t, std::string> parse_broker_addrs(const nlohmann::json& object) {
    std::map<std::int64_t, std::string> addrs;
    if (object.is_object()) {
        for (const auto& [key, value] : object.items()) {
            std::int64_t id = 0;
            const char* end = key.data() + key.size();
            if (std::from_chars(key.data(), end, id).ptr == end && !key.empty()) {
                addrs.emplace(id, json_scalar_text(value));
            }
        }
    }
    return addrs;
}

Result<nlohmann::json> parse_object(std::string_view text, const char* what) {
    RMQ_TRY(auto object, parse_body_json(text));
    if (!object.is_object()) {
        return Error{Errc::kMalformed, std::string(what) + " is not a JSON object"};
    }
    return Result<nlohmann::json>(boost::system::in_place_value, std::move(object));
}

}  // namespace

std::string encode(const TopicRouteData& route, IntegerKeys keys) {
    std::string out;
    JsonText json(out);
    json.open('{');
    json.key("brokerDatas");
    json.open('[');
    for (const auto& data : route.broker_datas) {
        write(json, data, keys);
    }
    json.close(']');
    json.key("filterServerTable");
    json.open('{');
    for (const auto& [address, filters] : route.filter_server_table) {
        json.key(address);
        write_strings(json, filters);
    }
    json.close('}');
    if (route.order_topic_conf) {
        json.key("orderTopicConf");
        json.text(*route.order_topic_conf);
    }
    json.key("queueDatas");
    json.open('[');
    for (const auto& data : route.queue_datas) {
        write(json, data);
    }
    json.close(']');
    if (route.topic_queue_mapping_by_broker) {
        json.key("topicQueueMappingByBroker");
        json.open('{');
        for (const auto& [broker_name, info] : *route.topic_queue_mapping_by_broker) {
            json.key(broker_name);
            write(json, info, keys);
        }
        json.close('}');
    }
    json.close('}');
    return out;
}

nlohmann::json to_json(const QueueData& data) {
    return {{"brokerName", data.broker_name},
            {"perm", data.perm},
            {"readQueueNums", data.read_queue_nums},
            {"topicSysFlag", data.topic_sys_flag},
            {"writeQueueNums", data.write_queue_nums}};
}

QueueData parse_queue_data(const nlohmann::json& object) {
    return {.broker_name = json_string(object, "brokerName"),
            .read_queue_nums = json_int32(object, "readQueueNums", 0),
            .write_queue_nums = json_int32(object, "writeQueueNums", 0),
            .perm = json_int32(object, "perm", 0),
            .topic_sys_flag = json_int32(object, "topicSysFlag", 0)};
}

BrokerData parse_broker_data(const nlohmann::json& object) {
    BrokerData data;
    data.cluster = json_string(object, "cluster");
    data.broker_name = json_string(object, "brokerName");
    data.broker_addrs = parse_broker_addrs(json_member(object, "brokerAddrs"));
    if (const auto& zone = json_member(object, "zoneName"); !zone.is_null()) {
        data.zone_name = json_scalar_text(zone);
    }
    data.enable_acting_master = json_bool(object, "enableActingMaster", false);
    return data;
}

Result<TopicRouteData> decode_topic_route_data(std::string_view text) {
    RMQ_TRY(const auto object, parse_object(text, "TopicRouteData"));
    TopicRouteData route;
    if (const auto& order = json_member(object, "orderTopicConf"); !order.is_null()) {
        route.order_topic_conf = json_scalar_text(order);
    }
    if (const auto& queues = json_member(object, "queueDatas"); queues.is_array()) {
        for (const auto& queue : queues) {
            route.queue_datas.push_back(parse_queue_data(queue));
        }
    }
    if (const auto& brokers = json_member(object, "brokerDatas"); brokers.is_array()) {
        for (const auto& broker : brokers) {
            route.broker_datas.push_back(parse_broker_data(broker));
        }
    }
    if (const auto& filters = json_member(object, "filterServerTable"); filters.is_object()) {
        for (const auto& [address, list] : filters.items()) {
            auto& servers = route.filter_server_table[address];
            for (const auto& server : list) {
                servers.push_back(json_scalar_text(server));
            }
        }
    }
    if (const auto& infos = json_member(object, "topicQueueMappingByBroker"); infos.is_object()) {
        auto& mappings = route.topic_queue_mapping_by_broker.emplace();
        for (const auto& [broker_name, info] : infos.items()) {
            mappings.emplace(broker_name, parse_topic_queue_mapping_info(info));
        }
    }
    return route;
}

std::string encode(const ClusterInfo& info, IntegerKeys keys) {
    std::string out;
    JsonText json(out);
    json.open('{');
    json.key("brokerAddrTable");
    json.open('{');
    for (const auto& [broker_name, data] : info.broker_addr_table) {
        json.key(broker_name);
        write(json, data, keys);
    }
    json.close('}');
    json.key("clusterAddrTable");
    json.open('{');
    for (const auto& [cluster, broker_names] : info.cluster_addr_table) {
        json.key(cluster);
        write_strings(json, broker_names);
    }
    json.close('}');
    json.close('}');
    return out;
}

Result<ClusterInfo> decode_cluster_info(std::string_view text) {
    RMQ_TRY(const auto object, parse_object(text, "ClusterInfo"));
    ClusterInfo info;
    if (const auto& brokers = json_member(object, "brokerAddrTable"); brokers.is_object()) {
        for (const auto& [broker_name, data] : brokers.items()) {
            info.broker_addr_table.emplace(broker_name, parse_broker_data(data));
        }
    }
    if (const auto& clusters = json_member(object, "clusterAddrTable"); clusters.is_object()) {
        for (const auto& [cluster, broker_names] : clusters.items()) {
            auto& names = info.cluster_addr_table[cluster];
            for (const auto& name : broker_names) {
                names.insert(json_scalar_text(name));
            }
        }
    }
    return info;
}

std::string encode(const BrokerMemberGroup& group, IntegerKeys keys) {
    std::string out;
    JsonText json(out);
    json.open('{');
    json.key("brokerMemberGroup");
    json.open('{');
    json.key("brokerAddrs");
    write(json, group.broker_addrs, keys);
    json.key("brokerName");
    json.text(group.broker_name);
    json.key("cluster");
    json.text(group.cluster);
    json.close('}');
    json.close('}');
    return out;
}

Result<BrokerMemberGroup> decode_broker_member_group(std::string_view text) {
    RMQ_TRY(const auto object, parse_object(text, "BrokerMemberGroup"));
    const auto& member = json_member(object, "brokerMemberGroup");
    return BrokerMemberGroup{
        .cluster = json_string(member, "cluster"),
        .broker_name = json_string(member, "brokerName"),
        .broker_addrs = parse_broker_addrs(json_member(member, "brokerAddrs"))};
}

}  // namespace rmq
