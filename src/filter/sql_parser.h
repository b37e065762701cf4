// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "filter/sql_expression.h"
#include "filter/sql_lexer.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::filter {

// Builds an SqlExpression by recursive descent, one token ahead. Lives for one parse().
//   or         = and { OR and }
//   and        = equality { AND equality }
//   equality   = comparison { = comparison | <> comparison | IS [NOT] NULL }
//   comparison = unary { > unary | >= unary | < unary | <= unary | [NOT] BETWEEN unary AND unary
//                      | [NOT] IN ( text {, text} ) | [NOT] CONTAINS | STARTSWITH | ENDSWITH text }
//   unary      = + unary | - unary | NOT unary | primary
//   primary    = text | number | TRUE | FALSE | NULL | name | ( or )
// Source: SelectorParser.
class SqlParser {
public:
    explicit SqlParser(std::string_view text) : text_(text), lexer_(text) {}
    SqlParser(const SqlParser&) = delete;
    SqlParser& operator=(const SqlParser&) = delete;

    Result<SqlExpression> parse();

private:
    using Op = SqlExpression::Op;
    using Node = SqlExpression::Node;

    // What the original's classes tell apart while it builds.
    enum class Category : std::uint8_t { kConstant, kBooleanConstant, kBoolean, kProperty, kOther };
    struct Operand {
        std::uint32_t node = 0;
        std::uint32_t depth = 1;
        Category category = Category::kOther;

        bool is_constant() const {
            return category == Category::kConstant || category == Category::kBooleanConstant;
        }
        bool is_boolean() const {
            return category == Category::kBoolean || category == Category::kBooleanConstant;
        }
    };
    class Nesting;

    Result<Operand> parse_or();
    Result<Operand> parse_and();
    Result<Operand> parse_equality();
    Result<Operand> parse_comparison();
    Result<Operand> parse_unary();
    Result<Operand> parse_primary();
    Result<Operand> parse_logic(SqlTokenKind joint, Op op, Result<Operand> (SqlParser::*part)());
    Result<Operand> parse_is(Operand left);
    Result<Operand> parse_between(Operand value, bool is_negated);
    Result<Operand> parse_in(Operand left, bool is_negated);
    Result<Operand> parse_search(Op op, Operand left, bool is_negated);
    Result<std::uint32_t> parse_text();  // index into texts_
    Result<Operand> decimal(std::string_view digits);
    Result<Operand> floating(std::string_view digits);

    Result<Operand> make_order(Op op, Operand left, Operand right);
    Result<Operand> make_equal(Operand left, Operand right);
    Result<Operand> make_unary(Op op, Category category, Operand operand);
    Result<Operand> as_boolean(Operand operand);
    Operand make_constant(SqlValue value, Category category);
    Result<Operand> add(Node node, Category category, std::uint32_t depth);
    Status check_ordered(Operand operand) const;
    bool is_null(Operand operand) const;
    std::uint32_t add_text(std::string text);

    void advance();
    Status expect(SqlTokenKind kind, const char* wanted);
    Error error(std::string what) const;
    Error unexpected(const char* wanted) const;

    std::string_view text_;
    SqlLexer lexer_;
    SqlToken token_;
    std::size_t token_at_ = 0;
    std::uint32_t nesting_ = 0;
    SqlExpression expression_;
};

}  // namespace rmq::filter
