// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/body/heartbeat_data.h"

#include "common/java_string.h"
#include "common/parse_number.h"
#include "remoting/protocol/body/json_fields.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cstddef>

namespace rmq {
namespace {

constexpr std::array<const char*, 3> kConsumeTypes = {"CONSUME_ACTIVELY", "CONSUME_PASSIVELY",
                                                      "CONSUME_POP"};
constexpr std::array<const char*, 2> kMessageModels = {"BROADCASTING", "CLUSTERING"};
constexpr std::array<const char*, 6> kConsumeFromWheres = {
    "CONSUME_FROM_LAST_OFFSET",  "CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST",
    "CONSUME_FROM_MIN_OFFSET",   "CONSUME_FROM_MAX_OFFSET",
    "CONSUME_FROM_FIRST_OFFSET", "CONSUME_FROM_TIMESTAMP"};

// A name, or an ordinal as C++ clients send; anything else is the fallback.
template <class Enum, std::size_t N>
Enum read_enum(const nlohmann::json& object, std::string_view member,
               const std::array<const char*, N>& names, Enum fallback) {
    const auto found = object.find(member);
    if (found == object.end()) {
        return fallback;
    }
    if (found->is_number_integer()) {
        const auto ordinal = found->get<std::int64_t>();
        return ordinal >= 0 && ordinal < static_cast<std::int64_t>(N) ? static_cast<Enum>(ordinal)
                                                                      : fallback;
    }
    if (found->is_string()) {
        for (std::size_t i = 0; i < N; ++i) {
            if (found->get_ref<const std::string&>() == names[i]) {
                return static_cast<Enum>(i);
            }
        }
    }
    return fallback;
}

std::string_view trim(std::string_view text) {
    // String.trim(): everything up to U+0020 counts as white space.
    while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') {
        text.remove_prefix(1);
    }
    while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') {
        text.remove_suffix(1);
    }
    return text;
}

Result<ConsumerData> parse_consumer_data(const nlohmann::json& value) {
    if (!value.is_object()) {
        return Error{Errc::kMalformed, "consumerDataSet must hold JSON objects"};
    }
    ConsumerData data;
    data.group_name = json_string(value, "groupName");
    data.consume_type =
        read_enum(value, "consumeType", kConsumeTypes, ConsumeType::CONSUME_ACTIVELY);
    data.message_model = read_enum(value, "messageModel", kMessageModels, MessageModel::CLUSTERING);
    data.consume_from_where = read_enum(value, "consumeFromWhere", kConsumeFromWheres,
                                        ConsumeFromWhere::CONSUME_FROM_LAST_OFFSET);
    data.unit_mode = json_bool(value, "unitMode", false);
    for (const auto& item : json_member(value, "subscriptionDataSet")) {
        RMQ_TRY(auto subscription, parse_subscription_data(item));
        data.subscriptions.push_back(std::move(subscription));
    }
    return data;
}

}  // namespace

const char* consume_type_name(ConsumeType type) {
    return kConsumeTypes[static_cast<std::size_t>(type)];
}
const char* message_model_name(MessageModel model) {
    return kMessageModels[static_cast<std::size_t>(model)];
}
const char* consume_from_where_name(ConsumeFromWhere where) {
    return kConsumeFromWheres[static_cast<std::size_t>(where)];
}

bool is_tag_type(std::string_view expression_type) {
    return expression_type.empty() || expression_type == kExpressionTypeTag;
}

Result<SubscriptionData> build_subscription_data(std::string_view topic,
                                                 std::string_view sub_string) {
    SubscriptionData data;
    data.topic = topic;
    if (sub_string.empty() || sub_string == kSubscribeAll) {
        data.sub_string = kSubscribeAll;
        return data;
    }
    data.sub_string = sub_string;
    // String.split drops trailing empty parts: only bars leave no part at all.
    bool has_part = false;
    for (std::string_view rest = sub_string;;) {
        const auto bar = rest.find("||");
        const auto part = rest.substr(0, bar);
        has_part = has_part || !part.empty();
        if (const auto tag = trim(part); !tag.empty()) {
            data.tags.emplace_back(tag);
            data.codes.push_back(java_string_hash(tag));
        }
        if (bar == std::string_view::npos) {
            break;
        }
        rest.remove_prefix(bar + 2);
    }
    if (!has_part) {
        return Error{Errc::kInvalidArgument, "subString split error"};
    }
    return data;
}

nlohmann::json to_json(const SubscriptionData& subscription) {
    return {{"classFilterMode", subscription.class_filter_mode},
            {"codeSet", subscription.codes},
            {"expressionType", subscription.expression_type},
            {"subString", subscription.sub_string},
            {"subVersion", subscription.sub_version},
            {"tagsSet", subscription.tags},
            {"topic", subscription.topic}};
}

Result<SubscriptionData> parse_subscription_data(const nlohmann::json& value) {
    if (!value.is_object()) {
        return Error{Errc::kMalformed, "a subscription must be a JSON object"};
    }
    SubscriptionData data;
    data.topic = json_string(value, "topic");
    data.sub_string = json_string(value, "subString");
    data.expression_type = json_string(value, "expressionType", std::string(kExpressionTypeTag));
    data.sub_version = json_int64(value, "subVersion", 0);
    data.class_filter_mode = json_bool(value, "classFilterMode", false);
    for (const auto& tag : json_member(value, "tagsSet")) {
        if (tag.is_string()) {
            data.tags.push_back(tag.get_ref<const std::string&>());
        }
    }
    for (const auto& code : json_member(value, "codeSet")) {
        if (code.is_number_integer()) {
            data.codes.push_back(static_cast<std::int32_t>(code.get<std::int64_t>()));
        } else if (const auto* text = code.get_ptr<const std::string*>()) {
            if (const auto number = parse_number<std::int32_t>(*text)) {
                data.codes.push_back(*number);
            }
        }
    }
    return data;
}

Result<HeartbeatData> parse_heartbeat_data(std::string_view body) {
    RMQ_TRY(const auto json, parse_body_json(body));
    if (!json.is_object()) {
        return Error{Errc::kMalformed, "a heartbeat must be a JSON object"};
    }
    HeartbeatData data;
    data.client_id = json_string(json, "clientID");
    data.heartbeat_fingerprint = json_int32(json, "heartbeatFingerprint", 0);
    data.is_without_sub = json_bool(json, "withoutSub", false);
    for (const auto& producer : json_member(json, "producerDataSet")) {
        if (auto group = json_string(producer, "groupName"); !group.empty()) {
            data.producer_groups.push_back(std::move(group));
        }
    }
    for (const auto& item : json_member(json, "consumerDataSet")) {
        RMQ_TRY(auto consumer, parse_consumer_data(item));
        data.consumers.push_back(std::move(consumer));
    }
    return data;
}

Result<CheckClientRequestBody> parse_check_client_request(std::string_view body) {
    RMQ_TRY(const auto json, parse_body_json(body));
    CheckClientRequestBody request;
    request.client_id = json_string(json, "clientId");
    request.group = json_string(json, "group");
    const auto& subscription = json_member(json, "subscriptionData");
    RMQ_TRY(request.subscription, parse_subscription_data(subscription));
    return request;
}

}  // namespace rmq
