// SPDX-License-Identifier: Apache-2.0
#include "filter/sql_expression.h"

#include "common/message/message_properties.h"

#include "filter/sql_parser.h"

#include <algorithm>

namespace rmq::filter {

using Kind = SqlValue::Kind;

Result<SqlExpression> SqlExpression::compile(std::string_view text) {
    return SqlParser(text).parse();
}

SqlExpression::Verdict SqlExpression::evaluate(std::string_view properties) const {
    const auto value = evaluate_node(root_, properties);
    if (value.is(Kind::kError)) {
        return Verdict::kError;
    }
    if (!value.is(Kind::kBoolean)) {
        return Verdict::kUnknown;
    }
    return value.is_true() ? Verdict::kTrue : Verdict::kFalse;
}

// Recursion is bounded by kSqlDepthMax.
SqlValue SqlExpression::evaluate_node(std::uint32_t index, std::string_view properties) const {
    const auto& node = nodes_[index];
    switch (node.op) {
        case Op::kConstant:
            return node.constant;
        case Op::kText:
            return SqlValue::string(texts_[node.first]);
        case Op::kProperty: {
            const auto found = find_property(properties, texts_[node.first]);
            return found ? SqlValue::string(*found) : SqlValue::null();
        }
        case Op::kAnd:
        case Op::kOr:
            return evaluate_logic(node, properties);
        case Op::kNot:
        case Op::kBooleanCast:
        case Op::kNegate:
            return evaluate_not(node, properties);
        case Op::kEqual:
            return evaluate_equal(node, properties);
        case Op::kGreater:
        case Op::kGreaterEqual:
        case Op::kLess:
        case Op::kLessEqual:
            return evaluate_order(node, properties);
        case Op::kIn:
            return evaluate_in(node, properties);
        case Op::kContains:
        case Op::kStartsWith:
        case Op::kEndsWith:
            return evaluate_search(node, properties);
    }
    return SqlValue::error();
}

// From left to right, until one decides. Source: LogicExpression.
SqlValue SqlExpression::evaluate_logic(const Node& node, std::string_view properties) const {
    const bool is_or = node.op == Op::kOr;
    bool has_null = false;
    for (std::uint32_t i = 0; i < node.count; ++i) {
        const auto value = evaluate_node(operands_[node.first + i], properties);
        if (value.is(Kind::kError)) {
            return value;
        }
        if (is_or ? value.is_true() : value.is_false()) {
            return SqlValue::boolean(is_or);
        }
        has_null = has_null || value.is(Kind::kNull);
    }
    return has_null ? SqlValue::null() : SqlValue::boolean(!is_or);
}

// Source: UnaryExpression.createNOT, createBooleanCast, createNegate.
SqlValue SqlExpression::evaluate_not(const Node& node, std::string_view properties) const {
    auto value = evaluate_node(node.left, properties);
    if (value.is(Kind::kNull) || value.is(Kind::kError)) {
        return value;
    }
    if (node.op == Op::kNegate) {
        if (!value.is_number()) {
            return SqlValue::null();
        }
        value.real = -value.real;
        // Never overflows: no literal is Long.MIN_VALUE.
        value.number = -value.number;
        return value;
    }
    return SqlValue::boolean(node.op == Op::kNot ? !value.is_true() : value.is_true());
}

// A missing property equals a missing property, and NULL. Source:
// ComparisonExpression.doCreateEqual.
SqlValue SqlExpression::evaluate_equal(const Node& node, std::string_view properties) const {
    const auto left = evaluate_node(node.left, properties);
    if (left.is(Kind::kError)) {
        return left;
    }
    const auto right = evaluate_node(node.right, properties);
    if (right.is(Kind::kError)) {
        return right;
    }
    if (left.is(Kind::kNull) != right.is(Kind::kNull)) {
        return left.is(Kind::kNull) ? SqlValue::null() : SqlValue::boolean(false);
    }
    if (left.is(Kind::kNull)) {
        return SqlValue::boolean(true);
    }
    const auto order = compare(left, right);
    return order ? SqlValue::boolean(*order == 0) : SqlValue::error();
}

// Source: ComparisonExpression.evaluate.
SqlValue SqlExpression::evaluate_order(const Node& node, std::string_view properties) const {
    auto left = evaluate_node(node.left, properties);
    if (left.is(Kind::kNull) || left.is(Kind::kError)) {
        return left;
    }
    auto right = evaluate_node(node.right, properties);
    if (right.is(Kind::kNull) || right.is(Kind::kError)) {
        return right;
    }
    if (left.is(Kind::kString) && right.is(Kind::kString)) {
        const auto left_number = parse_java_double(left.text);
        const auto right_number = parse_java_double(right.text);
        if (!left_number || !right_number) {
            return SqlValue::error();  // texts have no order
        }
        left = {.kind = Kind::kDouble, .real = *left_number};
        right = {.kind = Kind::kDouble, .real = *right_number};
    }
    const auto order = compare(left, right);
    if (!order) {
        return SqlValue::error();
    }
    if (node.op == Op::kGreater) {
        return SqlValue::boolean(*order > 0);
    }
    if (node.op == Op::kGreaterEqual) {
        return SqlValue::boolean(*order >= 0);
    }
    return SqlValue::boolean(node.op == Op::kLess ? *order < 0 : *order <= 0);
}

// Source: UnaryExpression.createInExpression.
SqlValue SqlExpression::evaluate_in(const Node& node, std::string_view properties) const {
    const auto value = evaluate_node(node.left, properties);
    if (!value.is(Kind::kString)) {
        return SqlValue::null();
    }
    const auto begin = texts_.begin() + node.first;
    const bool is_in = std::binary_search(begin, begin + node.count, value.text, std::less<>());
    return SqlValue::boolean(is_in != node.is_negated);
}

// False, and not unknown, when there is nothing to search in, negated or not.
// Source: ComparisonExpression.ContainsExpression and its five siblings.
SqlValue SqlExpression::evaluate_search(const Node& node, std::string_view properties) const {
    const std::string_view wanted = texts_[node.first];
    if (wanted.empty()) {
        return SqlValue::boolean(false);
    }
    const auto value = evaluate_node(node.left, properties);
    if (value.is(Kind::kError)) {
        return value;
    }
    if (!value.is(Kind::kString)) {
        return SqlValue::boolean(false);
    }
    bool found = false;
    if (node.op == Op::kContains) {
        found = value.text.find(wanted) != std::string_view::npos;
    } else {
        found = node.op == Op::kStartsWith ? value.text.starts_with(wanted)
                                           : value.text.ends_with(wanted);
    }
    return SqlValue::boolean(found != node.is_negated);
}

}  // namespace rmq::filter
