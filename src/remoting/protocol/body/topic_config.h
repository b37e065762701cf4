// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"
#include "remoting/protocol/body/data_version.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace rmq {

// Bits of a topic's perm. Source: PermName.
namespace perm {
inline constexpr std::int32_t kPriority = 8;
inline constexpr std::int32_t kRead = 4;
inline constexpr std::int32_t kWrite = 2;
inline constexpr std::int32_t kInherit = 1;
}  // namespace perm

// Bits of topicSysFlag. Source: TopicSysFlag.
namespace topic_sys_flag {
inline constexpr std::int32_t kUnit = 1;
inline constexpr std::int32_t kUnitSub = 2;
}  // namespace topic_sys_flag

enum class TopicFilterType { SINGLE_TAG, MULTI_TAG };
const char* topic_filter_type_name(TopicFilterType type);
// Errors: kInvalidArgument for any other name.
Result<TopicFilterType> parse_topic_filter_type(std::string_view name);

// One topic on one broker. A value. Source: TopicConfig.
struct TopicConfig {
    std::string topic_name{};
    std::int32_t read_queue_nums = 16;
    std::int32_t write_queue_nums = 16;
    std::int32_t perm = perm::kRead | perm::kWrite;
    TopicFilterType topic_filter_type = TopicFilterType::SINGLE_TAG;
    std::int32_t topic_sys_flag = 0;
    bool order = false;
    std::map<std::string, std::string> attributes{};

    friend bool operator==(const TopicConfig&, const TopicConfig&) = default;
};

nlohmann::json to_json(const TopicConfig& config);
// Missing members keep the defaults above. Errors: kMalformed when `object` is not an object.
Result<TopicConfig> parse_topic_config(const nlohmann::json& object);

// The line of the compressed registration: "name 8 8 6 SINGLE_TAG {}".
std::string encode_topic_config_line(const TopicConfig& config);
// The attributes may be missing (before 5.0) or unreadable (then none). Errors: kMalformed with
// fewer than five words or a word that is no number.
Result<TopicConfig> parse_topic_config_line(std::string_view line);

// A static topic as its broker reports it. Source: TopicQueueMappingInfo.
struct TopicQueueMappingInfo {
    std::string topic{};
    std::string scope = "__global__";
    std::int32_t total_queues = 0;
    std::string bname{};
    std::int64_t epoch = 0;
    bool dirty = false;
    std::map<std::int32_t, std::int32_t> curr_id_map{};  // logical to physical queue

    friend bool operator==(const TopicQueueMappingInfo&, const TopicQueueMappingInfo&) = default;
};
nlohmann::json to_json(const TopicQueueMappingInfo& info);
TopicQueueMappingInfo parse_topic_queue_mapping_info(const nlohmann::json& object);

using TopicConfigTable = std::map<std::string, TopicConfig, std::less<>>;

// Body of GET_ALL_TOPIC_CONFIG and part of the registration, with the mapping members that 5.x
// added. topicQueueMappingDetailMap is written empty and not read: static topics are not served.
// Source: TopicConfigSerializeWrapper, TopicConfigAndMappingSerializeWrapper.
struct TopicConfigSerializeWrapper {
    DataVersion data_version{};
    TopicConfigTable topic_config_table{};
    DataVersion mapping_data_version{};
    std::map<std::string, TopicQueueMappingInfo> topic_queue_mapping_info_map{};
};

nlohmann::json to_json(const TopicConfigSerializeWrapper& wrapper);
// Errors: kMalformed when an object is expected and something else stands there.
Result<TopicConfigSerializeWrapper> parse_topic_config_wrapper(const nlohmann::json& object);
std::string encode(const TopicConfigSerializeWrapper& wrapper);
Result<TopicConfigSerializeWrapper> decode_topic_config_wrapper(std::string_view text);

}  // namespace rmq
