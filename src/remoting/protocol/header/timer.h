// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rmq {

// RECALL_MESSAGE (370). Source: RecallMessageRequestHeader.
struct RecallMessageRequestHeader {
    std::optional<std::string_view> producer_group;
    std::string_view topic;
    std::string_view recall_handle;

    template <class Visitor>
    void visit(Visitor& v) {
        v("producerGroup", producer_group);
        v("topic", topic);
        v("recallHandle", recall_handle);
    }
};

// Source: RecallMessageResponseHeader.
struct RecallMessageResponseHeader {
    std::string_view msg_id;

    template <class Visitor>
    void visit(Visitor& v) {
        v("msgId", msg_id);
    }
};

// LIST_TIMER_MESSAGES: RaptorMQ's own.
struct ListTimerMessagesRequestHeader {
    std::string_view topic;
    std::optional<std::int32_t> max_num;        // at most; 100 when absent, 1000 at the most
    std::optional<std::int64_t> begin_time_ms;  // of delivery, inclusive
    std::optional<std::int64_t> end_time_ms;    // exclusive

    template <class Visitor>
    void visit(Visitor& v) {
        v("topic", topic);
        v("maxNum", max_num);
        v("beginTime", begin_time_ms);
        v("endTime", end_time_ms);
    }
};

// CANCEL_TIMER_MESSAGE: RaptorMQ's own.
struct CancelTimerMessageRequestHeader {
    std::string_view topic;
    std::string_view key;  // a unique id, or one of the message's keys

    template <class Visitor>
    void visit(Visitor& v) {
        v("topic", topic);
        v("key", key);
    }
};

}  // namespace rmq
