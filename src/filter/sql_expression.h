// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include "filter/sql_value.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::filter {

// Longest expression that is compiled, and its deepest nesting: of parentheses, signs and NOT, and
// of comparisons of comparisons. Chains of AND and OR may be of any length.
inline constexpr std::size_t kSqlExpressionMaxBytes = 1024 * 1024;
inline constexpr std::uint32_t kSqlDepthMax = 500;

// A compiled SQL92 expression over the properties of a message, with the original's semantics:
// three-valued logic; properties are texts, converted to the type that they are compared with; two
// texts can only be ordered when both are numbers; what follows a complete expression is ignored.
// A value. Thread safety: const members may be called from any thread.
// Source: SqlFilter, SelectorParser (5.5.0).
class SqlExpression {
public:
    // Errors: kInvalidArgument "Invalid MessageSelector. <what is wrong and where>"; the original
    // lists the names of the tokens that it expected instead.
    static Result<SqlExpression> compile(std::string_view text);

    // kError is what the original throws while it evaluates.
    enum class Verdict { kTrue, kFalse, kUnknown, kError };
    // `properties` in their encoded form (common/message/message_properties.h). Does not allocate.
    Verdict evaluate(std::string_view properties) const;
    // Whether a message with these properties passes: only kTrue does.
    // Source: ExpressionMessageFilter.isMatchedByCommitLog.
    bool matches(std::string_view properties) const {
        return evaluate(properties) == Verdict::kTrue;
    }

    // Of a node of the compiled tree.
    enum class Op : std::uint8_t {
        kConstant,
        kText,
        kProperty,
        kAnd,
        kOr,
        kNot,
        kBooleanCast,
        kNegate,
        kEqual,
        kGreater,
        kGreaterEqual,
        kLess,
        kLessEqual,
        kIn,
        kContains,
        kStartsWith,
        kEndsWith,
    };

private:
    friend class SqlParser;

    struct Node {
        Op op = Op::kConstant;
        bool is_negated = false;  // kIn, kContains, kStartsWith, kEndsWith
        std::uint32_t left = 0;   // a node
        std::uint32_t right = 0;  // a node
        std::uint32_t first = 0;  // kAnd, kOr: of operands_; with texts: of texts_
        std::uint32_t count = 0;  // of operands or texts from `first`
        SqlValue constant{};      // kConstant
    };

    SqlValue evaluate_node(std::uint32_t index, std::string_view properties) const;
    SqlValue evaluate_logic(const Node& node, std::string_view properties) const;
    SqlValue evaluate_not(const Node& node, std::string_view properties) const;
    SqlValue evaluate_equal(const Node& node, std::string_view properties) const;
    SqlValue evaluate_order(const Node& node, std::string_view properties) const;
    SqlValue evaluate_in(const Node& node, std::string_view properties) const;
    SqlValue evaluate_search(const Node& node, std::string_view properties) const;

    std::vector<Node> nodes_;
    std::vector<std::uint32_t> operands_;
    std::vector<std::string> texts_;  // the part of each kIn is sorted
    std::uint32_t root_ = 0;
};

}  // namespace rmq::filter
