// SPDX-License-Identifier: Apache-2.0
#include "broker/pop/pop_check_point.h"

#include "common/parse_number.h"
#include "remoting/protocol/body/json_fields.h"
#include "remoting/protocol/extra_info.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace rmq::broker {

namespace {

constexpr std::int32_t kUnreadableReputs = 127;

bool is_sane(std::int64_t number) {
    return number == clamp_pop_number(number);
}

// fastjson's alternateNames.
const char* name_of(const nlohmann::json& object, const char* short_name, const char* long_name) {
    return object.contains(short_name) ? short_name : long_name;
}

std::string join(std::initializer_list<std::string_view> parts, std::string_view separator) {
    std::string text;
    for (const auto part : parts) {
        if (!text.empty()) {
            text += separator;
        }
        text += part;
    }
    return text;
}

std::string key_of(const std::string& topic, const std::string& group, std::int32_t queue_id,
                   std::int64_t start_offset, std::int64_t pop_time, std::string_view broker_name) {
    return join({topic, group, std::to_string(queue_id), std::to_string(start_offset),
                 std::to_string(pop_time), broker_name},
                "\n");
}

}  // namespace

AckMsg ack_of(const PopHandle& handle, const PopQueue& queue, std::int64_t offset) {
    AckMsg ack;
    ack.topic = queue.topic;
    ack.group = queue.group;
    ack.broker_name = handle.broker_name;
    ack.queue_id = queue.queue_id;
    ack.start_offset = handle.ck_queue_offset;
    ack.pop_time = handle.pop_time;
    ack.ack_offset = offset;
    return ack;
}

void PopCheckPoint::set_acked(const AckMsg& ack) {
    const auto mark = [this](std::int64_t offset) {
        if (const auto index = index_of(offset); index >= 0) {
            set_acked(index);
        }
    };
    if (ack.is_batch) {
        std::for_each(ack.ack_offsets.begin(), ack.ack_offsets.end(), mark);
    } else {
        mark(ack.ack_offset);
    }
}

std::int32_t PopCheckPoint::index_of(std::int64_t offset) const {
    const auto diff = offset - start_offset;
    if (diff < 0) {
        return -1;
    }
    if (diffs.empty()) {
        return diff < num ? static_cast<std::int32_t>(diff) : -1;
    }
    const auto found = std::find(diffs.begin(), diffs.end(), diff);
    return found == diffs.end() ? -1 : static_cast<std::int32_t>(found - diffs.begin());
}

std::int64_t PopCheckPoint::offset_at(std::int32_t index) const {
    return start_offset + (diffs.empty() ? index : diffs[static_cast<std::size_t>(index)]);
}

std::int32_t PopCheckPoint::parse_re_put_times() const {
    return re_put_times.empty()
               ? 0
               : parse_java_number<std::int32_t>(re_put_times).value_or(kUnreadableReputs);
}

std::string encode(const PopCheckPoint& point) {
    nlohmann::json json{{"bm", static_cast<std::int32_t>(point.bit_map)},
                        {"bn", point.broker_name},
                        {"c", point.group},
                        {"it", point.invisible_time},
                        {"n", point.num},
                        {"pt", point.pop_time},
                        {"q", point.queue_id},
                        {"reviveTime", point.revive_time()},
                        {"ro", point.revive_offset},
                        {"so", point.start_offset},
                        {"sp", point.suspend},
                        {"t", point.topic}};
    if (!point.diffs.empty()) {
        json["d"] = point.diffs;
    }
    if (!point.re_put_times.empty()) {
        json["rp"] = point.re_put_times;
    }
    return dump_json(json);
}

std::string encode(const AckMsg& ack) {
    nlohmann::json json{{"ao", ack.ack_offset}, {"bn", ack.broker_name}, {"c", ack.group},
                        {"pt", ack.pop_time},   {"q", ack.queue_id},     {"so", ack.start_offset},
                        {"t", ack.topic}};
    if (ack.is_batch) {
        json["aol"] = ack.ack_offsets;
    }
    return dump_json(json);
}

Result<PopCheckPoint> parse_pop_check_point(std::string_view text) {
    RMQ_TRY(const auto json, parse_body_json(text));
    if (!json.is_object()) {
        return Error{Errc::kMalformed, "a check point must be a JSON object"};
    }
    PopCheckPoint point;
    point.topic = json_string(json, "t");
    point.group = json_string(json, "c");
    point.broker_name = json_string(json, "bn");
    point.queue_id = json_int32(json, "q", 0);
    point.start_offset = json_int64(json, "so", 0);
    point.pop_time = json_int64(json, "pt", 0);
    point.invisible_time = json_int64(json, "it", 0);
    point.bit_map = static_cast<std::uint32_t>(json_int32(json, "bm", 0));
    point.num = json_int32(json, "n", 0);
    point.revive_offset = json_int64(json, "ro", 0);
    point.re_put_times = json_string(json, "rp");
    point.suspend = json_bool(json, "sp", false);
    for (const auto& diff : json_member(json, "d")) {
        const auto number = parse_number<std::int32_t>(json_scalar_text(diff));
        if (!number) {
            return Error{Errc::kMalformed, "an offset difference is no number"};
        }
        point.diffs.push_back(*number);
    }
    const auto known = point.diffs.empty() ? PopCheckPoint::kMessagesMax
                                           : static_cast<std::int32_t>(point.diffs.size());
    if (point.num < 0 || point.num > std::min(known, PopCheckPoint::kMessagesMax) ||
        !is_sane(point.start_offset) || !is_sane(point.pop_time) ||
        !is_sane(point.invisible_time)) {
        return Error{Errc::kMalformed, "no pop made such a check point"};
    }
    return point;
}

Result<AckMsg> parse_ack_msg(std::string_view text, bool is_batch) {
    RMQ_TRY(const auto json, parse_body_json(text));
    if (!json.is_object()) {
        return Error{Errc::kMalformed, "an acknowledgement must be a JSON object"};
    }
    AckMsg ack;
    ack.topic = json_string(json, name_of(json, "t", "topic"));
    ack.group = json_string(json, name_of(json, "c", "consumerGroup"));
    ack.broker_name = json_string(json, name_of(json, "bn", "brokerName"));
    ack.queue_id = json_int32(json, name_of(json, "q", "queueId"), 0);
    ack.start_offset = json_int64(json, name_of(json, "so", "startOffset"), 0);
    ack.pop_time = json_int64(json, name_of(json, "pt", "popTime"), 0);
    ack.ack_offset = json_int64(json, name_of(json, "ao", "ackOffset"), 0);
    ack.is_batch = is_batch;
    for (const auto& item : json_member(json, name_of(json, "aol", "ackOffsetList"))) {
        if (const auto offset = parse_number<std::int64_t>(json_scalar_text(item))) {
            ack.ack_offsets.push_back(clamp_pop_number(*offset));
        }
    }
    ack.ack_offset = clamp_pop_number(ack.ack_offset);
    return ack;
}

std::string unique_id(const PopCheckPoint& point) {
    return join(
        {point.topic, std::to_string(point.queue_id), std::to_string(point.start_offset),
         point.group, std::to_string(point.pop_time), point.broker_name, pop_tag::kCheckPoint},
        "@");
}

// Also of a batch, as the original's broker overwrites the id it made for that.
std::string unique_id(const AckMsg& ack) {
    return join({ack.topic, std::to_string(ack.queue_id), std::to_string(ack.ack_offset), ack.group,
                 std::to_string(ack.pop_time), ack.broker_name, pop_tag::kAck},
                "@");
}

std::string merge_key(const PopCheckPoint& point) {
    return key_of(point.topic, point.group, point.queue_id, point.start_offset, point.pop_time,
                  point.broker_name);
}

std::string merge_key(const AckMsg& ack, std::string_view default_broker_name) {
    return key_of(ack.topic, ack.group, ack.queue_id, ack.start_offset, ack.pop_time,
                  ack.broker_name.empty() ? default_broker_name : ack.broker_name);
}

}  // namespace rmq::broker
