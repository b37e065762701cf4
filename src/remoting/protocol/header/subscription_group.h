// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rmq {

// GET_ALL_SUBSCRIPTIONGROUP_CONFIG (201). Source: GetAllSubscriptionGroupRequestHeader.
struct GetAllSubscriptionGroupRequestHeader {
    std::optional<std::int32_t> group_seq;
    std::optional<std::string_view> data_version;
    std::optional<std::int32_t> max_group_num;

    template <class Visitor>
    void visit(Visitor& v) {
        v("groupSeq", group_seq);
        v("dataVersion", data_version);
        v("maxGroupNum", max_group_num);
    }
};

// Source: GetAllSubscriptionGroupResponseHeader.
struct GetAllSubscriptionGroupResponseHeader {
    std::int32_t total_group_num = 0;

    template <class Visitor>
    void visit(Visitor& v) {
        v("totalGroupNum", total_group_num);
    }
};

// DELETE_SUBSCRIPTIONGROUP (207). Source: DeleteSubscriptionGroupRequestHeader.
struct DeleteSubscriptionGroupRequestHeader {
    std::string_view group_name;
    std::optional<bool> clean_offset;

    template <class Visitor>
    void visit(Visitor& v) {
        v("groupName", group_name);
        v("cleanOffset", clean_offset);
    }
};

// Requests about one group: 343, 352. Source: GetSubscriptionGroupConfigRequestHeader,
// QueryTopicsByConsumerRequestHeader.
struct GroupRequestHeader {
    std::string_view group;

    template <class Visitor>
    void visit(Visitor& v) {
        v("group", group);
    }
};

// UPDATE_AND_GET_GROUP_FORBIDDEN (353). Source: UpdateGroupForbiddenRequestHeader.
struct UpdateGroupForbiddenRequestHeader {
    std::string_view group;
    std::string_view topic;
    std::optional<bool> readable;

    template <class Visitor>
    void visit(Visitor& v) {
        v("group", group);
        v("topic", topic);
        v("readable", readable);
    }
};

}  // namespace rmq
