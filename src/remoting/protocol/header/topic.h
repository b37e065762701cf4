// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rmq {

// UPDATE_AND_CREATE_TOPIC (17). `attributes` is "+k=v,-k". Source: CreateTopicRequestHeader.
struct CreateTopicRequestHeader {
    std::string_view topic;
    std::string_view default_topic;
    std::int32_t read_queue_nums = 0;
    std::int32_t write_queue_nums = 0;
    std::int32_t perm = 0;
    std::string_view topic_filter_type;
    std::optional<std::int32_t> topic_sys_flag;
    bool order = false;
    std::optional<std::string_view> attributes;
    std::optional<bool> force;

    template <class Visitor>
    void visit(Visitor& v) {
        v("topic", topic);
        v("defaultTopic", default_topic);
        v("readQueueNums", read_queue_nums);
        v("writeQueueNums", write_queue_nums);
        v("perm", perm);
        v("topicFilterType", topic_filter_type);
        v("topicSysFlag", topic_sys_flag);
        v("order", order);
        v("attributes", attributes);
        v("force", force);
    }
};

// GET_ALL_TOPIC_CONFIG (21); peers before 5.4 send nothing and get everything.
// Source: GetAllTopicConfigRequestHeader.
struct GetAllTopicConfigRequestHeader {
    std::optional<std::int32_t> topic_seq;
    std::optional<std::string_view> data_version;
    std::optional<std::int32_t> max_topic_num;

    template <class Visitor>
    void visit(Visitor& v) {
        v("topicSeq", topic_seq);
        v("dataVersion", data_version);
        v("maxTopicNum", max_topic_num);
    }
};

// Source: GetAllTopicConfigResponseHeader.
struct GetAllTopicConfigResponseHeader {
    std::int32_t total_topic_num = 0;

    template <class Visitor>
    void visit(Visitor& v) {
        v("totalTopicNum", total_topic_num);
    }
};

// Requests about one topic: 202, 215, 300, 351. `lo` asks for the static mapping too (351).
// Source: DeleteTopicRequestHeader, GetTopicStatsInfoRequestHeader,
// QueryTopicConsumeByWhoRequestHeader, GetTopicConfigRequestHeader.
struct TopicRequestHeader {
    std::string_view topic;
    std::optional<bool> lo;

    template <class Visitor>
    void visit(Visitor& v) {
        v("topic", topic);
        v("lo", lo);
    }
};

}  // namespace rmq
