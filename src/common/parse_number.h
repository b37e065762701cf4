// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace rmq {

// The whole number that the whole text is: digits with at most a minus before them; nothing for
// anything else, and for what does not fit. Thread safety: pure functions.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
    Number number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, failure] = std::from_chars(text.data(), end, number);
    return failure == std::errc{} && stop == end ? std::optional(number) : std::nullopt;
}

// The same with at most one leading plus, as Integer.parseInt and Long.parseLong take it.
template <class Number>
std::optional<Number> parse_java_number(std::string_view text) {
    if (text.size() > 1 && text[0] == '+' && text[1] != '-') {
        text.remove_prefix(1);
    }
    return parse_number<Number>(text);
}

}  // namespace rmq
