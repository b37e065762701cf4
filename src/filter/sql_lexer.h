// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace rmq::filter {

enum class SqlTokenKind : std::uint8_t {
    kEnd,
    kInvalid,  // no token begins here
    kNot,
    kAnd,
    kOr,
    kBetween,
    kIn,
    kTrue,
    kFalse,
    kNull,
    kIs,
    kContains,
    kStartsWith,
    kEndsWith,
    kDecimal,
    kFloating,
    kString,
    kName,
    kEqual,
    kNotEqual,
    kGreater,
    kGreaterEqual,
    kLess,
    kLessEqual,
    kOpen,
    kComma,
    kClose,
    kPlus,
    kMinus,
};

struct SqlToken {
    SqlTokenKind kind = SqlTokenKind::kEnd;
    std::string_view text;  // as written, quotes included
};

// Cuts an SQL92 expression into tokens, the longest that fits first; blanks and comments are
// skipped. A value; the text outlives it.
// Source: SelectorParserTokenManager.
class SqlLexer {
public:
    explicit SqlLexer(std::string_view text) : text_(text) {}

    // kEnd at the end and ever after; kInvalid where no token begins, and ever after.
    SqlToken next();
    // Bytes before the token that next() gives.
    std::size_t position();

private:
    void skip_blanks();
    SqlToken cut(SqlTokenKind kind, std::size_t size);
    SqlToken number(std::string_view rest);
    SqlToken word(std::string_view rest);
    SqlToken string(std::string_view rest);
    SqlToken symbol(std::string_view rest);

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace rmq::filter
