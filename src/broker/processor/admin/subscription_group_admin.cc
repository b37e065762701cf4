// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/admin/subscription_group_admin.h"

#include "broker/broker_config.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/processor/admin/admin_handler.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/topic/topic_validator.h"
#include "remoting/protocol/body/json_fields.h"
#include "remoting/protocol/header/subscription_group.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace rmq::broker {

SubscriptionGroupAdmin::SubscriptionGroupAdmin(const BrokerConfig& config,
                                               SubscriptionGroupManager& groups,
                                               ConsumerOffsetManager& offsets)
    : config_(config), groups_(groups), offsets_(offsets) {}

void SubscriptionGroupAdmin::register_in(RequestRegistry& registry, const AdminQueue& queue) {
    using Self = SubscriptionGroupAdmin;
    const auto blocking = [&](RequestCode code, auto member) {
        registry.add(code, answer_on(queue, [this, member](const Request& request) {
                         return (this->*member)(request);
                     }));
    };
    blocking(RequestCode::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, &Self::update_and_create_group);
    blocking(RequestCode::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST,
             &Self::update_and_create_group_list);
    blocking(RequestCode::GET_ALL_SUBSCRIPTIONGROUP_CONFIG, &Self::get_all_groups);
    blocking(RequestCode::DELETE_SUBSCRIPTIONGROUP, &Self::delete_group);
    blocking(RequestCode::UPDATE_AND_GET_GROUP_FORBIDDEN, &Self::update_and_get_forbidden);
    blocking(RequestCode::GET_SUBSCRIPTIONGROUP_CONFIG, &Self::get_group);
}

Result<Response> SubscriptionGroupAdmin::update_and_create_group(const Request& request) {
    RMQ_TRY(const auto body, parse_body_json(request.body()));
    RMQ_TRY(auto group, parse_subscription_group_config(body));
    if (const auto valid = validate_group(group.group_name); !valid) {
        return Response(ResponseCode::INVALID_PARAMETER, valid.error().remark);
    }
    RMQ_CHECK(groups_.update(std::move(group)));
    RMQ_CHECK(groups_.run_once());
    return Response(ResponseCode::SUCCESS);
}

Result<Response> SubscriptionGroupAdmin::update_and_create_group_list(const Request& request) {
    RMQ_TRY(const auto body, parse_body_json(request.body()));
    const auto& list = json_member(body, "groupConfigList");
    if (!list.is_array()) {
        return Error{Errc::kMalformed, "groupConfigList is missing"};
    }
    std::vector<SubscriptionGroupConfig> groups;
    for (const auto& object : list) {
        RMQ_TRY(auto group, parse_subscription_group_config(object));
        if (const auto valid = validate_group(group.group_name); !valid) {
            return Response(ResponseCode::INVALID_PARAMETER, valid.error().remark);
        }
        groups.push_back(std::move(group));
    }
    RMQ_CHECK(groups_.update_all(std::move(groups)));
    RMQ_CHECK(groups_.run_once());
    return Response(ResponseCode::SUCCESS);
}

Result<Response> SubscriptionGroupAdmin::get_all_groups(const Request& request) {
    RMQ_TRY(const auto header, decode_header<GetAllSubscriptionGroupRequestHeader>(request.ext()));
    const auto total = static_cast<std::int32_t>(groups_.table()->size());
    const bool is_old_client = !header.group_seq && !header.data_version && !header.max_group_num;
    std::size_t first = 0;
    std::size_t count = SIZE_MAX;
    if (config_.enable_split_metadata && !is_old_client) {
        const auto version = decode_data_version(header.data_version.value_or(""));
        if (version && *version == groups_.data_version()) {
            first = static_cast<std::size_t>(std::max(0, header.group_seq.value_or(0)));
        }
        count = static_cast<std::size_t>(
            std::max(0, std::min<std::int32_t>(config_.split_metadata_size,
                                               header.max_group_num.value_or(INT32_MAX))));
    }
    return success_with_header(GetAllSubscriptionGroupResponseHeader{total},
                               dump_json(groups_.serialize(first, count)));
}

Result<Response> SubscriptionGroupAdmin::delete_group(const Request& request) {
    RMQ_TRY(const auto header, decode_header<DeleteSubscriptionGroupRequestHeader>(request.ext()));
    groups_.remove(header.group_name);
    if (header.clean_offset.value_or(false)) {
        offsets_.remove_group(header.group_name);
    }
    if (on_deleted_ && config_.auto_delete_unused_stats) {
        on_deleted_(header.group_name);
    }
    RMQ_CHECK(groups_.run_once());
    return Response(ResponseCode::SUCCESS);
}

Result<Response> SubscriptionGroupAdmin::get_group(const Request& request) {
    RMQ_TRY(const auto header, decode_header<GroupRequestHeader>(request.ext()));
    // As the original: asking creates the group when groups may be created automatically.
    const auto group = groups_.find(header.group);
    if (group == nullptr) {
        return Response(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST, "No group in this broker");
    }
    return success_with(dump_json(to_json(*group)));
}

Result<Response> SubscriptionGroupAdmin::update_and_get_forbidden(const Request& request) {
    RMQ_TRY(const auto header, decode_header<UpdateGroupForbiddenRequestHeader>(request.ext()));
    constexpr int kRead = SubscriptionGroupManager::kReadIndex;
    const std::string group(header.group);
    const std::string topic(header.topic);
    if (header.readable) {
        if (const auto valid = validate_group(header.group); !valid) {
            return Response(ResponseCode::INVALID_PARAMETER, valid.error().remark);
        }
        groups_.set_forbidden(group, topic, kRead, !*header.readable);
        RMQ_CHECK(groups_.run_once());
    }
    return success_with(dump_json({{"group", group},
                                   {"readable", !groups_.is_forbidden(group, topic, kRead)},
                                   {"topic", topic}}));
}

}  // namespace rmq::broker
