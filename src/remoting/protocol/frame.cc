// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/frame.h"

#include "common/bytes.h"
#include "remoting/protocol/json_header.h"

namespace rmq {

namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kHeadBytes = 8;
constexpr std::uint32_t kHeaderLengthMask = 0xFFFFFF;

// A scratch larger than this goes back to the allocator after the header that needed it.
constexpr std::size_t kScratchKeptBytes = 64U * 1024;

// A string of the binary form: a zero length stands for null. Source: RocketMQSerializable.readStr.
std::string_view read_binary_text(ByteReader& in, bool short_length) {
    const std::int64_t length = short_length ? in.read<std::int16_t>() : in.read<std::int32_t>();
    return in.read_bytes(length);
}

// int16 code, int8 language, int16 version, int32 opaque, int32 flag, int32-prefixed remark,
// int32-prefixed block of (int16-prefixed key, int32-prefixed value).
// Source: RocketMQSerializable.rocketMQProtocolDecode.
bool decode_binary_header(std::string_view header, RemotingCommand& command) {
    ByteReader in(header);
    command.code = in.read<std::int16_t>();
    const auto language = in.read<std::uint8_t>();
    command.language = language <= static_cast<std::uint8_t>(LanguageCode::kNodeJs)
                           ? static_cast<LanguageCode>(language)
                           : LanguageCode::kOther;
    command.version = in.read<std::int16_t>();
    command.opaque = in.read<std::int32_t>();
    command.flag = in.read<std::int32_t>();
    command.remark = read_binary_text(in, false);
    const auto ext_bytes = in.read<std::int32_t>();
    if (!in.ok() || ext_bytes <= 0) {
        return in.ok();
    }
    ByteReader block(in.read_bytes(ext_bytes));
    command.has_ext = true;
    while (in.ok() && block.ok() && block.remaining() > 0) {
        const std::string_view key = read_binary_text(block, true);
        const std::string_view value = read_binary_text(block, false);
        if (block.ok() && !key.empty() && !value.empty() && !command.ext.add(key, value)) {
            return false;
        }
    }
    return in.ok() && block.ok();
}

}  // namespace

Result<FrameBounds> cut_frame(std::string_view input, std::size_t frame_max_bytes) {
    if (input.size() < kLengthBytes) {
        return FrameBounds{};
    }
    const auto length = load_be<std::int32_t>(input.data());
    if (length < static_cast<std::int32_t>(kHeadBytes - kLengthBytes)) {
        return Error{Errc::kMalformed, "frame length " + std::to_string(length)};
    }
    const auto frame_bytes = static_cast<std::size_t>(length) + kLengthBytes;
    if (frame_bytes > frame_max_bytes) {
        return Error{Errc::kTooLarge, "frame length " + std::to_string(length)};
    }
    if (input.size() < kHeadBytes) {
        return FrameBounds{};
    }
    const auto header_bytes = load_be<std::uint32_t>(input.data() + 4) & kHeaderLengthMask;
    if (header_bytes > frame_bytes - kHeadBytes) {
        return Error{Errc::kMalformed, "header length " + std::to_string(header_bytes) +
                                           " in a frame of length " + std::to_string(length)};
    }
    if (header_bytes > limits::kHeaderMaxBytes) {
        return Error{Errc::kTooLarge, "header length " + std::to_string(header_bytes)};
    }
    return FrameBounds{input.size() >= frame_bytes ? frame_bytes : 0};
}

std::size_t announced_frame_bytes(std::string_view input) {
    if (input.size() < kLengthBytes) {
        return 0;
    }
    return static_cast<std::size_t>(load_be<std::uint32_t>(input.data())) + kLengthBytes;
}

char* FrameDecoder::scratch(std::size_t bytes) {
    if (bytes > scratch_bytes_ || scratch_bytes_ > kScratchKeptBytes) {
        scratch_bytes_ = bytes < 4096 ? 4096 : bytes;
        scratch_ = std::make_unique<char[]>(scratch_bytes_);
    }
    return scratch_.get();
}

Status FrameDecoder::decode(std::string_view frame, RemotingCommand& command) {
    RMQ_TRY(const auto bounds, cut_frame(frame));
    if (bounds.frame_bytes != frame.size()) {
        return Error{Errc::kMalformed, "not exactly one frame"};
    }
    const auto mark = load_be<std::uint32_t>(frame.data() + 4);
    const std::string_view header = frame.substr(kHeadBytes, mark & kHeaderLengthMask);
    command.code = 0;
    command.language = LanguageCode::kOther;
    command.version = 0;
    command.opaque = 0;
    command.flag = 0;
    command.remark = {};
    command.ext.clear();
    command.has_ext = false;
    command.body = frame.substr(kHeadBytes + header.size());
    switch (mark >> 24) {
        case static_cast<std::uint32_t>(SerializeType::kJson):
            command.serialize_type = SerializeType::kJson;
            if (decode_json_header(header, scratch(json_header_scratch_bytes(header.size())),
                                   command)) {
                return {};
            }
            return Error{Errc::kMalformed, "undecodable JSON header"};
        case static_cast<std::uint32_t>(SerializeType::kRocketmq):
            command.serialize_type = SerializeType::kRocketmq;
            if (decode_binary_header(header, command)) {
                return {};
            }
            return Error{Errc::kMalformed, "undecodable binary header"};
        default:
            return Error{Errc::kMalformed, "serialize type " + std::to_string(mark >> 24)};
    }
}

}  // namespace rmq
