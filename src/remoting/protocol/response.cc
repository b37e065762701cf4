// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/response.h"

#include "remoting/protocol/json_text.h"

#include <charconv>

namespace rmq {

void ExtWriter::add(std::string_view key, std::string_view value) {
    append(text_.empty() ? "\"" : ",\"");
    append(key);
    append("\":\"");
    append_json_escaped(value, text_);
    append("\"");
}

void ExtWriter::add(std::string_view key, std::int64_t value) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    append(text_.empty() ? "\"" : ",\"");
    append(key);
    append("\":\"");
    append({digits, static_cast<std::size_t>(end - digits)});
    append("\"");
}

std::string_view InboundResponse::ext_value(std::string_view key) const {
    for (const auto& [name, value] : ext) {
        if (name == key) {
            return value;
        }
    }
    return {};
}

}  // namespace rmq
