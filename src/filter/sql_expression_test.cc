// SPDX-License-Identifier: Apache-2.0
#include "filter/sql_expression.h"

#include "common/message/message_properties.h"
#include "common/testing/catch.h"

#include <cstdlib>
#include <fstream>
#include <new>
#include <string>
#include <utility>
#include <vector>

using rmq::filter::SqlExpression;
using Verdict = SqlExpression::Verdict;

namespace {

thread_local std::size_t allocations = 0;

using Properties = std::vector<std::pair<std::string, std::string>>;

std::string encode(const Properties& properties) {
    std::string encoded;
    for (const auto& [name, value] : properties) {
        rmq::append_property(encoded, name, value);
    }
    return encoded;
}

// 'T', 'F', 'U' unknown, 'E' evaluation fails, 'X' does not compile.
char verdict_of(const std::string& expression, const std::string& properties) {
    const auto compiled = SqlExpression::compile(expression);
    if (!compiled) {
        return 'X';
    }
    switch (compiled->evaluate(properties)) {
        case Verdict::kTrue:
            return 'T';
        case Verdict::kFalse:
            return 'F';
        case Verdict::kUnknown:
            return 'U';
        case Verdict::kError:
            return 'E';
    }
    return '?';
}

char verdict_of(const std::string& expression, const Properties& properties = {}) {
    return verdict_of(expression, encode(properties));
}

std::string remark_of(const std::string& expression) {
    const auto compiled = SqlExpression::compile(expression);
    return compiled ? "" : compiled.error().remark;
}

std::string unescape(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            plain += text[i];
            continue;
        }
        const char c = text[++i];
        plain += c == 'n' ? '\n' : (c == 'r' ? '\r' : (c == 't' ? '\t' : c));
    }
    return plain;
}

std::vector<std::string> split(const std::string& line) {
    std::vector<std::string> parts;
    for (std::size_t at = 0;;) {
        const auto tab = line.find('\t', at);
        parts.push_back(line.substr(at, tab - at));
        if (tab == std::string::npos) {
            return parts;
        }
        at = tab + 1;
    }
}

}  // namespace

// Counts what this thread allocates. Every form of new goes with the delete below, also those that
// the compiler or the test library calls.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    ++allocations;
    return std::malloc(size == 0 ? 1 : size);
}
void* operator new(std::size_t size) {
    if (void* const memory = operator new(size, std::nothrow)) {
        return memory;
    }
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

// Made by the original's filter 5.5.0: compat-tests/sql92/sql_cases.py 5500 2000 | SqlVerdicts, the
// first 1500 lines, 2026-11-21.
TEST_CASE("SqlExpression: the original's verdicts", "[filter][sql92][F-02][F-03]") {
    std::ifstream file(RMQ_FILTER_TESTDATA "/sql92_verdicts.tsv");
    REQUIRE(file.is_open());
    std::size_t count = 0;
    for (std::string line; std::getline(file, line); ++count) {
        const auto parts = split(line);
        std::string properties;
        for (std::size_t i = 2; i < parts.size(); ++i) {
            const auto equals = parts[i].find('=');
            rmq::append_property(properties, parts[i].substr(0, equals),
                                 unescape(parts[i].substr(equals + 1)));
        }
        const auto got = verdict_of(unescape(parts[1]), properties);
        if (got != parts[0][0]) {
            FAIL_CHECK("got " << got << ", expected " << line);
        }
    }
    CHECK(count == 1500);
}

TEST_CASE("SqlExpression: every operator", "[filter][sql92][F-02]") {
    const Properties p{{"a", "7"}, {"b", "abc"}, {"t", "true"}};
    for (const char* expression : {"a = 7",
                                   "a = '7'",
                                   "a <> 8",
                                   "a > 6",
                                   "a >= 7",
                                   "a < 7.5",
                                   "a <= 7L",
                                   "a BETWEEN 7 AND 9",
                                   "a NOT BETWEEN 8 AND 9",
                                   "b IN ('x', 'abc')",
                                   "b NOT IN ('x')",
                                   "c IS NULL",
                                   "a IS NOT NULL",
                                   "a = 7 AND b = 'abc'",
                                   "a = 8 OR b = 'abc'",
                                   "NOT (a = 8)",
                                   "t = TRUE",
                                   "t <> FALSE",
                                   "b CONTAINS 'b'",
                                   "b NOT CONTAINS 'x'",
                                   "b STARTSWITH 'ab'",
                                   "b NOT STARTSWITH 'b'",
                                   "b ENDSWITH 'bc'",
                                   "b NOT ENDSWITH 'b'",
                                   "a > -1",
                                   "a < +8",
                                   "(((a = 7)))",
                                   "a = 7 -- comment\n AND /* ** */ b = 'abc'",
                                   "A IS NULL",
                                   "a bEtWeEn 1 aNd 9"}) {
        INFO(expression);
        CHECK(verdict_of(expression, p) == 'T');
    }
}

TEST_CASE("SqlExpression: a missing property is neither true nor false", "[filter][sql92][F-03]") {
    CHECK(verdict_of("a = 1") == 'U');
    CHECK(verdict_of("a <> 1") == 'U');
    CHECK(verdict_of("NOT (a = 1)") == 'U');
    CHECK(verdict_of("a > 1 OR TRUE") == 'T');
    CHECK(verdict_of("a > 1 AND FALSE") == 'F');
    CHECK(verdict_of("a NOT IN ('x')") == 'U');
    CHECK(verdict_of("a NOT CONTAINS 'x'") == 'F');
    const auto compiled = SqlExpression::compile("a <> 1");
    REQUIRE(compiled);
    CHECK(!compiled->matches(""));
}

TEST_CASE("SqlExpression: AND binds tighter than OR, NOT tighter than comparison",
          "[filter][sql92][F-02]") {
    CHECK(verdict_of("TRUE OR TRUE AND FALSE") == 'T');
    CHECK(verdict_of("(TRUE OR TRUE) AND FALSE") == 'F');
    CHECK(verdict_of("NOT FALSE = TRUE") == 'T');
    CHECK(verdict_of("NOT a > 1", {{"a", "0"}}) == 'X');
}

TEST_CASE("SqlExpression: texts have no order unless both are numbers", "[filter][sql92][F-02]") {
    CHECK(verdict_of("a < b", {{"a", "9"}, {"b", "10"}}) == 'T');
    CHECK(verdict_of("a < b", {{"a", "x"}, {"b", "y"}}) == 'E');
    CHECK(verdict_of("a > 5", {{"a", "x"}}) == 'E');
    CHECK(verdict_of("a > '5'", {{"a", "6"}}) == 'X');
    CHECK(verdict_of("a > 5", {{"a", "6.0"}}) == 'E');
    CHECK(verdict_of("a > 5.0", {{"a", "6"}}) == 'T');
}

TEST_CASE("SqlExpression: numbers that do not fit", "[filter][sql92][F-02]") {
    CHECK(verdict_of("a < 9223372036854775807", {{"a", "1"}}) == 'T');
    CHECK(verdict_of("a < 9223372036854775808", {{"a", "1"}}) == 'X');
    CHECK(verdict_of("a < 5", {{"a", "2147483648"}}) == 'E');
    CHECK(verdict_of("a > 2147483648", {{"a", "9223372036854775807"}}) == 'T');
    CHECK(verdict_of("a < 1E309") == 'X');
    CHECK(verdict_of("a < 1E-400") == 'X');
    CHECK(verdict_of("a > 0.0") == 'X');
}

TEST_CASE("SqlExpression: an error says what is wrong and where", "[filter][sql92][F-06]") {
    CHECK(remark_of("a >") ==
          "Invalid MessageSelector. The end where a property, a constant or \"(\" is expected at "
          "character 4");
    CHECK(remark_of("a IN (5)") ==
          "Invalid MessageSelector. \"5\" where a text in quotes is expected at character 7");
    CHECK(remark_of("a BETWEEN 5 AND 1").starts_with("Invalid MessageSelector. Illegal values of"));
    CHECK(remark_of("a != 1").starts_with("Invalid MessageSelector. \"!\" where"));
    CHECK(remark_of("").starts_with("Invalid MessageSelector. The end where"));
    CHECK(remark_of("5").starts_with("Invalid MessageSelector. Expression will not result"));
}

TEST_CASE("SqlExpression: nesting is bounded, chains are not", "[filter][sql92][F-02]") {
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '(') + "TRUE" + std::string(depth, ')');
    };
    CHECK(verdict_of(nested(400)) == 'T');
    CHECK(verdict_of(nested(100'000)) == 'X');
    CHECK(verdict_of(std::string(100'000, '-') + "1 = a") == 'X');
    std::string chain = "a = 0";
    for (int i = 1; i < 10'000; ++i) {
        chain += " OR a = " + std::to_string(i);
    }
    CHECK(verdict_of(chain, {{"a", "9999"}}) == 'T');
    std::string comparisons = "a";
    for (int i = 0; i < 10'000; ++i) {
        comparisons += " IS NULL";
    }
    CHECK(verdict_of(comparisons) == 'X');
    CHECK(verdict_of(std::string(rmq::filter::kSqlExpressionMaxBytes, ' ') + "TRUE") == 'X');
}

TEST_CASE("SqlExpression: evaluating allocates nothing", "[filter][sql92][F-02]") {
    const auto compiled = SqlExpression::compile(
        "a BETWEEN 1 AND 9 AND b IN ('x', 'y', 'z') AND NOT (c CONTAINS 'q') AND d > 1.5 AND e > "
        "a");
    REQUIRE(compiled);
    const auto properties =
        encode({{"a", "5"}, {"b", "z"}, {"c", std::string(200, 'c')}, {"d", "2.25"}, {"e", "6"}});
    const auto before = allocations;
    const bool matches = compiled->matches(properties);
    const auto after = allocations;
    CHECK(matches);
    CHECK(after == before);
}
