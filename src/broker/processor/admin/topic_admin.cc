// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/admin/topic_admin.h"

#include "broker/broker_config.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/processor/admin/admin_handler.h"
#include "broker/topic/attributes.h"
#include "broker/topic/topic_config_manager.h"
#include "broker/topic/topic_validator.h"
#include "common/log.h"
#include "remoting/protocol/body/json_fields.h"
#include "remoting/protocol/body/topic_list.h"
#include "remoting/protocol/header/topic.h"
#include "store/message_store.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>

namespace rmq::broker {

namespace {

Response invalid_parameter(std::string remark) {
    return Response(ResponseCode::INVALID_PARAMETER, std::move(remark));
}

// More queues than any topic has; requests about a topic loop over them.
constexpr std::int32_t kQueueNumsMax = 65'536;

Status check_queue_nums(const TopicConfig& topic) {
    for (const auto count : {topic.read_queue_nums, topic.write_queue_nums}) {
        if (count < 0 || count > kQueueNumsMax) {
            return Error{Errc::kInvalidArgument, "The queue nums of topic " + topic.topic_name +
                                                     " must be from 0 to " +
                                                     std::to_string(kQueueNumsMax) + "."};
        }
    }
    return {};
}

bool asks_for_mixed_type(const TopicConfig& topic) {
    const auto found = topic.attributes.find("+message.type");
    return found != topic.attributes.end() && found->second == "MIXED";
}

Result<TopicConfig> topic_of(const CreateTopicRequestHeader& header) {
    TopicConfig topic;
    topic.topic_name = header.topic;
    topic.read_queue_nums = header.read_queue_nums;
    topic.write_queue_nums = header.write_queue_nums;
    topic.perm = header.perm;
    topic.topic_sys_flag = header.topic_sys_flag.value_or(0);
    topic.order = header.order;
    const auto type = parse_topic_filter_type(header.topic_filter_type);
    if (!type) {
        return Error{
            Errc::kInvalidArgument,
            "topicFilterType = [" + std::string(header.topic_filter_type) + "] value invalid"};
    }
    topic.topic_filter_type = *type;
    RMQ_TRY(topic.attributes, parse_attributes(header.attributes.value_or("")));
    return topic;
}

}  // namespace

TopicAdmin::TopicAdmin(const BrokerConfig& config, TopicConfigManager& topics,
                       ConsumerOffsetManager& offsets, store::MessageStore& store)
    : config_(config), topics_(topics), offsets_(offsets), store_(store) {}

void TopicAdmin::register_in(RequestRegistry& registry, const AdminQueue& queue) {
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
    blocking(RequestCode::UPDATE_AND_CREATE_TOPIC, &TopicAdmin::update_and_create_topic);
    blocking(RequestCode::UPDATE_AND_CREATE_TOPIC_LIST, &TopicAdmin::update_and_create_topic_list);
    blocking(RequestCode::GET_ALL_TOPIC_CONFIG, &TopicAdmin::get_all_topic_config);
    blocking(RequestCode::DELETE_TOPIC_IN_BROKER, &TopicAdmin::delete_topic);
    immediate(RequestCode::GET_SYSTEM_TOPIC_LIST_FROM_BROKER, &TopicAdmin::get_system_topic_list);
    immediate(RequestCode::GET_TOPIC_CONFIG, &TopicAdmin::get_topic_config);
}

Status TopicAdmin::check_name(std::string_view topic) const {
    RMQ_CHECK(validate_topic(topic));
    if (config_.validate_system_topic_when_update_topic && topics_.is_system_topic(topic)) {
        return Error{Errc::kInvalidArgument,
                     "The topic[" + std::string(topic) + "] is conflict with system topic."};
    }
    return {};
}

Result<Response> TopicAdmin::update_and_create_topic(const Request& request) {
    RMQ_TRY(const auto header, decode_header<CreateTopicRequestHeader>(request.ext()));
    if (const auto valid = check_name(header.topic); !valid) {
        return invalid_parameter(valid.error().remark);
    }
    RMQ_TRY(auto topic, topic_of(header));
    if (const auto valid = check_queue_nums(topic); !valid) {
        return invalid_parameter(valid.error().remark);
    }
    if (!config_.enable_mixed_message_type && asks_for_mixed_type(topic)) {
        return invalid_parameter("MIXED message type is not supported.");
    }
    if (const auto existing = topics_.select(header.topic); existing && *existing == topic) {
        return Response(ResponseCode::SUCCESS);
    }
    RMQ_CHECK(topics_.update(std::move(topic)));
    RMQ_CHECK(topics_.run_once());
    wait_for_registration_();
    return Response(ResponseCode::SUCCESS);
}

Result<Response> TopicAdmin::update_and_create_topic_list(const Request& request) {
    RMQ_TRY(const auto body, parse_body_json(request.body()));
    std::vector<TopicConfig> topics;
    const auto& list = json_member(body, "topicConfigList");
    if (!list.is_array()) {
        return Error{Errc::kMalformed, "topicConfigList is missing"};
    }
    for (const auto& object : list) {
        RMQ_TRY(auto topic, parse_topic_config(object));
        if (const auto valid = check_name(topic.topic_name); !valid) {
            return invalid_parameter(valid.error().remark);
        }
        if (const auto valid = check_queue_nums(topic); !valid) {
            return invalid_parameter(valid.error().remark);
        }
        if (!config_.enable_mixed_message_type && asks_for_mixed_type(topic)) {
            return invalid_parameter("MIXED message type is not supported.");
        }
        // One unchanged topic ends the whole request early, as in the original.
        if (const auto existing = topics_.select(topic.topic_name);
            existing && *existing == topic) {
            return Response(ResponseCode::SUCCESS);
        }
        topics.push_back(std::move(topic));
    }
    RMQ_CHECK(topics_.update_all(std::move(topics)));
    RMQ_CHECK(topics_.run_once());
    wait_for_registration_();
    return Response(ResponseCode::SUCCESS);
}

Result<Response> TopicAdmin::get_all_topic_config(const Request& request) {
    RMQ_TRY(const auto header, decode_header<GetAllTopicConfigRequestHeader>(request.ext()));
    auto wrapper = topics_.serialize();
    auto& table = wrapper.topic_config_table;
    const auto total = static_cast<std::int32_t>(table.size());
    const bool is_old_client = !header.topic_seq && !header.data_version && !header.max_topic_num;
    if (config_.enable_split_metadata && !is_old_client) {
        const std::string_view version_text = header.data_version.value_or("");
        const auto version = decode_data_version(version_text);
        const bool is_continued = version && *version == wrapper.data_version;
        const auto first = is_continued ? std::clamp(header.topic_seq.value_or(0), 0, total) : 0;
        const auto count =
            std::max(0, std::min<std::int32_t>(config_.split_metadata_size,
                                               header.max_topic_num.value_or(INT32_MAX)));
        table.erase(table.begin(), std::next(table.begin(), first));
        const auto left = static_cast<std::int32_t>(table.size());
        table.erase(std::next(table.begin(), std::min(count, left)), table.end());
    }
    return success_with_header(GetAllTopicConfigResponseHeader{total}, encode(wrapper));
}

Result<Response> TopicAdmin::delete_topic(const Request& request) {
    RMQ_TRY(const auto header, decode_header<TopicRequestHeader>(request.ext()));
    if (is_blank(header.topic)) {
        return invalid_parameter("The specified topic is blank.");
    }
    if (config_.validate_system_topic_when_update_topic && topics_.is_system_topic(header.topic)) {
        return invalid_parameter("The topic[" + std::string(header.topic) +
                                 "] is conflict with system topic.");
    }
    std::vector<std::string> doomed{std::string(header.topic)};
    if (config_.clear_retry_topic_when_delete_topic) {
        // Retry topics of pop consumers, in both spellings. Source: KeyBuilder.buildPopRetryTopic.
        for (const auto& group : offsets_.groups_of_topic(header.topic)) {
            for (const char* joint : {"+", "_"}) {
                auto retry = std::string(topic_name::kRetryPrefix) + group + joint +
                             std::string(header.topic);
                if (topics_.contains(retry)) {
                    doomed.push_back(std::move(retry));
                }
            }
        }
    }
    for (const auto& topic : doomed) {
        delete_one(topic);
    }
    RMQ_CHECK(topics_.run_once());
    return Response(ResponseCode::SUCCESS);
}

void TopicAdmin::delete_one(std::string_view topic) {
    if (on_deleting_) {
        on_deleting_(topic);
    }
    topics_.remove(topic);
    offsets_.remove_topic(topic);
    store_.delete_topic(topic);
    if (on_deleted_ && config_.auto_delete_unused_stats) {
        on_deleted_(topic);
    }
}

Result<Response> TopicAdmin::get_system_topic_list(const Request&) {
    const auto topics = topics_.system_topics();
    TopicList list;
    list.topic_list.assign(topics.begin(), topics.end());
    return success_with(encode(list));
}

Result<Response> TopicAdmin::get_topic_config(const Request& request) {
    RMQ_TRY(const auto header, decode_header<TopicRequestHeader>(request.ext()));
    const auto topic = topics_.select(header.topic);
    if (topic == nullptr) {
        return Response(ResponseCode::TOPIC_NOT_EXIST,
                        "No topic in this broker. topic: " + std::string(header.topic));
    }
    return success_with(dump_json(to_json(*topic)));
}

}  // namespace rmq::broker
