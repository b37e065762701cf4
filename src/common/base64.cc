// SPDX-License-Identifier: Apache-2.0
#include "common/base64.h"

#include <cstdint>

namespace rmq {

namespace {

std::string_view digits_of(Base64 alphabet) {
    return alphabet == Base64::kUrl
               ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
               : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

}  // namespace

std::string encode_base64(std::string_view bytes, Base64 alphabet) {
    const auto digits = digits_of(alphabet);
    std::string text;
    for (std::size_t from = 0; from < bytes.size(); from += 3) {
        const auto group = bytes.substr(from, 3);
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            bits = bits << 8 | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
        }
        for (std::size_t i = 0; i < 4; ++i) {
            text += i <= group.size() ? digits[bits >> (18 - 6 * i) & 63U] : '=';
        }
    }
    return text;
}

std::optional<std::string> decode_base64(std::string_view text, Base64 alphabet) {
    const auto digits = digits_of(alphabet);
    std::string bytes;
    std::uint32_t bits = 0;
    std::size_t count = 0;
    std::size_t padding = 0;
    for (const char c : text) {
        const auto value = digits.find(c);
        if (c == '=') {
            ++padding;
        } else if (value == std::string_view::npos || padding > 0) {
            return std::nullopt;
        } else {
            bits = bits << 6 | static_cast<std::uint32_t>(value);
            if (++count % 4 != 1) {
                bytes += static_cast<char>(bits >> (6 - 2 * ((count - 1) % 4)) & 255U);
            }
        }
    }
    const bool is_whole = padding == 0 || (count + padding) % 4 == 0;
    return count % 4 == 1 || padding > 2 || !is_whole ? std::nullopt : std::optional(bytes);
}

}  // namespace rmq
