// SPDX-License-Identifier: Apache-2.0
#include "filter/sql_parser.h"

#include "common/parse_number.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace rmq::filter {

using TokenKind = SqlTokenKind;

namespace {

using Op = SqlExpression::Op;

std::optional<Op> order_op(SqlTokenKind kind) {
    if (kind == TokenKind::kGreater) {
        return Op::kGreater;
    }
    if (kind == TokenKind::kGreaterEqual) {
        return Op::kGreaterEqual;
    }
    if (kind == TokenKind::kLess) {
        return Op::kLess;
    }
    return kind == TokenKind::kLessEqual ? std::optional(Op::kLessEqual) : std::nullopt;
}

std::optional<Op> search_op(SqlTokenKind kind) {
    if (kind == TokenKind::kContains) {
        return Op::kContains;
    }
    if (kind == TokenKind::kStartsWith) {
        return Op::kStartsWith;
    }
    return kind == TokenKind::kEndsWith ? std::optional(Op::kEndsWith) : std::nullopt;
}

}  // namespace

// Counts the recursion that an expression can cause at will.
class SqlParser::Nesting {
public:
    explicit Nesting(SqlParser& parser) : parser_(parser) { ++parser_.nesting_; }
    ~Nesting() { --parser_.nesting_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

    bool is_too_deep() const { return parser_.nesting_ > kSqlDepthMax; }

private:
    SqlParser& parser_;
};

Error SqlParser::error(std::string what) const {
    return {Errc::kInvalidArgument,
            fmt::format("Invalid MessageSelector. {} at character {}", what, token_at_ + 1)};
}

Error SqlParser::unexpected(const char* wanted) const {
    constexpr std::size_t kShownMax = 32;
    if (token_.kind == TokenKind::kEnd) {
        return error(fmt::format("The end where {} is expected", wanted));
    }
    return error(
        fmt::format("\"{}\" where {} is expected", token_.text.substr(0, kShownMax), wanted));
}

void SqlParser::advance() {
    token_at_ = lexer_.position();
    token_ = lexer_.next();
}

Status SqlParser::expect(SqlTokenKind kind, const char* wanted) {
    if (token_.kind != kind) {
        return unexpected(wanted);
    }
    advance();
    return {};
}

// What follows is ignored, but for the token that had to be looked at.
Result<SqlExpression> SqlParser::parse() {
    if (text_.size() > kSqlExpressionMaxBytes) {
        return error("Too long");
    }
    advance();
    RMQ_TRY(const auto any, parse_or());
    RMQ_TRY(const auto root, as_boolean(any));
    if (token_.kind == TokenKind::kInvalid) {
        return unexpected("the end");
    }
    expression_.root_ = root.node;
    return std::move(expression_);
}

Result<SqlParser::Operand> SqlParser::parse_or() {
    return parse_logic(TokenKind::kOr, Op::kOr, &SqlParser::parse_and);
}

Result<SqlParser::Operand> SqlParser::parse_and() {
    return parse_logic(TokenKind::kAnd, Op::kAnd, &SqlParser::parse_equality);
}

Result<SqlParser::Operand> SqlParser::parse_logic(SqlTokenKind joint, Op op,
                                                  Result<Operand> (SqlParser::*part)()) {
    RMQ_TRY(auto first, (this->*part)());
    if (token_.kind != joint) {
        return first;
    }
    std::vector<std::uint32_t> operands;
    std::uint32_t depth = 0;
    const auto add_operand = [&](Operand operand) -> Status {
        RMQ_TRY(const auto condition, as_boolean(operand));
        operands.push_back(condition.node);
        depth = std::max(depth, condition.depth);
        return {};
    };
    RMQ_CHECK(add_operand(first));
    while (token_.kind == joint) {
        advance();
        RMQ_TRY(const auto next, (this->*part)());
        RMQ_CHECK(add_operand(next));
    }
    auto& all = expression_.operands_;
    Node node{.op = op};
    node.first = static_cast<std::uint32_t>(all.size());
    node.count = static_cast<std::uint32_t>(operands.size());
    all.insert(all.end(), operands.begin(), operands.end());
    return add(node, Category::kBoolean, depth + 1);
}

Result<SqlParser::Operand> SqlParser::parse_equality() {
    RMQ_TRY(auto left, parse_comparison());
    for (;;) {
        const auto kind = token_.kind;
        if (kind == TokenKind::kIs) {
            RMQ_TRY(left, parse_is(left));
            continue;
        }
        if (kind != TokenKind::kEqual && kind != TokenKind::kNotEqual) {
            return left;
        }
        advance();
        RMQ_TRY(const auto right, parse_comparison());
        if ((left.is_constant() && is_null(left)) || (right.is_constant() && is_null(right))) {
            return error("'NULL' cannot be compared");
        }
        if (left.category == Category::kBooleanConstant && right.category == Category::kConstant) {
            return error("A truth value cannot be compared with a constant");
        }
        RMQ_TRY(left, make_equal(left, right));
        if (kind == TokenKind::kNotEqual) {
            RMQ_TRY(left, make_unary(Op::kNot, Category::kBoolean, left));
        }
    }
}

Result<SqlParser::Operand> SqlParser::parse_is(Operand left) {
    advance();
    const bool is_negated = token_.kind == TokenKind::kNot;
    if (is_negated) {
        advance();
    }
    RMQ_CHECK(expect(TokenKind::kNull, is_negated ? "NULL" : "NULL or NOT NULL"));
    const auto null = make_constant(SqlValue::null(), Category::kBooleanConstant);
    RMQ_TRY(const auto equal, make_equal(left, null));
    if (is_negated) {
        return make_unary(Op::kNot, Category::kBoolean, equal);
    }
    return equal;
}

Result<SqlParser::Operand> SqlParser::parse_comparison() {
    RMQ_TRY(auto left, parse_unary());
    for (;;) {
        if (const auto op = order_op(token_.kind)) {
            advance();
            RMQ_TRY(const auto right, parse_unary());
            RMQ_TRY(left, make_order(*op, left, right));
            continue;
        }
        const bool is_negated = token_.kind == TokenKind::kNot;
        if (is_negated) {
            advance();
        }
        if (const auto op = search_op(token_.kind)) {
            RMQ_TRY(left, parse_search(*op, left, is_negated));
        } else if (token_.kind == TokenKind::kBetween) {
            RMQ_TRY(left, parse_between(left, is_negated));
        } else if (token_.kind == TokenKind::kIn) {
            RMQ_TRY(left, parse_in(left, is_negated));
        } else if (is_negated) {
            return unexpected("BETWEEN, IN, CONTAINS, STARTSWITH or ENDSWITH");
        } else {
            return left;
        }
    }
}

// Source: ComparisonExpression.createBetween, createNotBetween.
Result<SqlParser::Operand> SqlParser::parse_between(Operand value, bool is_negated) {
    advance();
    RMQ_TRY(const auto low, parse_unary());
    RMQ_CHECK(expect(TokenKind::kAnd, "AND"));
    RMQ_TRY(const auto high, parse_unary());
    if (!is_negated && low.category == Category::kConstant &&
        high.category == Category::kConstant) {
        const auto& low_value = expression_.nodes_[low.node].constant;
        const auto& high_value = expression_.nodes_[high.node].constant;
        if (low_value.is_number() && high_value.is_number() &&
            compare(high_value, low_value).value_or(0) < 0) {
            return error("Illegal values of between: the first is above the second");
        }
    }
    RMQ_TRY(const auto first, make_order(is_negated ? Op::kLess : Op::kGreaterEqual, value, low));
    RMQ_TRY(const auto second, make_order(is_negated ? Op::kGreater : Op::kLessEqual, value, high));
    Node node{.op = is_negated ? Op::kOr : Op::kAnd};
    node.first = static_cast<std::uint32_t>(expression_.operands_.size());
    node.count = 2;
    expression_.operands_.insert(expression_.operands_.end(), {first.node, second.node});
    return add(node, Category::kBoolean, std::max(first.depth, second.depth) + 1);
}

Result<SqlParser::Operand> SqlParser::parse_in(Operand left, bool is_negated) {
    if (left.category != Category::kProperty) {
        return error("IN needs a property before it");
    }
    advance();
    RMQ_CHECK(expect(TokenKind::kOpen, "\"(\""));
    RMQ_TRY(const auto first, parse_text());
    while (token_.kind == TokenKind::kComma) {
        advance();
        RMQ_CHECK(parse_text());
    }
    RMQ_CHECK(expect(TokenKind::kClose, "\",\" or \")\""));
    Node node{.op = Op::kIn, .is_negated = is_negated};
    node.left = left.node;
    node.first = first;
    auto& texts = expression_.texts_;
    node.count = static_cast<std::uint32_t>(texts.size()) - first;
    std::sort(texts.begin() + first, texts.end());
    return add(node, Category::kBoolean, left.depth + 1);
}

Result<SqlParser::Operand> SqlParser::parse_search(Op op, Operand left, bool is_negated) {
    advance();
    RMQ_TRY(const auto text, parse_text());
    Node node{.op = op, .is_negated = is_negated};
    node.left = left.node;
    node.first = text;
    return add(node, Category::kBoolean, left.depth + 1);
}

Result<SqlParser::Operand> SqlParser::parse_unary() {
    const Nesting nesting(*this);
    if (nesting.is_too_deep()) {
        return error("Nested too deeply");
    }
    const auto kind = token_.kind;
    if (kind != TokenKind::kPlus && kind != TokenKind::kMinus && kind != TokenKind::kNot) {
        return parse_primary();
    }
    advance();
    RMQ_TRY(auto operand, parse_unary());
    if (kind == TokenKind::kPlus) {
        return operand;
    }
    if (kind == TokenKind::kMinus) {
        return make_unary(Op::kNegate, Category::kOther, operand);
    }
    RMQ_TRY(operand, as_boolean(operand));
    return make_unary(Op::kNot, Category::kBoolean, operand);
}

Result<SqlParser::Operand> SqlParser::parse_primary() {
    const auto token = token_;
    if (token.kind == TokenKind::kString) {
        RMQ_TRY(const auto text, parse_text());
        return add({.op = Op::kText, .first = text}, Category::kConstant, 1);
    }
    if (token.kind == TokenKind::kDecimal) {
        return decimal(token.text);
    }
    if (token.kind == TokenKind::kFloating) {
        return floating(token.text);
    }
    if (token.kind == TokenKind::kTrue || token.kind == TokenKind::kFalse) {
        advance();
        return make_constant(SqlValue::boolean(token.kind == TokenKind::kTrue),
                             Category::kBooleanConstant);
    }
    if (token.kind == TokenKind::kNull) {
        advance();
        return make_constant(SqlValue::null(), Category::kBooleanConstant);
    }
    if (token.kind == TokenKind::kName) {
        advance();
        const auto text = add_text(std::string(token.text));
        return add({.op = Op::kProperty, .first = text}, Category::kProperty, 1);
    }
    if (token.kind != TokenKind::kOpen) {
        return unexpected("a property, a constant or \"(\"");
    }
    advance();
    RMQ_TRY(const auto inner, parse_or());
    RMQ_CHECK(expect(TokenKind::kClose, "\")\""));
    return inner;
}

Result<std::uint32_t> SqlParser::parse_text() {
    if (token_.kind != TokenKind::kString) {
        return unexpected("a text in quotes");
    }
    std::string text;
    const auto inner = token_.text.substr(1, token_.text.size() - 2);
    for (std::size_t i = 0; i < inner.size(); ++i) {
        text += inner[i];
        i += inner[i] == '\'' ? 1 : 0;
    }
    advance();
    return add_text(std::move(text));
}

// An Integer when it fits, otherwise a Long. Source: ConstantExpression.createFromDecimal.
Result<SqlParser::Operand> SqlParser::decimal(std::string_view digits) {
    if (digits.back() == 'l' || digits.back() == 'L') {
        digits.remove_suffix(1);
    }
    const auto number = parse_number<std::int64_t>(digits);
    if (!number) {
        return error("A number beyond 9223372036854775807");
    }
    advance();
    const bool is_int = *number <= std::numeric_limits<std::int32_t>::max();
    return make_constant(
        {.kind = is_int ? SqlValue::Kind::kInt : SqlValue::Kind::kLong, .number = *number},
        Category::kConstant);
}

// Double.MIN_VALUE is the smallest that is accepted, so zero is not.
// Source: ConstantExpression.createFloat.
Result<SqlParser::Operand> SqlParser::floating(std::string_view digits) {
    const auto number = parse_java_double(digits);
    if (!number || std::isinf(*number)) {
        return error("A number greater than 1.7976931348623157E308");
    }
    if (*number < std::numeric_limits<double>::denorm_min()) {
        return error("A number less than 4.9E-324 (write 0 for zero)");
    }
    advance();
    return make_constant({.kind = SqlValue::Kind::kDouble, .real = *number}, Category::kConstant);
}

// Source: ComparisonExpression.checkLessThanOperand.
Status SqlParser::check_ordered(Operand operand) const {
    const bool is_number =
        operand.is_constant() && expression_.nodes_[operand.node].constant.is_number();
    if ((operand.is_constant() && !is_number) || operand.is_boolean()) {
        return error("Only numbers can be compared by >, >=, <, <= and BETWEEN");
    }
    return {};
}

Result<SqlParser::Operand> SqlParser::make_order(Op op, Operand left, Operand right) {
    RMQ_CHECK(check_ordered(left));
    RMQ_CHECK(check_ordered(right));
    return add({.op = op, .left = left.node, .right = right.node}, Category::kBoolean,
               std::max(left.depth, right.depth) + 1);
}

Result<SqlParser::Operand> SqlParser::make_equal(Operand left, Operand right) {
    return add({.op = Op::kEqual, .left = left.node, .right = right.node}, Category::kBoolean,
               std::max(left.depth, right.depth) + 1);
}

Result<SqlParser::Operand> SqlParser::make_unary(Op op, Category category, Operand operand) {
    return add({.op = op, .left = operand.node}, category, operand.depth + 1);
}

// Source: SelectorParser.asBooleanExpression.
Result<SqlParser::Operand> SqlParser::as_boolean(Operand operand) {
    if (operand.is_boolean()) {
        return operand;
    }
    if (operand.category == Category::kProperty) {
        return make_unary(Op::kBooleanCast, Category::kBoolean, operand);
    }
    return error("Expression will not result in a boolean value");
}

SqlParser::Operand SqlParser::make_constant(SqlValue value, Category category) {
    expression_.nodes_.push_back({.op = Op::kConstant, .constant = value});
    return {static_cast<std::uint32_t>(expression_.nodes_.size() - 1), 1, category};
}

Result<SqlParser::Operand> SqlParser::add(Node node, Category category, std::uint32_t depth) {
    if (depth > kSqlDepthMax) {
        return error("Nested too deeply");
    }
    expression_.nodes_.push_back(node);
    return Operand{static_cast<std::uint32_t>(expression_.nodes_.size() - 1), depth, category};
}

bool SqlParser::is_null(Operand operand) const {
    const auto& node = expression_.nodes_[operand.node];
    return node.op == Op::kConstant && node.constant.is(SqlValue::Kind::kNull);
}

std::uint32_t SqlParser::add_text(std::string text) {
    expression_.texts_.push_back(std::move(text));
    return static_cast<std::uint32_t>(expression_.texts_.size() - 1);
}

}  // namespace rmq::filter
