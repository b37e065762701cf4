// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rmq {

// Request header of SEND_MESSAGE (10), field names as in V1.
// Source: SendMessageRequestHeader.
struct SendMessageRequestHeader {
    std::string_view producer_group;
    std::string_view topic;
    std::string_view default_topic;
    std::int32_t default_topic_queue_nums = 0;
    std::int32_t queue_id = 0;  // negative: the broker picks
    std::int32_t sys_flag = 0;
    std::int64_t born_timestamp = 0;
    std::int32_t flag = 0;
    std::optional<std::string_view> properties;
    std::optional<std::int32_t> reconsume_times;
    std::optional<bool> unit_mode;
    std::optional<std::int32_t> max_reconsume_times;
    std::optional<bool> batch;

    template <class Visitor>
    void visit(Visitor& v) {
        v("producerGroup", producer_group);
        v("topic", topic);
        v("defaultTopic", default_topic);
        v("defaultTopicQueueNums", default_topic_queue_nums);
        v("queueId", queue_id);
        v("sysFlag", sys_flag);
        v("bornTimestamp", born_timestamp);
        v("flag", flag);
        v("properties", properties);
        v("reconsumeTimes", reconsume_times);
        v("unitMode", unit_mode);
        v("maxReconsumeTimes", max_reconsume_times);
        v("batch", batch);
    }
};

// The same header with the short names of SEND_MESSAGE_V2 (310) and SEND_BATCH_MESSAGE (320).
// Source: SendMessageRequestHeaderV2.
struct SendMessageRequestHeaderV2 : SendMessageRequestHeader {
    template <class Visitor>
    void visit(Visitor& v) {
        v("a", producer_group);
        v("b", topic);
        v("c", default_topic);
        v("d", default_topic_queue_nums);
        v("e", queue_id);
        v("f", sys_flag);
        v("g", born_timestamp);
        v("h", flag);
        v("i", properties);
        v("j", reconsume_times);
        v("k", unit_mode);
        v("l", max_reconsume_times);
        v("m", batch);
    }
};

// PUSH_REPLY_MESSAGE_TO_CLIENT (326), from the broker to the client that asked.
// Source: ReplyMessageRequestHeader.
struct ReplyMessageRequestHeader : SendMessageRequestHeader {
    std::string_view born_host;  // "ip:port" of the client that replied
    std::string_view store_host;
    std::int64_t store_timestamp = 0;

    template <class Visitor>
    void visit(Visitor& v) {
        v("producerGroup", producer_group);
        v("topic", topic);
        v("defaultTopic", default_topic);
        v("defaultTopicQueueNums", default_topic_queue_nums);
        v("queueId", queue_id);
        v("sysFlag", sys_flag);
        v("bornTimestamp", born_timestamp);
        v("flag", flag);
        v("properties", properties);
        v("reconsumeTimes", reconsume_times);
        v("unitMode", unit_mode);
        v("bornHost", born_host);
        v("storeHost", store_host);
        v("storeTimestamp", store_timestamp);
    }
};

// Answer of every send. msgId, queueId and queueOffset are mandatory on SUCCESS and on the three
// stored-but-degraded codes. Source: SendMessageResponseHeader.
struct SendMessageResponseHeader {
    std::string_view msg_id;  // offset message id; comma-joined for a batch
    std::int32_t queue_id = 0;
    std::int64_t queue_offset = 0;
    std::optional<std::string_view> transaction_id;
    std::optional<std::string_view> batch_uniq_id;  // of a batch stored as one record
    std::optional<std::string_view> recall_handle;  // of a timer message

    template <class Visitor>
    void visit(Visitor& v) {
        v("msgId", msg_id);
        v("queueId", queue_id);
        v("queueOffset", queue_offset);
        v("transactionId", transaction_id);
        v("batchUniqId", batch_uniq_id);
        v("recallHandle", recall_handle);
    }
};

// Request header of CONSUMER_SEND_MSG_BACK (36). Source: ConsumerSendMsgBackRequestHeader.
struct ConsumerSendMsgBackRequestHeader {
    std::int64_t offset = 0;  // CommitLog position of the message
    std::string_view group;
    std::int32_t delay_level = 0;  // 0: the broker's steps, negative: dead letter at once
    std::optional<std::string_view> origin_msg_id;
    std::optional<std::string_view> origin_topic;
    std::optional<bool> unit_mode;
    std::optional<std::int32_t> max_reconsume_times;

    template <class Visitor>
    void visit(Visitor& v) {
        v("offset", offset);
        v("group", group);
        v("delayLevel", delay_level);
        v("originMsgId", origin_msg_id);
        v("originTopic", origin_topic);
        v("unitMode", unit_mode);
        v("maxReconsumeTimes", max_reconsume_times);
    }
};

}  // namespace rmq
