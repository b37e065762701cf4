// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/json_header.h"

#include "common/limits.h"

#include <charconv>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace rmq {

namespace {

enum class Kind { kString, kNumber, kTrue, kFalse, kNull, kContainer };

// A scalar's meaning, or a container's JSON text.
struct Token {
    Kind kind = Kind::kNull;
    std::string_view text;
};

constexpr std::size_t kBlock = 16;

#if defined(__SSE2__)
// Bit i is set when byte i of the block at `p` ends a run of plain string bytes.
unsigned special_mask(const char* p) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i quotes = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
    const __m128i slashes = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(quotes, slashes)));
}
#else
unsigned special_mask(const char* p) {
    unsigned mask = 0;
    for (unsigned i = 0; i < kBlock; ++i) {
        mask |= static_cast<unsigned>(p[i] == '"' || p[i] == '\\') << i;
    }
    return mask;
}
#endif

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

int hex_value(char c) {
    if (is_digit(c)) {
        return c - '0';
    }
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

char* put_utf8(char* out, std::uint32_t point) {
    const auto put = [&out](std::uint32_t byte) { *out++ = static_cast<char>(byte); };
    if (point < 0x80) {
        put(point);
    } else if (point < 0x800) {
        put(0xC0 | (point >> 6));
        put(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        put(0xE0 | (point >> 12));
        put(0x80 | ((point >> 6) & 0x3F));
        put(0x80 | (point & 0x3F));
    } else {
        put(0xF0 | (point >> 18));
        put(0x80 | ((point >> 12) & 0x3F));
        put(0x80 | ((point >> 6) & 0x3F));
        put(0x80 | (point & 0x3F));
    }
    return out;
}

bool is_high_surrogate(std::uint32_t unit) {
    return unit >= 0xD800 && unit < 0xDC00;
}

bool is_low_surrogate(std::uint32_t unit) {
    return unit >= 0xDC00 && unit < 0xE000;
}

class Scanner {
public:
    Scanner(std::string_view text, char* scratch)
        : at_(text.data()), end_(text.data() + text.size()), scratch_(scratch) {}

    bool header(RemotingCommand& command);

private:
    bool member(std::string_view key, RemotingCommand& command);
    bool ext_fields(RemotingCommand& command);
    bool ext_members(ExtFields& ext);
    bool int_member(std::int32_t& out);
    bool take_short_int(std::int32_t& out);
    bool language_member(LanguageCode& out);
    bool text_member(std::string_view& out);

    bool value(Token& out);
    bool string(std::string_view& out);
    bool escaped_string(const char* start, std::string_view& out);
    bool escape(char*& out);
    bool unicode_escape(char*& out);
    bool hex_unit(std::uint32_t& out);
    bool number(Token& out);
    bool literal(std::string_view word, Kind kind, Token& out);
    bool container(Token& out);
    bool skip_object(std::size_t depth);
    bool skip_array(std::size_t depth);
    bool skip_value(std::size_t depth);

    void space() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) {
            ++at_;
        }
    }
    // Takes `c` and the white space before it.
    bool take(char c) {
        if (at_ != end_ && *at_ == c) {  // as a rule there is no white space
            ++at_;
            return true;
        }
        space();
        if (at_ == end_ || *at_ != c) {
            return false;
        }
        ++at_;
        return true;
    }
    // Takes a string that begins here, has no escapes and is not close to the end: nearly all of
    // them. False, and nothing is taken, for anything else.
    bool take_plain_string(std::string_view& out) {
        if (left() <= kBlock || *at_ != '"') {
            return false;
        }
        const char* const start = at_ + 1;
        for (const char* p = start; end_ - p >= static_cast<std::ptrdiff_t>(kBlock); p += kBlock) {
            if (const unsigned mask = special_mask(p); mask != 0) {
                p += __builtin_ctz(mask);
                if (*p != '"') {
                    return false;
                }
                out = {start, static_cast<std::size_t>(p - start)};
                at_ = p + 1;
                return true;
            }
        }
        return false;
    }
    bool take_key(std::string_view& out) {
        if (take_plain_string(out)) {
            return true;
        }
        space();
        return string(out);
    }
    std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

    const char* at_;
    const char* const end_;
    char* scratch_;  // where the next unescaped string goes
};

bool Scanner::header(RemotingCommand& command) {
    if (!take('{')) {
        return false;
    }
    if (!take('}')) {
        do {
            std::string_view key;
            if (!take_key(key) || !take(':') || !member(key, command)) {
                return false;
            }
        } while (take(','));
        if (!take('}')) {
            return false;
        }
    }
    space();
    return at_ == end_;
}

bool Scanner::member(std::string_view key, RemotingCommand& command) {
    switch (key.size()) {
        case 4:
            if (key == "code") {
                return int_member(command.code);
            }
            if (key == "flag") {
                return int_member(command.flag);
            }
            break;
        case 6:
            if (key == "opaque") {
                return int_member(command.opaque);
            }
            if (key == "remark") {
                return text_member(command.remark);
            }
            break;
        case 7:
            if (key == "version") {
                return int_member(command.version);
            }
            break;
        case 8:
            if (key == "language") {
                return language_member(command.language);
            }
            break;
        case 9:
            if (key == "extFields") {
                return ext_fields(command);
            }
            break;
        default:
            break;
    }
    Token ignored;
    return value(ignored);
}

// Takes up to nine digits, which every int32 of that length fits; the rest is for the slow path.
bool Scanner::take_short_int(std::int32_t& out) {
    const char* p = at_;
    const char* const end = end_ - p > 9 ? p + 9 : end_;
    std::int32_t value = 0;
    while (p != end && is_digit(*p)) {
        value = value * 10 + (*p++ - '0');
    }
    const bool whole = p != at_ && p != end_ && (*p == ',' || *p == '}');
    if (!whole || (*at_ == '0' && p - at_ > 1)) {
        return false;
    }
    out = value;
    at_ = p;
    return true;
}

bool Scanner::int_member(std::int32_t& out) {
    if (take_short_int(out)) {
        return true;
    }
    Token token;
    if (!value(token)) {
        return false;
    }
    out = 0;
    if (token.kind == Kind::kNull) {
        return true;
    }
    if (token.kind != Kind::kNumber && token.kind != Kind::kString) {
        return false;
    }
    const char* const end = token.text.data() + token.text.size();
    const auto [stop, status] = std::from_chars(token.text.data(), end, out);
    return status == std::errc{} && stop == end;
}

bool Scanner::language_member(LanguageCode& out) {
    Token token;
    if (!value(token)) {
        return false;
    }
    out = LanguageCode::kOther;
    if (token.kind == Kind::kString) {
        out = language_of(token.text);
    } else if (token.kind == Kind::kNumber) {
        unsigned ordinal = 0;
        const char* const end = token.text.data() + token.text.size();
        const auto [stop, status] = std::from_chars(token.text.data(), end, ordinal);
        if (status == std::errc{} && stop == end &&
            ordinal <= static_cast<unsigned>(LanguageCode::kNodeJs)) {
            out = static_cast<LanguageCode>(ordinal);
        }
    } else if (token.kind != Kind::kNull) {
        return false;
    }
    return true;
}

bool Scanner::text_member(std::string_view& out) {
    Token token;
    if (!value(token)) {
        return false;
    }
    out = token.kind == Kind::kNull ? std::string_view{} : token.text;
    return true;
}

bool Scanner::ext_fields(RemotingCommand& command) {
    command.ext.clear();
    command.has_ext = false;
    space();
    if (at_ != end_ && *at_ == '{') {
        ++at_;
        command.has_ext = true;
        return ext_members(command.ext);
    }
    Token token;
    return value(token) && token.kind == Kind::kNull;
}

bool Scanner::ext_members(ExtFields& ext) {
    if (take('}')) {
        return true;
    }
    do {
        std::string_view key;
        if (!take_key(key) || !take(':')) {
            return false;
        }
        Token token{Kind::kString, {}};
        if (!take_plain_string(token.text) && !value(token)) {
            return false;
        }
        if (token.kind != Kind::kNull && !ext.add(key, token.text)) {
            return false;
        }
    } while (take(','));
    return take('}');
}

bool Scanner::value(Token& out) {
    space();
    if (at_ == end_) {
        return false;
    }
    switch (*at_) {
        case '"':
            out.kind = Kind::kString;
            return string(out.text);
        case 't':
            return literal("true", Kind::kTrue, out);
        case 'f':
            return literal("false", Kind::kFalse, out);
        case 'n':
            return literal("null", Kind::kNull, out);
        case '{':
        case '[':
            return container(out);
        default:
            return number(out);
    }
}

bool Scanner::literal(std::string_view word, Kind kind, Token& out) {
    if (left() < word.size() || std::string_view(at_, word.size()) != word) {
        return false;
    }
    out.kind = kind;
    out.text = {at_, word.size()};
    at_ += word.size();
    return true;
}

bool Scanner::number(Token& out) {
    const char* const start = at_;
    const auto digits = [this] {
        const char* const first = at_;
        while (at_ != end_ && is_digit(*at_)) {
            ++at_;
        }
        return at_ != first;
    };
    if (*at_ == '-') {
        ++at_;
    }
    const bool leading_zero = at_ != end_ && *at_ == '0';
    const char* const whole = at_;
    if (!digits() || (leading_zero && at_ - whole > 1)) {
        return false;
    }
    if (at_ != end_ && *at_ == '.') {
        ++at_;
        if (!digits()) {
            return false;
        }
    }
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
        ++at_;
        if (at_ != end_ && (*at_ == '+' || *at_ == '-')) {
            ++at_;
        }
        if (!digits()) {
            return false;
        }
    }
    out.kind = Kind::kNumber;
    out.text = {start, static_cast<std::size_t>(at_ - start)};
    return true;
}

// Any string that begins at at_.
bool Scanner::string(std::string_view& out) {
    if (at_ == end_ || *at_ != '"') {
        return false;
    }
    const char* const start = ++at_;
    while (left() >= kBlock && special_mask(at_) == 0) {
        at_ += kBlock;
    }
    while (at_ != end_ && *at_ != '"' && *at_ != '\\') {
        ++at_;
    }
    if (at_ == end_) {
        return false;
    }
    if (*at_ == '\\') {
        return escaped_string(start, out);
    }
    out = {start, static_cast<std::size_t>(at_ - start)};
    ++at_;
    return true;
}

// at_ is at the first backslash of a string that began at `start`.
bool Scanner::escaped_string(const char* start, std::string_view& out) {
    char* const first = scratch_;
    char* to = first;
    std::memcpy(to, start, static_cast<std::size_t>(at_ - start));
    to += at_ - start;
    while (at_ != end_) {
        if (*at_ == '"') {
            out = {first, static_cast<std::size_t>(to - first)};
            scratch_ = to;
            ++at_;
            return true;
        }
        if (*at_ == '\\') {
            if (!escape(to)) {
                return false;
            }
        } else if (left() >= kBlock) {
            // Copies the whole block, then keeps what is plain; the scratch has room for it.
            std::memcpy(to, at_, kBlock);
            const unsigned mask = special_mask(at_);
            const unsigned plain = mask == 0 ? kBlock : static_cast<unsigned>(__builtin_ctz(mask));
            at_ += plain;
            to += plain;
        } else {
            *to++ = *at_++;
        }
    }
    return false;
}

bool Scanner::escape(char*& out) {
    if (left() < 2) {
        return false;
    }
    const char kind = at_[1];
    at_ += 2;
    switch (kind) {
        case '"':
        case '\\':
        case '/':
            *out++ = kind;
            return true;
        case 'b':
            *out++ = '\b';
            return true;
        case 'f':
            *out++ = '\f';
            return true;
        case 'n':
            *out++ = '\n';
            return true;
        case 'r':
            *out++ = '\r';
            return true;
        case 't':
            *out++ = '\t';
            return true;
        case 'u':
            return unicode_escape(out);
        default:
            return false;
    }
}

bool Scanner::hex_unit(std::uint32_t& out) {
    if (left() < 4) {
        return false;
    }
    out = 0;
    for (int i = 0; i < 4; ++i) {
        const int digit = hex_value(*at_++);
        if (digit < 0) {
            return false;
        }
        out = out << 4 | static_cast<std::uint32_t>(digit);
    }
    return true;
}

// A lone surrogate becomes '?', as when Java writes such a string in UTF-8.
bool Scanner::unicode_escape(char*& out) {
    std::uint32_t unit = 0;
    if (!hex_unit(unit)) {
        return false;
    }
    if (is_high_surrogate(unit) && left() >= 6 && at_[0] == '\\' && at_[1] == 'u') {
        const char* const back = at_;
        std::uint32_t low = 0;
        at_ += 2;
        if (!hex_unit(low)) {
            return false;
        }
        if (is_low_surrogate(low)) {
            out = put_utf8(out, 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00));
            return true;
        }
        at_ = back;
    }
    if (is_high_surrogate(unit) || is_low_surrogate(unit)) {
        *out++ = '?';
        return true;
    }
    out = put_utf8(out, unit);
    return true;
}

bool Scanner::container(Token& out) {
    const char* const start = at_;
    char* const scratch = scratch_;
    if (!skip_value(2)) {
        return false;
    }
    scratch_ = scratch;  // strings inside were only skipped
    out.kind = Kind::kContainer;
    out.text = {start, static_cast<std::size_t>(at_ - start)};
    return true;
}

bool Scanner::skip_value(std::size_t depth) {
    space();
    if (at_ == end_) {
        return false;
    }
    if (*at_ != '{' && *at_ != '[') {
        Token ignored;
        return value(ignored);
    }
    if (depth > limits::kJsonDepthMax) {
        return false;
    }
    return *at_++ == '{' ? skip_object(depth) : skip_array(depth);
}

bool Scanner::skip_object(std::size_t depth) {
    if (take('}')) {
        return true;
    }
    do {
        std::string_view key;
        space();
        if (!string(key) || !take(':') || !skip_value(depth + 1)) {
            return false;
        }
    } while (take(','));
    return take('}');
}

bool Scanner::skip_array(std::size_t depth) {
    if (take(']')) {
        return true;
    }
    do {
        if (!skip_value(depth + 1)) {
            return false;
        }
    } while (take(','));
    return take(']');
}

}  // namespace

bool decode_json_header(std::string_view header, char* scratch, RemotingCommand& command) {
    return Scanner(header, scratch).header(command);
}

}  // namespace rmq
