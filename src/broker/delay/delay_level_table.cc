// SPDX-License-Identifier: Apache-2.0
#include "broker/delay/delay_level_table.h"

#include <charconv>
#include <string>

namespace rmq::broker {

namespace {

// Milliseconds of a unit letter; 0 for any other letter.
std::int64_t unit_ms(char unit) {
    constexpr std::int64_t kSecond = 1000;
    switch (unit) {
        case 's':
            return kSecond;
        case 'm':
            return 60 * kSecond;
        case 'h':
            return 3600 * kSecond;
        case 'd':
            return 24 * 3600 * kSecond;
        default:
            return 0;
    }
}

}  // namespace

Result<DelayLevelTable> DelayLevelTable::parse(std::string_view levels) {
    constexpr std::int64_t kNumberMax = 1'000'000'000;  // keeps the product in range
    DelayLevelTable table;
    while (!levels.empty()) {
        const auto end = std::min(levels.find(' '), levels.size());
        const auto word = levels.substr(0, end);
        levels.remove_prefix(std::min(end + 1, levels.size()));
        if (word.empty()) {
            continue;
        }
        std::int64_t number = 0;
        const char* const unit = word.data() + word.size() - 1;
        const auto [stop, failure] = std::from_chars(word.data(), unit, number);
        const std::int64_t unit_length = unit_ms(*unit);
        if (failure != std::errc{} || stop != unit || unit_length == 0 || number < 0 ||
            number > kNumberMax) {
            return Error{Errc::kInvalidArgument, "messageDelayLevel: \"" + std::string(word) +
                                                     "\" is not a number followed by s, m, h or d"};
        }
        table.delays_ms_.push_back(number * unit_length);
    }
    return table;
}

}  // namespace rmq::broker
