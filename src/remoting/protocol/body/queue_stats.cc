// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/body/queue_stats.h"

#include "remoting/protocol/body/broker_stats_data.h"
#include "remoting/protocol/body/json_fields.h"

#include <nlohmann/json.hpp>

#include <functional>

namespace rmq {

namespace {

// {{mq}:value,…}
template <class Value, class ToText>
std::string object_keyed(const std::map<MessageQueue, Value>& table, ToText&& to_text) {
    std::string text = "{";
    for (const auto& [queue, value] : table) {
        if (text.size() > 1) {
            text += ',';
        }
        text += dump_json(to_json(queue));
        text += ':';
        text += to_text(value);
    }
    return text + "}";
}

std::string offset_text(std::int64_t offset) {
    return std::to_string(offset);
}

// Where the JSON value that begins at `from` ends: behind its closing bracket. npos when it does
// not close.
std::size_t end_of_brackets(std::string_view text, std::size_t from) {
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = from; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') {
                ++i;
            } else if (c == '"') {
                in_string = false;
            }
            continue;
        }
        if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            ++depth;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            return i + 1;
        }
    }
    return std::string_view::npos;
}

}  // namespace

std::string encode(const TopicStatsTable& stats) {
    const auto offsets = object_keyed(stats.offset_table, [](const TopicOffset& offset) {
        return dump_json({{"lastUpdateTimestamp", offset.last_update_timestamp},
                          {"maxOffset", offset.max_offset},
                          {"minOffset", offset.min_offset}});
    });
    return R"({"offsetTable":)" + offsets + R"(,"topicPutTps":)" +
           nlohmann::json(stats.topic_put_tps).dump() + "}";
}

std::int64_t ConsumeStats::total_diff() const {
    std::int64_t sum = 0;
    for (const auto& [queue, offsets] : offset_table) {
        sum += offsets.broker_offset - offsets.consumer_offset;
    }
    return sum;
}

std::int64_t ConsumeStats::inflight_total_diff() const {
    std::int64_t sum = 0;
    for (const auto& [queue, offsets] : offset_table) {
        sum += offsets.pull_offset - offsets.consumer_offset;
    }
    return sum;
}

std::string encode(const ConsumeStats& stats) {
    const auto offsets = object_keyed(stats.offset_table, [](const OffsetWrapper& offset) {
        return dump_json({{"brokerOffset", offset.broker_offset},
                          {"consumerOffset", offset.consumer_offset},
                          {"lastTimestamp", offset.last_timestamp},
                          {"pullOffset", offset.pull_offset}});
    });
    return R"({"consumeTps":)" + nlohmann::json(stats.consume_tps).dump() + R"(,"offsetTable":)" +
           offsets + "}";
}

std::string encode(const ConsumeStatsList& list) {
    std::string text =
        R"({"brokerAddr":)" + dump_json(list.broker_addr) + R"(,"consumeStatsList":[)";
    for (const auto& [group, all] : list.consume_stats_list) {
        if (text.back() != '[') {
            text += ',';
        }
        text += "{" + dump_json(group) + ":[";
        for (const auto& stats : all) {
            if (text.back() != '[') {
                text += ',';
            }
            text += encode(stats);
        }
        text += "]}";
    }
    return text + R"(],"totalDiff":)" + std::to_string(list.total_diff) +
           R"(,"totalInflightDiff":)" + std::to_string(list.total_inflight_diff) + "}";
}

std::string encode(const BrokerStatsData& data) {
    const auto item = [](const BrokerStatsItem& stats) {
        return nlohmann::json{{"avgpt", stats.avgpt}, {"sum", stats.sum}, {"tps", stats.tps}};
    };
    return dump_json({{"statsDay", item(data.day)},
                      {"statsHour", item(data.hour)},
                      {"statsMinute", item(data.minute)}});
}

std::string encode_reset_offset_body(const QueueOffsetTable& offsets) {
    return R"({"offsetTable":)" + object_keyed(offsets, offset_text) + "}";
}

std::string encode_reset_offset_body_for_c(const QueueOffsetTable& offsets) {
    auto list = nlohmann::json::array();
    for (const auto& [queue, offset] : offsets) {
        auto entry = to_json(queue);
        entry["offset"] = offset;
        list.push_back(std::move(entry));
    }
    return dump_json({{"offsetTable", std::move(list)}});
}

std::string encode_consumer_status_body(const std::map<std::string, std::string>& by_client) {
    std::string text = R"({"consumerTable":{)";
    for (const auto& [client_id, table] : by_client) {
        if (text.back() != '{') {
            text += ',';
        }
        text += dump_json(client_id) + ":" + table;
    }
    return text + R"(},"messageQueueTable":{}})";
}

std::string message_queue_table_text(std::string_view body) {
    constexpr std::string_view kMember = "\"messageQueueTable\":";
    const auto at = body.find(kMember);
    if (at == std::string_view::npos) {
        return "{}";
    }
    const auto begin = at + kMember.size();
    const auto end = end_of_brackets(body, begin);
    if (begin >= body.size() || body[begin] != '{' || end == std::string_view::npos) {
        return "{}";
    }
    return std::string(body.substr(begin, end - begin));
}

}  // namespace rmq
