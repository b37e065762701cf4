// SPDX-License-Identifier: Apache-2.0
#include "common/java_string.h"

namespace rmq {

namespace {

constexpr std::uint32_t kReplacement = 0xFFFD;

struct Decoded {
    std::uint32_t code_point;
    std::size_t length;
};

bool is_continuation(std::string_view text, std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}

std::uint32_t low_bits(std::string_view text, std::size_t at) {
    return static_cast<unsigned char>(text[at]) & 0x3FU;
}

Decoded decode_one(std::string_view text, std::size_t at) {
    const auto lead = static_cast<unsigned char>(text[at]);
    if (lead < 0x80) {
        return {lead, 1};
    }
    if (lead >= 0xC2 && lead < 0xE0 && is_continuation(text, at + 1)) {
        return {(lead & 0x1FU) << 6 | low_bits(text, at + 1), 2};
    }
    if (lead >= 0xE0 && lead < 0xF0 && is_continuation(text, at + 1) &&
        is_continuation(text, at + 2)) {
        const std::uint32_t point =
            (lead & 0x0FU) << 12 | low_bits(text, at + 1) << 6 | low_bits(text, at + 2);
        const bool surrogate = point >= 0xD800 && point < 0xE000;
        return point < 0x800 || surrogate ? Decoded{kReplacement, 1} : Decoded{point, 3};
    }
    if (lead >= 0xF0 && lead < 0xF5 && is_continuation(text, at + 1) &&
        is_continuation(text, at + 2) && is_continuation(text, at + 3)) {
        const std::uint32_t point = (lead & 0x07U) << 18 | low_bits(text, at + 1) << 12 |
                                    low_bits(text, at + 2) << 6 | low_bits(text, at + 3);
        return point < 0x10000 || point > 0x10FFFF ? Decoded{kReplacement, 1} : Decoded{point, 4};
    }
    return {kReplacement, 1};
}

// Calls unit(std::uint32_t) for each UTF-16 code unit of the text.
template <class Unit>
void for_each_utf16_unit(std::string_view text, Unit&& unit) {
    for (std::size_t at = 0; at < text.size();) {
        const Decoded decoded = decode_one(text, at);
        at += decoded.length;
        if (decoded.code_point < 0x10000) {
            unit(decoded.code_point);
        } else {
            unit(0xD800 + ((decoded.code_point - 0x10000) >> 10));
            unit(0xDC00 + ((decoded.code_point - 0x10000) & 0x3FF));
        }
    }
}

}  // namespace

std::int32_t java_string_hash(std::string_view utf8, std::int32_t prefix) {
    auto hash = static_cast<std::uint32_t>(prefix);
    for_each_utf16_unit(utf8, [&](std::uint32_t unit) { hash = hash * 31 + unit; });
    return static_cast<std::int32_t>(hash);
}

std::int64_t java_string_length(std::string_view utf8) {
    std::int64_t length = 0;
    for_each_utf16_unit(utf8, [&](std::uint32_t) { ++length; });
    return length;
}

}  // namespace rmq
