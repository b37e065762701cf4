// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/json_text.h"

#include <array>

namespace rmq {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool is_plain_ascii(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

// Length of the valid UTF-8 sequence that begins with a non-ASCII byte, 0 if there is none.
std::size_t utf8_sequence(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    std::size_t length = 0;
    unsigned char second_min = 0x80;
    unsigned char second_max = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF) {
        length = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        length = 3;
        second_min = lead == 0xE0 ? 0xA0 : 0x80;  // no overlong forms
        second_max = lead == 0xED ? 0x9F : 0xBF;  // no surrogates
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        length = 4;
        second_min = lead == 0xF0 ? 0x90 : 0x80;
        second_max = lead == 0xF4 ? 0x8F : 0xBF;
    }
    if (length == 0 || text.size() < length || byte(1) < second_min || byte(1) > second_max) {
        return 0;
    }
    for (std::size_t i = 2; i < length; ++i) {
        if (byte(i) < 0x80 || byte(i) > 0xBF) {
            return 0;
        }
    }
    return length;
}

char short_escape(char c) {
    switch (c) {
        case '"':
        case '\\':
            return c;
        case '\b':
            return 'b';
        case '\f':
            return 'f';
        case '\n':
            return 'n';
        case '\r':
            return 'r';
        case '\t':
            return 't';
        default:
            return 0;
    }
}

}  // namespace

bool JsonEscaper::next(std::string_view& piece) {
    const std::size_t start = at_;
    while (at_ < text_.size()) {
        const char c = text_[at_];
        if (is_plain_ascii(c)) {
            ++at_;
            continue;
        }
        const bool ascii = static_cast<unsigned char>(c) < 0x80;
        const std::size_t sequence = ascii ? 0 : utf8_sequence(text_.substr(at_));
        if (sequence != 0) {
            at_ += sequence;
            continue;
        }
        if (at_ != start) {
            break;
        }
        ++at_;
        if (!ascii) {
            piece = kReplacement;
        } else if (const char kind = short_escape(c); kind != 0) {
            escape_[0] = '\\';
            escape_[1] = kind;
            piece = {escape_, 2};
        } else {
            constexpr std::string_view kHex = "0123456789abcdef";
            escape_[1] = 'u';
            escape_[4] = kHex[static_cast<unsigned char>(c) >> 4];
            escape_[5] = kHex[static_cast<unsigned char>(c) & 15];
            piece = {escape_, 6};
        }
        return true;
    }
    piece = text_.substr(start, at_ - start);
    return !piece.empty();
}

}  // namespace rmq
