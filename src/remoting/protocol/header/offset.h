// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rmq {

// QUERY_CONSUMER_OFFSET (14). Source: QueryConsumerOffsetRequestHeader.
struct QueryConsumerOffsetRequestHeader {
    std::string_view consumer_group;
    std::string_view topic;
    std::int32_t queue_id = 0;
    std::optional<bool> set_zero_if_not_found;

    template <class Visitor>
    void visit(Visitor& v) {
        v("consumerGroup", consumer_group);
        v("topic", topic);
        v("queueId", queue_id);
        v("setZeroIfNotFound", set_zero_if_not_found);
    }
};

// UPDATE_CONSUMER_OFFSET (15). Source: UpdateConsumerOffsetRequestHeader.
struct UpdateConsumerOffsetRequestHeader {
    std::string_view consumer_group;
    std::string_view topic;
    std::int32_t queue_id = 0;
    std::int64_t commit_offset = 0;

    template <class Visitor>
    void visit(Visitor& v) {
        v("consumerGroup", consumer_group);
        v("topic", topic);
        v("queueId", queue_id);
        v("commitOffset", commit_offset);
    }
};

// GET_MAX_OFFSET (30). Source: GetMaxOffsetRequestHeader.
struct GetMaxOffsetRequestHeader {
    std::string_view topic;
    std::int32_t queue_id = 0;
    std::optional<bool> committed;

    template <class Visitor>
    void visit(Visitor& v) {
        v("topic", topic);
        v("queueId", queue_id);
        v("committed", committed);
    }
};

// GET_MIN_OFFSET (31) and GET_EARLIEST_MSG_STORETIME (32).
// Source: GetMinOffsetRequestHeader, GetEarliestMsgStoretimeRequestHeader.
struct TopicQueueRequestHeader {
    std::string_view topic;
    std::int32_t queue_id = 0;

    template <class Visitor>
    void visit(Visitor& v) {
        v("topic", topic);
        v("queueId", queue_id);
    }
};

// SEARCH_OFFSET_BY_TIMESTAMP (29). Source: SearchOffsetRequestHeader.
struct SearchOffsetRequestHeader {
    std::string_view topic;
    std::int32_t queue_id = 0;
    std::int64_t timestamp = 0;  // store time, ms
    std::optional<std::string_view> boundary_type;
    std::optional<std::string_view> lite_topic;  // then `topic` is its parent (5.5)

    template <class Visitor>
    void visit(Visitor& v) {
        v("topic", topic);
        v("queueId", queue_id);
        v("timestamp", timestamp);
        v("boundaryType", boundary_type);
        v("liteTopic", lite_topic);
    }
};

// Answer of 14, 29, 30 and 31. Source: QueryConsumerOffsetResponseHeader and its likes.
struct OffsetResponseHeader {
    std::int64_t offset = 0;

    template <class Visitor>
    void visit(Visitor& v) {
        v("offset", offset);
    }
};

// Answer of 32. Source: GetEarliestMsgStoretimeResponseHeader.
struct TimestampResponseHeader {
    std::int64_t timestamp = -1;  // ms, -1 when the queue is empty

    template <class Visitor>
    void visit(Visitor& v) {
        v("timestamp", timestamp);
    }
};

}  // namespace rmq
