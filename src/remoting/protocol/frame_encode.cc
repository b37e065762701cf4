// SPDX-License-Identifier: Apache-2.0
#include "common/bytes.h"
#include "remoting/protocol/frame.h"
#include "remoting/protocol/json_text.h"

#include <charconv>

namespace rmq {

namespace {

constexpr std::size_t kFrameHeadBytes = 8;
constexpr std::string_view kTail = ",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":513}";
static_assert(mq_version::kCurrent == 513, "kTail spells it out");

void append_int(std::int64_t value, std::string& out) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    out.append(digits, static_cast<std::size_t>(end - digits));
}

struct HeaderParts {
    std::int32_t code = 0;
    std::string_view ext;     // members without braces
    std::string_view remark;  // empty: absent
    std::string_view flag_and_language;
    std::int32_t opaque = 0;
};

// Members in Java's order: alphabetical, absent ones left out.
void append_header(const HeaderParts& parts, std::string& out) {
    out += "{\"code\":";
    append_int(parts.code, out);
    if (!parts.ext.empty()) {
        out += ",\"extFields\":{";
        out += parts.ext;
        out += '}';
    }
    out += parts.flag_and_language;
    append_int(parts.opaque, out);
    if (!parts.remark.empty()) {
        out += ",\"remark\":\"";
        append_json_escaped(parts.remark, out);
        out += '"';
    }
    out += kTail;
}

// Fills in the 8 bytes at `start`, once the header behind them is complete. The top byte of the
// second word is SerializeType::kJson, 0.
void store_head(std::size_t start, std::size_t body_bytes, std::string& out) {
    const std::size_t header_bytes = out.size() - start - kFrameHeadBytes;
    store_be(out.data() + start, static_cast<std::uint32_t>(4 + header_bytes + body_bytes));
    store_be(out.data() + start + 4, static_cast<std::uint32_t>(header_bytes));
}

}  // namespace

void encode_response_head(const Response& response, std::int32_t opaque, std::size_t body_bytes,
                          std::string& out) {
    const std::size_t start = out.size();
    out.append(kFrameHeadBytes, '\0');
    append_header({.code = static_cast<std::int32_t>(response.code),
                   .ext = response.ext.text(),
                   .remark = response.remark,
                   .flag_and_language = ",\"flag\":1,\"language\":\"JAVA\",\"opaque\":",
                   .opaque = opaque},
                  out);
    store_head(start, body_bytes, out);
}

void encode_request(const OutboundCommand& command, std::int32_t opaque, bool oneway,
                    std::string& out) {
    const std::size_t start = out.size();
    out.append(kFrameHeadBytes, '\0');
    append_header({.code = static_cast<std::int32_t>(command.code),
                   .ext = command.ext.text(),
                   .remark = {},
                   .flag_and_language =
                       oneway ? std::string_view(",\"flag\":2,\"language\":\"JAVA\",\"opaque\":")
                              : std::string_view(",\"flag\":0,\"language\":\"JAVA\",\"opaque\":"),
                   .opaque = opaque},
                  out);
    store_head(start, command.body.size(), out);
    out += command.body;
}

}  // namespace rmq
