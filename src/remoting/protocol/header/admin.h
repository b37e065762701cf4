// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rmq {

// INVOKE_BROKER_TO_RESET_OFFSET (222) and, to clients, RESET_CONSUMER_CLIENT_OFFSET (220). A
// negative timestamp means the end; a negative queueId all queues; `offset` counts only with a
// queueId. Source: ResetOffsetRequestHeader.
struct ResetOffsetRequestHeader {
    std::string_view group;
    std::string_view topic;
    std::optional<std::int32_t> queue_id;
    std::optional<std::int64_t> offset;
    std::int64_t timestamp = 0;
    bool is_force = false;

    template <class Visitor>
    void visit(Visitor& v) {
        v("group", group);
        v("topic", topic);
        v("queueId", queue_id);
        v("offset", offset);
        v("timestamp", timestamp);
        v("isForce", is_force);
    }
};

// INVOKE_BROKER_TO_GET_CONSUMER_STATUS (223) and, to clients, GET_CONSUMER_STATUS_FROM_CLIENT
// (221). `clientAddr` is a client id. Source: GetConsumerStatusRequestHeader.
struct GetConsumerStatusRequestHeader {
    std::string_view topic;
    std::string_view group;
    std::optional<std::string_view> client_addr;

    template <class Visitor>
    void visit(Visitor& v) {
        v("topic", topic);
        v("group", group);
        v("clientAddr", client_addr);
    }
};

// GET_PRODUCER_CONNECTION_LIST (204). Source: GetProducerConnectionListRequestHeader.
struct ProducerGroupRequestHeader {
    std::string_view producer_group;

    template <class Visitor>
    void visit(Visitor& v) {
        v("producerGroup", producer_group);
    }
};

// GET_CONSUME_STATS (208). `topicList` is separated by semicolons.
// Source: GetConsumeStatsRequestHeader.
struct GetConsumeStatsRequestHeader {
    std::string_view consumer_group;
    std::optional<std::string_view> topic;
    std::optional<std::string_view> topic_list;

    template <class Visitor>
    void visit(Visitor& v) {
        v("consumerGroup", consumer_group);
        v("topic", topic);
        v("topicList", topic_list);
    }
};

// QUERY_CONSUME_TIME_SPAN (303). Source: QueryConsumeTimeSpanRequestHeader.
struct TopicGroupRequestHeader {
    std::string_view topic;
    std::string_view group;

    template <class Visitor>
    void visit(Visitor& v) {
        v("topic", topic);
        v("group", group);
    }
};

// QUERY_SUBSCRIPTION_BY_CONSUMER (345). Source: QuerySubscriptionByConsumerRequestHeader.
struct QuerySubscriptionByConsumerRequestHeader {
    std::string_view group;
    std::optional<std::string_view> topic;

    template <class Visitor>
    void visit(Visitor& v) {
        v("group", group);
        v("topic", topic);
    }
};

// GET_CONSUMER_RUNNING_INFO (307), relayed as it is. Source: GetConsumerRunningInfoRequestHeader.
struct GetConsumerRunningInfoRequestHeader {
    std::string_view consumer_group;
    std::string_view client_id;
    std::optional<bool> jstack_enable;

    template <class Visitor>
    void visit(Visitor& v) {
        v("consumerGroup", consumer_group);
        v("clientId", client_id);
        v("jstackEnable", jstack_enable);
    }
};

// CONSUME_MESSAGE_DIRECTLY (309). `msgId` is an offset message id.
// Source: ConsumeMessageDirectlyResultRequestHeader.
struct ConsumeMessageDirectlyRequestHeader {
    std::string_view consumer_group;
    std::optional<std::string_view> client_id;
    std::optional<std::string_view> msg_id;
    std::optional<std::string_view> topic;

    template <class Visitor>
    void visit(Visitor& v) {
        v("consumerGroup", consumer_group);
        v("clientId", client_id);
        v("msgId", msg_id);
        v("topic", topic);
    }
};

// QUERY_CORRECTION_OFFSET (308). `filterGroups` is separated by commas.
// Source: QueryCorrectionOffsetHeader.
struct QueryCorrectionOffsetRequestHeader {
    std::optional<std::string_view> filter_groups;
    std::string_view compare_group;
    std::string_view topic;

    template <class Visitor>
    void visit(Visitor& v) {
        v("filterGroups", filter_groups);
        v("compareGroup", compare_group);
        v("topic", topic);
    }
};

// CLONE_GROUP_OFFSET (314). Source: CloneGroupOffsetRequestHeader.
struct CloneGroupOffsetRequestHeader {
    std::string_view src_group;
    std::string_view dest_group;
    std::optional<std::string_view> topic;
    std::optional<bool> offline;

    template <class Visitor>
    void visit(Visitor& v) {
        v("srcGroup", src_group);
        v("destGroup", dest_group);
        v("topic", topic);
        v("offline", offline);
    }
};

// VIEW_BROKER_STATS_DATA (315). Source: ViewBrokerStatsDataRequestHeader.
struct ViewBrokerStatsDataRequestHeader {
    std::string_view stats_name;
    std::string_view stats_key;

    template <class Visitor>
    void visit(Visitor& v) {
        v("statsName", stats_name);
        v("statsKey", stats_key);
    }
};

// GET_BROKER_CONSUME_STATS (317). Source: GetConsumeStatsInBrokerHeader.
struct GetBrokerConsumeStatsRequestHeader {
    bool is_order = false;

    template <class Visitor>
    void visit(Visitor& v) {
        v("isOrder", is_order);
    }
};

// QUERY_CONSUME_QUEUE (321). Source: QueryConsumeQueueRequestHeader.
struct QueryConsumeQueueRequestHeader {
    std::string_view topic;
    std::int32_t queue_id = 0;
    std::int64_t index = 0;
    std::int32_t count = 0;
    std::optional<std::string_view> consumer_group;

    template <class Visitor>
    void visit(Visitor& v) {
        v("topic", topic);
        v("queueId", queue_id);
        v("index", index);
        v("count", count);
        v("consumerGroup", consumer_group);
    }
};

// GET_BROKER_CONFIG (26): the JSON text of the settings' DataVersion.
// Source: GetBrokerConfigResponseHeader.
struct GetBrokerConfigResponseHeader {
    std::string_view version;

    template <class Visitor>
    void visit(Visitor& v) {
        v("version", version);
    }
};

}  // namespace rmq
