// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/body/batch_ack.h"

#include "common/base64.h"
#include "remoting/protocol/body/json_fields.h"
#include "remoting/protocol/extra_info.h"

#include <nlohmann/json.hpp>

#include <cstdint>

namespace rmq {

namespace {

// The numbers of the set bits. Source: BitSetSerializerDeserializer, java.util.Base64.
Result<std::vector<std::int64_t>> parse_bit_set(std::string_view base64) {
    if (base64.size() * 6 > static_cast<std::size_t>(kBatchAckBitsMax)) {
        return Error{Errc::kMalformed, "the bit set is too long"};
    }
    const auto bytes = decode_base64(base64);
    if (!bytes) {
        return Error{Errc::kMalformed, "the bit set is not Base64"};
    }
    std::vector<std::int64_t> bits;
    for (std::size_t at = 0; at < bytes->size(); ++at) {
        const auto byte = static_cast<unsigned char>((*bytes)[at]);
        for (std::size_t bit = 0; bit < 8; ++bit) {
            if ((byte >> bit & 1U) != 0) {
                bits.push_back(static_cast<std::int64_t>(at * 8 + bit));
            }
        }
    }
    return bits;
}

// fastjson's alternateNames.
const char* name_of(const nlohmann::json& object, const char* short_name, const char* long_name) {
    return object.contains(short_name) ? short_name : long_name;
}

Result<BatchAck> parse_batch_ack(const nlohmann::json& json) {
    if (!json.is_object()) {
        return Error{Errc::kMalformed, "an acknowledgement must be a JSON object"};
    }
    BatchAck ack;
    ack.consumer_group = json_string(json, name_of(json, "c", "consumerGroup"));
    ack.topic = json_string(json, name_of(json, "t", "topic"));
    ack.retry = json_string(json, name_of(json, "r", "retry"));
    ack.start_offset = json_int64(json, name_of(json, "so", "startOffset"), 0);
    ack.queue_id = json_int32(json, name_of(json, "q", "queueId"), 0);
    ack.revive_queue_id = json_int32(json, name_of(json, "rq", "reviveQueueId"), 0);
    ack.pop_time = json_int64(json, name_of(json, "pt", "popTime"), 0);
    ack.invisible_time = json_int64(json, name_of(json, "it", "invisibleTime"), 0);
    const auto bit_set = json_string(json, name_of(json, "b", "bitSet"));
    if (bit_set.empty()) {
        return Error{Errc::kMalformed, "an acknowledgement needs a bit set"};
    }
    RMQ_TRY(ack.offsets, parse_bit_set(bit_set));
    ack.start_offset = clamp_pop_number(ack.start_offset);
    ack.pop_time = clamp_pop_number(ack.pop_time);
    ack.invisible_time = clamp_pop_number(ack.invisible_time);
    for (auto& offset : ack.offsets) {
        offset += ack.start_offset;
    }
    return ack;
}

}  // namespace

Result<BatchAckMessageRequestBody> parse_batch_ack_request(std::string_view body) {
    RMQ_TRY(const auto json, parse_body_json(body));
    BatchAckMessageRequestBody request;
    request.broker_name = json_string(json, "brokerName");
    for (const auto& item : json_member(json, "acks")) {
        RMQ_TRY(auto ack, parse_batch_ack(item));
        request.acks.push_back(std::move(ack));
    }
    return request;
}

}  // namespace rmq
