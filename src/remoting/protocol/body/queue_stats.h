// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/protocol/body/message_queue.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace rmq {

// Bodies whose maps have message queues as keys. They are written the way the original's clients
// need it, which is not JSON: {"offsetTable":{{"brokerName":"b","queueId":0,"topic":"T"}:5}}.

// Source: TopicOffset. Timestamps in ms.
struct TopicOffset {
    std::int64_t min_offset = 0;
    std::int64_t max_offset = 0;
    std::int64_t last_update_timestamp = 0;
};

// Body of GET_TOPIC_STATS_INFO (202). Source: TopicStatsTable.
struct TopicStatsTable {
    double topic_put_tps = 0;
    std::map<MessageQueue, TopicOffset> offset_table;
};
std::string encode(const TopicStatsTable& stats);

// Source: OffsetWrapper.
struct OffsetWrapper {
    std::int64_t broker_offset = 0;
    std::int64_t consumer_offset = 0;
    std::int64_t pull_offset = 0;
    std::int64_t last_timestamp = 0;  // store time of the last consumed message, ms
};

// Body of GET_CONSUME_STATS (208). Source: ConsumeStats.
struct ConsumeStats {
    double consume_tps = 0;
    std::map<MessageQueue, OffsetWrapper> offset_table;

    // Messages not consumed yet, and pulled but not consumed yet.
    std::int64_t total_diff() const;
    std::int64_t inflight_total_diff() const;
};
std::string encode(const ConsumeStats& stats);

// Body of GET_BROKER_CONSUME_STATS (317). Source: ConsumeStatsList.
struct ConsumeStatsList {
    std::string broker_addr;
    std::vector<std::pair<std::string, std::vector<ConsumeStats>>> consume_stats_list;  // by group
    std::int64_t total_diff = 0;
    std::int64_t total_inflight_diff = 0;
};
std::string encode(const ConsumeStatsList& list);

using QueueOffsetTable = std::map<MessageQueue, std::int64_t>;

// Body of 220 and 222. Source: ResetOffsetBody.
std::string encode_reset_offset_body(const QueueOffsetTable& offsets);
// The same for C++ clients, a list. Source: ResetOffsetBodyForC.
std::string encode_reset_offset_body_for_c(const QueueOffsetTable& offsets);

// Body of 223: the queues of each client, as its answer to 221 had them (JSON text of the object
// {mq: offset}, relayed as it came). Source: GetConsumerStatusBody.
std::string encode_consumer_status_body(const std::map<std::string, std::string>& by_client);
// The text of messageQueueTable in an answer to 221; "{}" when it has none.
std::string message_queue_table_text(std::string_view body);

}  // namespace rmq
