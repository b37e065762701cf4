// SPDX-License-Identifier: Apache-2.0
#include "filter/sql_lexer.h"

#include <algorithm>
#include <array>
#include <utility>

namespace rmq::filter {
namespace {

using TokenKind = SqlTokenKind;

constexpr std::array<std::pair<std::string_view, TokenKind>, 12> kKeywords = {{
    {"NOT", TokenKind::kNot},
    {"AND", TokenKind::kAnd},
    {"OR", TokenKind::kOr},
    {"BETWEEN", TokenKind::kBetween},
    {"IN", TokenKind::kIn},
    {"TRUE", TokenKind::kTrue},
    {"FALSE", TokenKind::kFalse},
    {"NULL", TokenKind::kNull},
    {"IS", TokenKind::kIs},
    {"CONTAINS", TokenKind::kContains},
    {"STARTSWITH", TokenKind::kStartsWith},
    {"ENDSWITH", TokenKind::kEndsWith},
}};

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
char upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}
bool begins_name(char c) {
    return (upper(c) >= 'A' && upper(c) <= 'Z') || c == '_' || c == '$';
}

std::size_t count_digits(std::string_view text) {
    return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) -
                                    text.begin());
}

// Length of "E", an optional sign and digits; 0 without digits.
std::size_t exponent_size(std::string_view text) {
    if (text.empty() || upper(text[0]) != 'E') {
        return 0;
    }
    const std::size_t sign = text.size() > 1 && (text[1] == '+' || text[1] == '-') ? 1 : 0;
    const auto digits = count_digits(text.substr(1 + sign));
    return digits > 0 ? 1 + sign + digits : 0;
}

// Length of the comment at the start of `rest`, 0 when there is none. A line comment needs its end
// of line, a block comment its end.
std::size_t comment_size(std::string_view rest) {
    if (rest.starts_with("--")) {
        const auto end = rest.find_first_of("\r\n");
        return end == std::string_view::npos ? 0 : end + 1;
    }
    if (rest.starts_with("/*")) {
        const auto end = rest.find("*/", 2);
        return end == std::string_view::npos ? 0 : end + 2;
    }
    return 0;
}

}  // namespace

void SqlLexer::skip_blanks() {
    constexpr std::string_view kBlanks = " \t\n\r\f";
    while (at_ < text_.size()) {
        if (kBlanks.find(text_[at_]) != std::string_view::npos) {
            ++at_;
        } else if (const auto size = comment_size(text_.substr(at_)); size > 0) {
            at_ += size;
        } else {
            return;
        }
    }
}

std::size_t SqlLexer::position() {
    skip_blanks();
    return at_;
}

SqlToken SqlLexer::next() {
    skip_blanks();
    const auto rest = text_.substr(at_);
    if (rest.empty()) {
        return {TokenKind::kEnd, {}};
    }
    if (is_digit(rest[0]) || (rest[0] == '.' && rest.size() > 1 && is_digit(rest[1]))) {
        return number(rest);
    }
    if (begins_name(rest[0])) {
        return word(rest);
    }
    return rest[0] == '\'' ? string(rest) : symbol(rest);
}

SqlToken SqlLexer::cut(SqlTokenKind kind, std::size_t size) {
    const auto text = text_.substr(at_, size);
    at_ += size;
    return {kind, text};
}

SqlToken SqlLexer::number(std::string_view rest) {
    const auto whole = count_digits(rest);
    if (whole < rest.size() && rest[whole] == '.') {
        const auto mantissa = whole + 1 + count_digits(rest.substr(whole + 1));
        return cut(TokenKind::kFloating, mantissa + exponent_size(rest.substr(mantissa)));
    }
    if (const auto exponent = exponent_size(rest.substr(whole)); exponent > 0) {
        return cut(TokenKind::kFloating, whole + exponent);
    }
    if (rest[0] == '0') {
        return cut(TokenKind::kDecimal, 1);
    }
    const bool has_suffix = whole < rest.size() && upper(rest[whole]) == 'L';
    return cut(TokenKind::kDecimal, whole + (has_suffix ? 1 : 0));
}

SqlToken SqlLexer::word(std::string_view rest) {
    const auto end = std::find_if_not(rest.begin(), rest.end(),
                                      [](char c) { return begins_name(c) || is_digit(c); });
    const auto word = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
    for (const auto& [keyword, kind] : kKeywords) {
        if (std::equal(word.begin(), word.end(), keyword.begin(), keyword.end(),
                       [](char a, char b) { return upper(a) == b; })) {
            return cut(kind, word.size());
        }
    }
    return cut(TokenKind::kName, word.size());
}

// Two quotes in a row stand for one and do not end the text, unless no other end follows.
SqlToken SqlLexer::string(std::string_view rest) {
    std::size_t longest = 0;
    for (std::size_t i = 1; i < rest.size(); ++i) {
        if (rest[i] != '\'') {
            continue;
        }
        longest = i + 1;
        if (i + 1 >= rest.size() || rest[i + 1] != '\'') {
            break;
        }
        ++i;
    }
    return longest == 0 ? SqlToken{TokenKind::kInvalid, rest.substr(0, 1)}
                        : cut(TokenKind::kString, longest);
}

SqlToken SqlLexer::symbol(std::string_view rest) {
    const char second = rest.size() > 1 ? rest[1] : '\0';
    switch (rest[0]) {
        case '=':
            return cut(TokenKind::kEqual, 1);
        case '<':
            if (second == '>') {
                return cut(TokenKind::kNotEqual, 2);
            }
            return second == '=' ? cut(TokenKind::kLessEqual, 2) : cut(TokenKind::kLess, 1);
        case '>':
            return second == '=' ? cut(TokenKind::kGreaterEqual, 2) : cut(TokenKind::kGreater, 1);
        case '(':
            return cut(TokenKind::kOpen, 1);
        case ',':
            return cut(TokenKind::kComma, 1);
        case ')':
            return cut(TokenKind::kClose, 1);
        case '+':
            return cut(TokenKind::kPlus, 1);
        case '-':
            return cut(TokenKind::kMinus, 1);
        default:
            return {TokenKind::kInvalid, rest.substr(0, 1)};
    }
}

}  // namespace rmq::filter
