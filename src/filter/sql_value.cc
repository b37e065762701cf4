// SPDX-License-Identifier: Apache-2.0
#include "filter/sql_value.h"

#include "common/parse_number.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

namespace rmq::filter {
namespace {

using Kind = SqlValue::Kind;

constexpr int kLess = -1;  // what the original answers when it cannot compare
constexpr std::int64_t kExponentMax = 1'000'000'000;

bool is_decimal(char c) {
    return c >= '0' && c <= '9';
}
bool is_hex_digit(char c) {
    return is_decimal(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// String.trim(): everything up to U+0020 counts as blank.
std::string_view trim(std::string_view text) {
    while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') {
        text.remove_prefix(1);
    }
    while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') {
        text.remove_suffix(1);
    }
    return text;
}

// A number without sign and suffix, cut into its parts.
struct Digits {
    std::string_view whole;
    std::string_view fraction;
    bool has_exponent = false;
    std::int64_t exponent = 0;  // bounded by kExponentMax

    // Whether a number too large or too small for a double is the former.
    bool is_large(std::int64_t units_per_digit) const {
        std::int64_t leading = 0;
        if (const auto first = whole.find_first_not_of('0'); first != std::string_view::npos) {
            leading = static_cast<std::int64_t>(whole.size() - first);
        } else {
            leading = -static_cast<std::int64_t>(fraction.find_first_not_of('0'));
        }
        return leading * units_per_digit + exponent > 0;
    }
};

std::string_view take_while(std::string_view& rest, bool (*wanted)(char)) {
    const auto end = std::find_if_not(rest.begin(), rest.end(), wanted);
    const auto taken = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
    rest.remove_prefix(taken.size());
    return taken;
}

// Takes digits with at most one point, and an exponent behind `mark`. False where Java throws.
bool take_digits(std::string_view& rest, char mark, bool (*is_wanted)(char), Digits& digits) {
    digits.whole = take_while(rest, is_wanted);
    if (rest.starts_with('.')) {
        rest.remove_prefix(1);
        digits.fraction = take_while(rest, is_wanted);
    }
    if (digits.whole.empty() && digits.fraction.empty()) {
        return false;
    }
    if (rest.empty() || lower(rest.front()) != mark) {
        return true;
    }
    rest.remove_prefix(1);
    const bool is_negative = rest.starts_with('-');
    if (is_negative || rest.starts_with('+')) {
        rest.remove_prefix(1);
    }
    const auto exponent = take_while(rest, is_decimal);
    digits.has_exponent = true;
    for (const char c : exponent) {
        digits.exponent = std::min(digits.exponent * 10 + (c - '0'), kExponentMax);
    }
    digits.exponent = is_negative ? -digits.exponent : digits.exponent;
    return !exponent.empty();
}

std::optional<double> parse_unsigned(std::string_view text) {
    const bool is_hex = text.size() > 2 && text[0] == '0' && lower(text[1]) == 'x';
    if (is_hex) {
        text.remove_prefix(2);
    }
    std::string_view rest = text;
    Digits digits;
    if (!take_digits(rest, is_hex ? 'p' : 'e', is_hex ? is_hex_digit : is_decimal, digits) ||
        (is_hex && !digits.has_exponent)) {
        return std::nullopt;
    }
    const auto number = text.substr(0, text.size() - rest.size());
    if (rest.size() > 1 || (rest.size() == 1 && lower(rest[0]) != 'f' && lower(rest[0]) != 'd')) {
        return std::nullopt;
    }
    double value = 0;
    const auto [stop, failure] =
        std::from_chars(number.data(), number.data() + number.size(), value,
                        is_hex ? std::chars_format::hex : std::chars_format::general);
    if (failure == std::errc::result_out_of_range) {
        return digits.is_large(is_hex ? 4 : 1) ? std::numeric_limits<double>::infinity() : 0.0;
    }
    return failure == std::errc{} && stop == number.data() + number.size() ? std::optional(value)
                                                                           : std::nullopt;
}

template <class Number>
int order(Number left, Number right) {
    return left < right ? -1 : (left > right ? 1 : 0);
}

// Double.compare: NaN is above everything, -0.0 is below 0.0.
int order_doubles(double left, double right) {
    if (left < right || left > right) {
        return left < right ? -1 : 1;
    }
    if (std::isnan(left) || std::isnan(right)) {
        return order(std::isnan(left) ? 1 : 0, std::isnan(right) ? 1 : 0);
    }
    return order(std::signbit(right) ? 1 : 0, std::signbit(left) ? 1 : 0);
}

double as_double(const SqlValue& value) {
    return value.is(Kind::kDouble) ? value.real : static_cast<double>(value.number);
}

// Boolean.parseBoolean.
bool is_true_text(std::string_view text) {
    constexpr std::string_view kTrue = "true";
    return std::equal(text.begin(), text.end(), kTrue.begin(), kTrue.end(),
                      [](char a, char b) { return lower(a) == b; });
}

// `text` as a value of the kind of `like`; nothing where Java throws NumberFormatException.
std::optional<SqlValue> convert(std::string_view text, const SqlValue& like) {
    SqlValue value = like;
    if (like.is(Kind::kBoolean)) {
        value.number = is_true_text(text) ? 1 : 0;
        return value;
    }
    if (like.is(Kind::kDouble)) {
        const auto real = parse_java_double(text);
        value.real = real.value_or(0);
        return real ? std::optional(value) : std::nullopt;
    }
    if (like.is(Kind::kInt)) {
        const auto number = parse_java_number<std::int32_t>(text);
        value.number = number.value_or(0);
        return number ? std::optional(value) : std::nullopt;
    }
    const auto number = parse_java_number<std::int64_t>(text);
    value.number = number.value_or(0);
    return number ? std::optional(value) : std::nullopt;
}

int compare_same(const SqlValue& left, const SqlValue& right) {
    if (left.is(Kind::kString)) {
        return left.text.compare(right.text);
    }
    return left.is(Kind::kDouble) ? order_doubles(left.real, right.real)
                                  : order(left.number, right.number);
}

}  // namespace

std::optional<double> parse_java_double(std::string_view text) {
    text = trim(text);
    const bool is_negative = text.starts_with('-');
    if (is_negative || text.starts_with('+')) {
        text.remove_prefix(1);
    }
    std::optional<double> value;
    if (text == "NaN") {
        value = std::numeric_limits<double>::quiet_NaN();
    } else if (text == "Infinity") {
        value = std::numeric_limits<double>::infinity();
    } else {
        value = parse_unsigned(text);
    }
    return value && is_negative ? std::optional(-*value) : value;
}

std::optional<int> compare(const SqlValue& left, const SqlValue& right) {
    if (left.kind == right.kind) {
        return compare_same(left, right);
    }
    if (left.is(Kind::kBoolean)) {
        // The original casts the Boolean, not the text, to a String and fails.
        return right.is(Kind::kString) ? std::nullopt : std::optional(kLess);
    }
    if (left.is(Kind::kString)) {
        const auto converted = convert(left.text, right);
        return converted ? std::optional(compare_same(*converted, right)) : std::nullopt;
    }
    if (right.is(Kind::kString)) {
        const auto converted = convert(right.text, left);
        return converted ? std::optional(compare_same(left, *converted)) : std::nullopt;
    }
    if (right.is(Kind::kBoolean)) {
        return kLess;
    }
    return left.is(Kind::kDouble) || right.is(Kind::kDouble)
               ? order_doubles(as_double(left), as_double(right))
               : order(left.number, right.number);
}

}  // namespace rmq::filter
