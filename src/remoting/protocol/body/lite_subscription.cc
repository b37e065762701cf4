// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/body/lite_subscription.h"

#include "remoting/protocol/body/json_fields.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace rmq {

namespace {

using Action = LiteSubscriptionChange::Action;
using OffsetType = LiteOffsetOption::Type;

constexpr std::array<std::pair<std::string_view, Action>, 4> kActions{{
    {"PARTIAL_ADD", Action::kPartialAdd},
    {"PARTIAL_REMOVE", Action::kPartialRemove},
    {"COMPLETE_ADD", Action::kCompleteAdd},
    {"COMPLETE_REMOVE", Action::kCompleteRemove},
}};
constexpr std::array<std::pair<std::string_view, OffsetType>, 4> kOffsetTypes{{
    {"POLICY", OffsetType::kPolicy},
    {"OFFSET", OffsetType::kOffset},
    {"TAIL_N", OffsetType::kTailN},
    {"TIMESTAMP", OffsetType::kTimestamp},
}};

template <class Value, std::size_t kCount>
std::optional<Value> find_name(const std::array<std::pair<std::string_view, Value>, kCount>& names,
                               std::string_view name) {
    const auto found = std::find_if(names.begin(), names.end(),
                                    [&](const auto& entry) { return entry.first == name; });
    return found == names.end() ? std::nullopt : std::optional(found->second);
}

LiteSubscriptionChange parse_change(const nlohmann::json& json) {
    LiteSubscriptionChange change;
    change.action = find_name(kActions, json_string(json, "action"));
    change.client_id = json_string(json, "clientId");
    change.group = json_string(json, "group");
    change.topic = json_string(json, "topic");
    for (const auto& name : json_member(json, "liteTopicSet")) {
        change.lite_topics.push_back(json_scalar_text(name));
    }
    auto& names = change.lite_topics;
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    const auto& option = json_member(json, "offsetOption");
    if (const auto type = find_name(kOffsetTypes, json_string(option, "type"))) {
        change.offset_option = LiteOffsetOption{*type, json_int64(option, "value", 0)};
    }
    return change;
}

}  // namespace

Result<std::vector<LiteSubscriptionChange>> parse_lite_subscription_ctl(std::string_view body) {
    RMQ_TRY(const auto json, parse_body_json(body));
    const auto& set = json_member(json, "subscriptionSet");
    if (!set.is_array() && !set.is_null()) {
        return Error{Errc::kMalformed, "subscriptionSet is no array"};
    }
    if (set.size() > kLiteChangesMax) {
        return Error{Errc::kMalformed, "there are too many subscriptions"};
    }
    std::vector<LiteSubscriptionChange> changes;
    std::size_t names = 0;
    for (const auto& each : set) {
        changes.push_back(parse_change(each));
        names += changes.back().lite_topics.size();
    }
    if (names > kLiteTopicsPerRequestMax) {
        return Error{Errc::kMalformed, "there are too many lite topics"};
    }
    return changes;
}

}  // namespace rmq
