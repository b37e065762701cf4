// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rmq {

// Where a group without a position starts. Source: ConsumeInitMode.
namespace consume_init_mode {
inline constexpr std::int32_t kMin = 0;
inline constexpr std::int32_t kMax = 1;
}  // namespace consume_init_mode

// Request header of POP_MESSAGE (200050). A missing bornTime counts as "now".
// Source: PopMessageRequestHeader.
struct PopMessageRequestHeader {
    std::string_view consumer_group;
    std::string_view topic;
    std::int32_t queue_id = 0;  // -1: any queue
    std::int32_t max_msg_nums = 0;
    std::int64_t invisible_time = 0;  // ms
    std::int64_t poll_time = 0;       // ms
    std::optional<std::int64_t> born_time;
    std::int32_t init_mode = 0;
    std::optional<std::string_view> exp_type;
    std::optional<std::string_view> exp;
    std::optional<bool> order;
    std::optional<std::string_view> attempt_id;

    template <class Visitor>
    void visit(Visitor& v) {
        v("consumerGroup", consumer_group);
        v("topic", topic);
        v("queueId", queue_id);
        v("maxMsgNums", max_msg_nums);
        v("invisibleTime", invisible_time);
        v("pollTime", poll_time);
        v("bornTime", born_time);
        v("initMode", init_mode);
        v("expType", exp_type);
        v("exp", exp);
        v("order", order);
        v("attemptId", attempt_id);
    }
};

// Answer of POP_MESSAGE and, with restNum alone set, of PEEK_MESSAGE.
// Source: PopMessageResponseHeader.
struct PopMessageResponseHeader {
    std::int64_t pop_time = 0;
    std::int64_t invisible_time = 0;
    std::int32_t revive_qid = 0;
    std::int64_t rest_num = 0;
    std::optional<std::string_view> start_offset_info;
    std::optional<std::string_view> msg_offset_info;
    std::optional<std::string_view> order_count_info;

    template <class Visitor>
    void visit(Visitor& v) {
        v("popTime", pop_time);
        v("invisibleTime", invisible_time);
        v("reviveQid", revive_qid);
        v("restNum", rest_num);
        v("startOffsetInfo", start_offset_info);
        v("msgOffsetInfo", msg_offset_info);
        v("orderCountInfo", order_count_info);
    }
};

// Request header of ACK_MESSAGE (200051). Source: AckMessageRequestHeader.
struct AckMessageRequestHeader {
    std::string_view consumer_group;
    std::string_view topic;  // the real one: of a retried message its retry topic
    std::int32_t queue_id = 0;
    std::string_view extra_info;
    std::int64_t offset = 0;
    std::optional<std::string_view> lite_topic;  // then `topic` is its parent (5.5)

    template <class Visitor>
    void visit(Visitor& v) {
        v("consumerGroup", consumer_group);
        v("topic", topic);
        v("queueId", queue_id);
        v("extraInfo", extra_info);
        v("offset", offset);
        v("liteTopic", lite_topic);
    }
};

// Request header of CHANGE_MESSAGE_INVISIBLETIME (200053).
// Source: ChangeInvisibleTimeRequestHeader.
struct ChangeInvisibleTimeRequestHeader {
    std::string_view consumer_group;
    std::string_view topic;
    std::int32_t queue_id = 0;
    std::string_view extra_info;
    std::int64_t offset = 0;
    std::int64_t invisible_time = 0;             // ms from now
    std::optional<bool> suspend;                 // put back without counting a try (5.5)
    std::optional<std::string_view> lite_topic;  // then `topic` is its parent (5.5)

    template <class Visitor>
    void visit(Visitor& v) {
        v("consumerGroup", consumer_group);
        v("topic", topic);
        v("queueId", queue_id);
        v("extraInfo", extra_info);
        v("offset", offset);
        v("invisibleTime", invisible_time);
        v("suspend", suspend);
        v("liteTopic", lite_topic);
    }
};

// Source: ChangeInvisibleTimeResponseHeader.
struct ChangeInvisibleTimeResponseHeader {
    std::int64_t pop_time = 0;
    std::int64_t invisible_time = 0;
    std::int32_t revive_qid = 0;

    template <class Visitor>
    void visit(Visitor& v) {
        v("popTime", pop_time);
        v("invisibleTime", invisible_time);
        v("reviveQid", revive_qid);
    }
};

// Request header of PEEK_MESSAGE (200052). Source: PeekMessageRequestHeader.
struct PeekMessageRequestHeader {
    std::string_view topic;
    std::int32_t queue_id = 0;
    std::int32_t max_msg_nums = 0;
    std::string_view consumer_group;

    template <class Visitor>
    void visit(Visitor& v) {
        v("topic", topic);
        v("queueId", queue_id);
        v("maxMsgNums", max_msg_nums);
        v("consumerGroup", consumer_group);
    }
};

// Request header of NOTIFICATION (200054). Source: NotificationRequestHeader.
struct NotificationRequestHeader {
    std::string_view consumer_group;
    std::string_view topic;
    std::int32_t queue_id = 0;
    std::int64_t poll_time = 0;
    std::optional<std::int64_t> born_time;
    std::optional<bool> order;
    std::optional<std::string_view> attempt_id;
    std::optional<std::string_view> exp_type;
    std::optional<std::string_view> exp;

    template <class Visitor>
    void visit(Visitor& v) {
        v("consumerGroup", consumer_group);
        v("topic", topic);
        v("queueId", queue_id);
        v("pollTime", poll_time);
        v("bornTime", born_time);
        v("order", order);
        v("attemptId", attempt_id);
        v("expType", exp_type);
        v("exp", exp);
    }
};

// Source: NotificationResponseHeader.
struct NotificationResponseHeader {
    bool has_msg = false;
    bool polling_full = false;

    template <class Visitor>
    void visit(Visitor& v) {
        v("hasMsg", has_msg);
        v("pollingFull", polling_full);
    }
};

// Request header of POLLING_INFO (200055). Source: PollingInfoRequestHeader.
struct PollingInfoRequestHeader {
    std::string_view consumer_group;
    std::string_view topic;
    std::int32_t queue_id = 0;

    template <class Visitor>
    void visit(Visitor& v) {
        v("consumerGroup", consumer_group);
        v("topic", topic);
        v("queueId", queue_id);
    }
};

// Source: PollingInfoResponseHeader.
struct PollingInfoResponseHeader {
    std::int32_t polling_num = 0;

    template <class Visitor>
    void visit(Visitor& v) {
        v("pollingNum", polling_num);
    }
};

}  // namespace rmq
