// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rmq {

// Enumerators in the order of their ordinals, which C++ clients send instead of names.
// Source: ConsumeType, MessageModel, ConsumeFromWhere.
enum class ConsumeType { CONSUME_ACTIVELY, CONSUME_PASSIVELY, CONSUME_POP };
enum class MessageModel { BROADCASTING, CLUSTERING };
enum class ConsumeFromWhere {
    CONSUME_FROM_LAST_OFFSET,
    CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST,
    CONSUME_FROM_MIN_OFFSET,
    CONSUME_FROM_MAX_OFFSET,
    CONSUME_FROM_FIRST_OFFSET,
    CONSUME_FROM_TIMESTAMP,
};
const char* consume_type_name(ConsumeType type);
const char* message_model_name(MessageModel model);
const char* consume_from_where_name(ConsumeFromWhere where);

inline constexpr std::string_view kExpressionTypeTag = "TAG";
inline constexpr std::string_view kExpressionTypeSql92 = "SQL92";
inline constexpr std::string_view kSubscribeAll = "*";

// What a group wants of one topic. Source: SubscriptionData.
struct SubscriptionData {
    std::string topic;
    std::string sub_string;
    std::string expression_type{kExpressionTypeTag};
    std::vector<std::string> tags;    // tagsSet, empty for "*"
    std::vector<std::int32_t> codes;  // codeSet, Java hash of each tag
    std::int64_t sub_version = 0;     // ms, creation time in the client
    bool class_filter_mode = false;

    friend bool operator==(const SubscriptionData&, const SubscriptionData&) = default;
};

// Splits "a || b" into tags and codes; "*", "" make a match-all. Errors: kInvalidArgument
// "subString split error" when there is nothing between the bars.
// Source: FilterAPI.buildSubscriptionData.
Result<SubscriptionData> build_subscription_data(std::string_view topic,
                                                 std::string_view sub_string);

// True for TAG, an empty type and null. Source: ExpressionType.isTagType.
bool is_tag_type(std::string_view expression_type);

nlohmann::json to_json(const SubscriptionData& subscription);
// Fields may be missing; numbers may come as text. Errors: kMalformed.
Result<SubscriptionData> parse_subscription_data(const nlohmann::json& value);

struct ConsumerData {
    std::string group_name;
    ConsumeType consume_type = ConsumeType::CONSUME_ACTIVELY;
    MessageModel message_model = MessageModel::BROADCASTING;
    ConsumeFromWhere consume_from_where = ConsumeFromWhere::CONSUME_FROM_LAST_OFFSET;
    std::vector<SubscriptionData> subscriptions;
    bool unit_mode = false;
};

// Body of HEART_BEAT (34). Source: HeartbeatData.
struct HeartbeatData {
    std::string client_id;
    std::vector<std::string> producer_groups;
    std::vector<ConsumerData> consumers;
    std::int32_t heartbeat_fingerprint = 0;  // 0: heartbeat V1
    bool is_without_sub = false;
};

// Accepts what all clients send: missing or null sets, enums as names or ordinals, numbers as
// text. Errors: kMalformed.
Result<HeartbeatData> parse_heartbeat_data(std::string_view body);

// Body of CHECK_CLIENT_CONFIG (46). Source: CheckClientRequestBody.
struct CheckClientRequestBody {
    std::string client_id;
    std::string group;
    SubscriptionData subscription;
};
Result<CheckClientRequestBody> parse_check_client_request(std::string_view body);

}  // namespace rmq
