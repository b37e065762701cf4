// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rmq {

// Request headers of lite topics (5.5). The original goes on without a field that is missing and
// with 0 for a number that is none, and fails where it needs the text: so everything is optional
// here, and numbers are texts to be read with parse_java_number.

// Request header of POP_LITE_MESSAGE (200070). Source: PopLiteMessageRequestHeader.
struct PopLiteMessageRequestHeader {
    std::optional<std::string_view> client_id;
    std::optional<std::string_view> consumer_group;
    std::optional<std::string_view> topic;  // the parent
    std::optional<std::string_view> max_msg_num;
    std::optional<std::string_view> invisible_time;  // ms
    std::optional<std::string_view> poll_time;       // ms
    std::optional<std::string_view> born_time;       // missing or 0: now
    std::optional<std::string_view> attempt_id;

    template <class Visitor>
    void visit(Visitor& v) {
        v("clientId", client_id);
        v("consumerGroup", consumer_group);
        v("topic", topic);
        v("maxMsgNum", max_msg_num);
        v("invisibleTime", invisible_time);
        v("pollTime", poll_time);
        v("bornTime", born_time);
        v("attemptId", attempt_id);
    }
};

// Source: PopLiteMessageResponseHeader.
struct PopLiteMessageResponseHeader {
    std::int64_t pop_time = 0;
    std::int64_t invisible_time = 0;
    std::int32_t revive_qid = 0;
    std::string_view order_count_info;  // earlier tries of each message: "0;1;0 qo0%7 2"

    template <class Visitor>
    void visit(Visitor& v) {
        v("popTime", pop_time);
        v("invisibleTime", invisible_time);
        v("reviveQid", revive_qid);
        v("orderCountInfo", order_count_info);
    }
};

// NOTIFY_UNSUBSCRIBE_LITE (200073), to a client. Source: NotifyUnsubscribeLiteRequestHeader.
struct NotifyUnsubscribeLiteRequestHeader {
    std::string_view lite_topic;
    std::string_view consumer_group;
    std::string_view client_id;

    template <class Visitor>
    void visit(Visitor& v) {
        v("liteTopic", lite_topic);
        v("consumerGroup", consumer_group);
        v("clientId", client_id);
    }
};

// Request header of GET_PARENT_TOPIC_INFO (200075). Source: GetParentTopicInfoRequestHeader.
struct GetParentTopicInfoRequestHeader {
    std::string_view topic;

    template <class Visitor>
    void visit(Visitor& v) {
        v("topic", topic);
    }
};

// Request header of GET_LITE_TOPIC_INFO (200076). Source: GetLiteTopicInfoRequestHeader.
struct GetLiteTopicInfoRequestHeader {
    std::string_view parent_topic;
    std::optional<std::string_view> lite_topic;

    template <class Visitor>
    void visit(Visitor& v) {
        v("parentTopic", parent_topic);
        v("liteTopic", lite_topic);
    }
};

// Request header of GET_LITE_CLIENT_INFO (200077). Source: GetLiteClientInfoRequestHeader.
struct GetLiteClientInfoRequestHeader {
    std::optional<std::string_view> parent_topic;
    std::optional<std::string_view> group;
    std::optional<std::string_view> client_id;
    std::optional<std::string_view> max_count;  // missing: 1000

    template <class Visitor>
    void visit(Visitor& v) {
        v("parentTopic", parent_topic);
        v("group", group);
        v("clientId", client_id);
        v("maxCount", max_count);
    }
};

// Request header of GET_LITE_GROUP_INFO (200078). Source: GetLiteGroupInfoRequestHeader.
struct GetLiteGroupInfoRequestHeader {
    std::string_view group;
    std::optional<std::string_view> lite_topic;
    std::optional<std::string_view> top_k;

    template <class Visitor>
    void visit(Visitor& v) {
        v("group", group);
        v("liteTopic", lite_topic);
        v("topK", top_k);
    }
};

// Request header of TRIGGER_LITE_DISPATCH (200079). Source: TriggerLiteDispatchRequestHeader.
struct TriggerLiteDispatchRequestHeader {
    std::string_view group;
    std::optional<std::string_view> client_id;  // empty: all of the group

    template <class Visitor>
    void visit(Visitor& v) {
        v("group", group);
        v("clientId", client_id);
    }
};

}  // namespace rmq
