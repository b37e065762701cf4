// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/body/topic_config.h"

#include "common/parse_number.h"
#include "remoting/protocol/body/json_fields.h"

#include <nlohmann/json.hpp>

#include <utility>
#include <vector>

namespace rmq {

namespace {

Error not_an_object(const char* what) {
    return Error{Errc::kMalformed, std::string(what) + " is not a JSON object"};
}

std::map<std::string, std::string> attributes_from_json(const nlohmann::json& object) {
    std::map<std::string, std::string> attributes;
    if (object.is_object()) {
        for (const auto& [key, value] : object.items()) {
            attributes.emplace(key, json_scalar_text(value));
        }
    }
    return attributes;
}

// Words between single spaces. The last one takes the rest, since attribute values may have blanks.
std::vector<std::string_view> split_words(std::string_view line, std::size_t max_words) {
    std::vector<std::string_view> words;
    while (words.size() + 1 < max_words) {
        const auto blank = line.find(' ');
        if (blank == std::string_view::npos) {
            break;
        }
        words.push_back(line.substr(0, blank));
        line.remove_prefix(blank + 1);
    }
    words.push_back(line);
    return words;
}

Result<std::int32_t> parse_int32(std::string_view word) {
    const auto number = parse_number<std::int32_t>(word);
    if (!number) {
        return Error{Errc::kMalformed, "not a number in a topic line: " + std::string(word)};
    }
    return *number;
}

}  // namespace

nlohmann::json to_json(const DataVersion& version) {
    return {{"counter", version.counter},
            {"stateVersion", version.state_version},
            {"timestamp", version.timestamp}};
}

DataVersion parse_data_version(const nlohmann::json& object) {
    return {.state_version = json_int64(object, "stateVersion", 0),
            .timestamp = json_int64(object, "timestamp", 0),
            .counter = json_int64(object, "counter", 0)};
}

std::string encode(const DataVersion& version) {
    return dump_json(to_json(version));
}

Result<DataVersion> decode_data_version(std::string_view text) {
    RMQ_TRY(const auto object, parse_body_json(text));
    if (!object.is_object()) {
        return not_an_object("DataVersion");
    }
    return parse_data_version(object);
}

const char* topic_filter_type_name(TopicFilterType type) {
    return type == TopicFilterType::MULTI_TAG ? "MULTI_TAG" : "SINGLE_TAG";
}

Result<TopicFilterType> parse_topic_filter_type(std::string_view name) {
    if (name == "SINGLE_TAG") {
        return TopicFilterType::SINGLE_TAG;
    }
    if (name == "MULTI_TAG") {
        return TopicFilterType::MULTI_TAG;
    }
    return Error{Errc::kInvalidArgument, "unknown topicFilterType " + std::string(name)};
}

nlohmann::json to_json(const TopicConfig& config) {
    return {{"attributes", nlohmann::json(config.attributes)},
            {"order", config.order},
            {"perm", config.perm},
            {"readQueueNums", config.read_queue_nums},
            {"topicFilterType", topic_filter_type_name(config.topic_filter_type)},
            {"topicName", config.topic_name},
            {"topicSysFlag", config.topic_sys_flag},
            {"writeQueueNums", config.write_queue_nums}};
}

Result<TopicConfig> parse_topic_config(const nlohmann::json& object) {
    if (!object.is_object()) {
        return not_an_object("TopicConfig");
    }
    TopicConfig config;
    config.topic_name = json_string(object, "topicName");
    config.read_queue_nums = json_int32(object, "readQueueNums", config.read_queue_nums);
    config.write_queue_nums = json_int32(object, "writeQueueNums", config.write_queue_nums);
    config.perm = json_int32(object, "perm", config.perm);
    config.topic_sys_flag = json_int32(object, "topicSysFlag", 0);
    config.order = json_bool(object, "order", false);
    config.attributes = attributes_from_json(json_member(object, "attributes"));
    // An unknown name reads as the default, as fastjson gives null and nobody looks.
    if (const auto type = parse_topic_filter_type(json_string(object, "topicFilterType"))) {
        config.topic_filter_type = *type;
    }
    return config;
}

std::string encode_topic_config_line(const TopicConfig& config) {
    return config.topic_name + " " + std::to_string(config.read_queue_nums) + " " +
           std::to_string(config.write_queue_nums) + " " + std::to_string(config.perm) + " " +
           topic_filter_type_name(config.topic_filter_type) + " " +
           dump_json(nlohmann::json(config.attributes));
}

Result<TopicConfig> parse_topic_config_line(std::string_view line) {
    const auto words = split_words(line, 6);
    if (words.size() < 5) {
        return Error{Errc::kMalformed, "topic line with too few words"};
    }
    TopicConfig config;
    config.topic_name = words[0];
    RMQ_TRY(config.read_queue_nums, parse_int32(words[1]));
    RMQ_TRY(config.write_queue_nums, parse_int32(words[2]));
    RMQ_TRY(config.perm, parse_int32(words[3]));
    RMQ_TRY(config.topic_filter_type, parse_topic_filter_type(words[4]));
    if (words.size() == 6) {
        if (const auto attributes = parse_body_json(words[5])) {
            config.attributes = attributes_from_json(*attributes);
        }
    }
    return config;
}

nlohmann::json to_json(const TopicQueueMappingInfo& info) {
    auto ids = nlohmann::json::object();
    for (const auto& [logical, physical] : info.curr_id_map) {
        ids[std::to_string(logical)] = physical;
    }
    return {{"bname", info.bname},
            {"currIdMap", std::move(ids)},
            {"dirty", info.dirty},
            {"epoch", info.epoch},
            {"scope", info.scope},
            {"topic", info.topic},
            {"totalQueues", info.total_queues}};
}

TopicQueueMappingInfo parse_topic_queue_mapping_info(const nlohmann::json& object) {
    TopicQueueMappingInfo info;
    info.topic = json_string(object, "topic");
    info.scope = json_string(object, "scope", info.scope);
    info.total_queues = json_int32(object, "totalQueues", 0);
    info.bname = json_string(object, "bname");
    info.epoch = json_int64(object, "epoch", 0);
    info.dirty = json_bool(object, "dirty", false);
    if (const auto& ids = json_member(object, "currIdMap"); ids.is_object()) {
        for (const auto& [key, value] : ids.items()) {
            if (const auto logical = parse_int32(key)) {
                info.curr_id_map[*logical] = json_int32(ids, key.c_str(), 0);
            }
        }
    }
    return info;
}

nlohmann::json to_json(const TopicConfigSerializeWrapper& wrapper) {
    auto topics = nlohmann::json::object();
    for (const auto& [name, config] : wrapper.topic_config_table) {
        topics[name] = to_json(config);
    }
    auto mappings = nlohmann::json::object();
    for (const auto& [name, info] : wrapper.topic_queue_mapping_info_map) {
        mappings[name] = to_json(info);
    }
    return {{"dataVersion", to_json(wrapper.data_version)},
            {"mappingDataVersion", to_json(wrapper.mapping_data_version)},
            {"topicConfigTable", std::move(topics)},
            {"topicQueueMappingDetailMap", nlohmann::json::object()},
            {"topicQueueMappingInfoMap", std::move(mappings)}};
}

Result<TopicConfigSerializeWrapper> parse_topic_config_wrapper(const nlohmann::json& object) {
    if (!object.is_object()) {
        return not_an_object("TopicConfigSerializeWrapper");
    }
    TopicConfigSerializeWrapper wrapper;
    wrapper.data_version = parse_data_version(json_member(object, "dataVersion"));
    wrapper.mapping_data_version = parse_data_version(json_member(object, "mappingDataVersion"));
    if (const auto& topics = json_member(object, "topicConfigTable"); topics.is_object()) {
        for (const auto& [name, value] : topics.items()) {
            RMQ_TRY(auto config, parse_topic_config(value));
            wrapper.topic_config_table.emplace_hint(wrapper.topic_config_table.end(), name,
                                                    std::move(config));
        }
    }
    if (const auto& infos = json_member(object, "topicQueueMappingInfoMap"); infos.is_object()) {
        for (const auto& [name, value] : infos.items()) {
            wrapper.topic_queue_mapping_info_map.emplace(name,
                                                         parse_topic_queue_mapping_info(value));
        }
    }
    return wrapper;
}

std::string encode(const TopicConfigSerializeWrapper& wrapper) {
    return dump_json(to_json(wrapper));
}

Result<TopicConfigSerializeWrapper> decode_topic_config_wrapper(std::string_view text) {
    RMQ_TRY(const auto object, parse_body_json(text));
    return parse_topic_config_wrapper(object);
}

}  // namespace rmq
