// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/body/register_broker.h"

#include "common/bytes.h"
#include "remoting/protocol/body/json_fields.h"
#include "remoting/protocol/remoting_command.h"

#include <libdeflate.h>
#include <nlohmann/json.hpp>

#include <memory>
#include <utility>

namespace rmq {

namespace {

constexpr std::size_t kInflatedMaxBytes = 64U * 1024 * 1024;
constexpr int kBestCompression = 9;

void append_sized(std::string& out, std::string_view bytes) {
    char length[4];
    store_be(length, static_cast<std::int32_t>(bytes.size()));
    out.append(length, sizeof length);
    out.append(bytes);
}

void append_count(std::string& out, std::size_t count) {
    char number[4];
    store_be(number, static_cast<std::int32_t>(count));
    out.append(number, sizeof number);
}

std::string deflate(std::string_view plain) {
    const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(
        libdeflate_alloc_compressor(kBestCompression), &libdeflate_free_compressor);
    std::string out(libdeflate_zlib_compress_bound(compressor.get(), plain.size()), '\0');
    out.resize(libdeflate_zlib_compress(compressor.get(), plain.data(), plain.size(), out.data(),
                                        out.size()));
    return out;
}

Result<std::string> inflate(std::string_view packed) {
    const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)>
        decompressor(libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
    std::size_t room = std::max<std::size_t>(packed.size() * 8, 4096);
    for (;;) {
        room = std::min(room, kInflatedMaxBytes);
        std::string plain(room, '\0');
        std::size_t length = 0;
        const auto outcome = libdeflate_zlib_decompress(
            decompressor.get(), packed.data(), packed.size(), plain.data(), plain.size(), &length);
        if (outcome == LIBDEFLATE_SUCCESS) {
            plain.resize(length);
            return plain;
        }
        if (outcome != LIBDEFLATE_INSUFFICIENT_SPACE) {
            return Error{Errc::kMalformed, "registration body is not a zlib stream"};
        }
        if (room == kInflatedMaxBytes) {
            return Error{Errc::kTooLarge, "registration body inflates beyond 64 MiB"};
        }
        room *= 4;
    }
}

std::vector<std::string> strings_from_json(const nlohmann::json& list) {
    std::vector<std::string> strings;
    if (list.is_array()) {
        for (const auto& element : list) {
            strings.push_back(json_scalar_text(element));
        }
    }
    return strings;
}

Result<RegisterBrokerBody> decode_inflated(std::string_view plain, std::int32_t sender_version) {
    const Error cut_short{Errc::kMalformed, "registration body ends early"};
    RegisterBrokerBody body;
    auto& wrapper = body.topic_config_serialize_wrapper;
    ByteReader reader(plain);
    RMQ_TRY(wrapper.data_version,
            decode_data_version(reader.read_bytes(reader.read<std::int32_t>())));
    for (auto left = reader.read<std::int32_t>(); left > 0 && reader.ok(); --left) {
        RMQ_TRY(auto config,
                parse_topic_config_line(reader.read_bytes(reader.read<std::int32_t>())));
        std::string name = config.topic_name;
        wrapper.topic_config_table.insert_or_assign(std::move(name), std::move(config));
    }
    const auto filters = reader.read_bytes(reader.read<std::int32_t>());
    if (!reader.ok()) {
        return cut_short;
    }
    if (const auto list = parse_body_json(filters)) {
        body.filter_server_list = strings_from_json(*list);
    }
    if (sender_version < mq_version::kV5_0_0) {
        return body;
    }
    for (auto left = reader.read<std::int32_t>(); left > 0 && reader.ok(); --left) {
        RMQ_TRY(const auto object, parse_body_json(reader.read_bytes(reader.read<std::int32_t>())));
        auto info = parse_topic_queue_mapping_info(object);
        std::string topic = info.topic;
        wrapper.topic_queue_mapping_info_map.insert_or_assign(std::move(topic), std::move(info));
    }
    if (!reader.ok()) {
        return cut_short;
    }
    return body;
}

}  // namespace

std::string encode(const RegisterBrokerBody& body, bool compressed) {
    const auto& wrapper = body.topic_config_serialize_wrapper;
    if (!compressed) {
        return dump_json({{"filterServerList", body.filter_server_list},
                          {"topicConfigSerializeWrapper", to_json(wrapper)}});
    }
    std::string plain;
    append_sized(plain, encode(wrapper.data_version));
    append_count(plain, wrapper.topic_config_table.size());
    for (const auto& [name, config] : wrapper.topic_config_table) {
        append_sized(plain, encode_topic_config_line(config));
    }
    append_sized(plain, dump_json(nlohmann::json(body.filter_server_list)));
    append_count(plain, wrapper.topic_queue_mapping_info_map.size());
    for (const auto& [topic, info] : wrapper.topic_queue_mapping_info_map) {
        append_sized(plain, dump_json(to_json(info)));
    }
    return deflate(plain);
}

Result<RegisterBrokerBody> decode_register_broker_body(std::string_view text,
                                                       RegisterBrokerBodyForm form) {
    RegisterBrokerBody body;
    if (text.empty()) {
        return body;
    }
    if (form.sender_version < mq_version::kV3_0_11) {
        RMQ_TRY(body.topic_config_serialize_wrapper, decode_topic_config_wrapper(text));
        return body;
    }
    if (form.compressed) {
        RMQ_TRY(const std::string plain, inflate(text));
        return decode_inflated(plain, form.sender_version);
    }
    RMQ_TRY(const auto object, parse_body_json(text));
    if (!object.is_object()) {
        return Error{Errc::kMalformed, "registration body is not a JSON object"};
    }
    body.filter_server_list = strings_from_json(json_member(object, "filterServerList"));
    if (const auto& wrapper = json_member(object, "topicConfigSerializeWrapper");
        wrapper.is_object()) {
        RMQ_TRY(body.topic_config_serialize_wrapper, parse_topic_config_wrapper(wrapper));
    }
    return body;
}

}  // namespace rmq
