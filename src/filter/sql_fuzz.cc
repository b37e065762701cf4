// SPDX-License-Identifier: Apache-2.0
// Any bytes as an SQL92 expression; what compiles is evaluated over properties that its own text
// and the bytes behind a zero byte make.

#include "common/assert.h"

#include "filter/sql_expression.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace {

// Whether a parenthesis around the text may be closed inside of it, so that less than the text is
// negated. Comments may hide anything.
bool may_close_early(std::string_view text) {
    if (text.find("--") != std::string_view::npos || text.find("/*") != std::string_view::npos) {
        return true;
    }
    bool is_quoted = false;
    int depth = 0;
    for (const char c : text) {
        if (c == '\'') {
            is_quoted = !is_quoted;
        } else if (!is_quoted && (c == '(' || c == ')')) {
            depth += c == '(' ? 1 : -1;
        }
        if (depth < 0) {
            return true;
        }
    }
    return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using rmq::filter::SqlExpression;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const auto zero = input.find('\0');
    const auto text = input.substr(0, zero);
    const auto properties = zero == std::string_view::npos ? input : input.substr(zero + 1);
    const auto compiled = SqlExpression::compile(text);
    if (!compiled) {
        RMQ_ASSERT(compiled.error().remark.starts_with("Invalid MessageSelector. "),
                   "every refusal says what it is about");
        return 0;
    }
    const auto verdict = compiled->evaluate(properties);
    RMQ_ASSERT(compiled->matches(properties) == (verdict == SqlExpression::Verdict::kTrue),
               "only a true expression passes");
    if (may_close_early(text)) {
        return 0;
    }
    const auto negated = SqlExpression::compile("NOT (" + std::string(text) + "\n)");
    if (negated && verdict == SqlExpression::Verdict::kTrue) {
        // What follows a complete expression is ignored, except in parentheses: the same text.
        RMQ_ASSERT(!negated->matches(properties), "a condition and its opposite never both pass");
    }
    return 0;
}
