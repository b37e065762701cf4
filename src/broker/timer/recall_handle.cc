// SPDX-License-Identifier: Apache-2.0
#include "broker/timer/recall_handle.h"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace rmq::broker {

namespace {

constexpr std::string_view kVersion = "v1";
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encode_base64(std::string_view bytes) {
    std::string text;
    for (std::size_t from = 0; from < bytes.size(); from += 3) {
        const auto group = bytes.substr(from, 3);
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            bits = bits << 8 | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
        }
        for (std::size_t i = 0; i < 4; ++i) {
            text += i <= group.size() ? kAlphabet[bits >> (18 - 6 * i) & 63U] : '=';
        }
    }
    return text;
}

// As java.util.Base64's URL decoder: the padding may be left out, but not be half there.
std::optional<std::string> decode_base64(std::string_view text) {
    std::string bytes;
    std::uint32_t bits = 0;
    std::size_t digits = 0;
    std::size_t padding = 0;
    for (const char c : text) {
        const auto value = kAlphabet.find(c);
        if (c == '=') {
            ++padding;
        } else if (value == std::string_view::npos || padding > 0) {
            return std::nullopt;
        } else {
            bits = bits << 6 | static_cast<std::uint32_t>(value);
            if (++digits % 4 != 1) {
                bytes += static_cast<char>(bits >> (6 - 2 * ((digits - 1) % 4)) & 255U);
            }
        }
    }
    const bool is_whole = padding == 0 || (digits + padding) % 4 == 0;
    return digits % 4 == 1 || padding > 2 || !is_whole ? std::nullopt : std::optional(bytes);
}

}  // namespace

std::string encode_recall_handle(const RecallHandle& handle) {
    std::string text(kVersion);
    for (const auto* const item :
         {&handle.topic, &handle.broker_name, &handle.timestamp, &handle.message_id}) {
        text.append(" ").append(*item);
    }
    return encode_base64(text);
}

Result<RecallHandle> decode_recall_handle(std::string_view text) {
    const auto raw = decode_base64(text);
    std::vector<std::string> items;
    std::string_view rest = raw ? std::string_view(*raw) : std::string_view();
    while (!rest.empty()) {
        const auto end = std::min(rest.find(' '), rest.size());
        items.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    if (items.size() < 5 || items[0] != kVersion) {
        return Error{Errc::kInvalidArgument, "recall handle is invalid"};
    }
    return RecallHandle{items[1], items[2], items[3], items[4]};
}

}  // namespace rmq::broker
