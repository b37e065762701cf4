// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rmq::filter {

// What a part of an SQL92 expression evaluates to: one of the types that the original's evaluation
// knows (null, Boolean, Integer, Long, Double, String), or that it threw. A value; a text points
// into the expression or into the properties of the message.
struct SqlValue {
    enum class Kind : std::uint8_t { kNull, kBoolean, kInt, kLong, kDouble, kString, kError };

    Kind kind = Kind::kNull;
    std::int64_t number = 0;  // kBoolean (0 or 1), kInt, kLong
    double real = 0;          // kDouble
    std::string_view text{};  // kString

    static SqlValue null() { return {}; }
    static SqlValue error() { return {.kind = Kind::kError}; }
    static SqlValue boolean(bool value) {
        return {.kind = Kind::kBoolean, .number = value ? 1 : 0};
    }
    static SqlValue string(std::string_view text) { return {.kind = Kind::kString, .text = text}; }

    bool is(Kind other) const { return kind == other; }
    bool is_true() const { return kind == Kind::kBoolean && number != 0; }
    bool is_false() const { return kind == Kind::kBoolean && number == 0; }
    bool is_number() const {
        return kind == Kind::kInt || kind == Kind::kLong || kind == Kind::kDouble;
    }
};

// Double.valueOf: blanks around it, a sign, decimal or hexadecimal digits with an exponent, a
// suffix d or f, NaN and Infinity. Nothing where Java throws.
std::optional<double> parse_java_double(std::string_view text);

// Less than 0, 0 or more than 0 for two values that are neither null nor errors; nothing where the
// original throws. A text beside a number or a Boolean is converted to the other's type, and throws
// when it cannot be; types that do not go together are "less". Source:
// ComparisonExpression.__compare.
std::optional<int> compare(const SqlValue& left, const SqlValue& right);

}  // namespace rmq::filter
