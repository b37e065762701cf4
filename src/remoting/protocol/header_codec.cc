// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/header_codec.h"

#include "common/parse_number.h"

#include <string>

namespace rmq {

namespace {

template <class T>
Status decode_number(std::string_view field, std::string_view text, T& out) {
    if (const auto number = parse_java_number<T>(text)) {
        out = *number;
        return {};
    }
    constexpr std::size_t kShown = 64;
    return Error{Errc::kInvalidArgument, "the custom field <" + std::string(field) +
                                             "> is not a whole number: \"" +
                                             std::string(text.substr(0, kShown)) + "\""};
}

}  // namespace

Status parse_ext_value(std::string_view field, std::string_view text, std::int32_t& out) {
    return decode_number(field, text, out);
}

Status parse_ext_value(std::string_view field, std::string_view text, std::int64_t& out) {
    return decode_number(field, text, out);
}

Status parse_ext_value(std::string_view, std::string_view text, bool& out) {
    constexpr std::string_view kTrue = "true";
    out = text.size() == kTrue.size();
    for (std::size_t i = 0; out && i < kTrue.size(); ++i) {
        out = (text[i] | 0x20) == kTrue[i];
    }
    return {};
}

Status parse_ext_value(std::string_view, std::string_view text, std::string_view& out) {
    out = text;
    return {};
}

Error missing_ext_field(std::string_view field) {
    return Error{Errc::kInvalidArgument, "the custom field <" + std::string(field) + "> is null"};
}

}  // namespace rmq
