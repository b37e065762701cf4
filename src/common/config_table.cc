// SPDX-License-Identifier: Apache-2.0
#include "common/config_table.h"

#include "common/parse_number.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <thread>

namespace rmq {

namespace {

template <class T>
bool parse_integer(std::string_view text, T& value) {
    const auto number = parse_java_number<T>(text);
    value = number.value_or(value);
    return number.has_value();
}

}  // namespace

bool parse_config(std::string_view text, bool& value) {
    constexpr std::string_view kTrue = "true";
    value = std::equal(text.begin(), text.end(), kTrue.begin(), kTrue.end(), [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) == b;
    });
    return true;
}

bool parse_config(std::string_view text, std::int32_t& value) {
    return parse_integer(text, value);
}

bool parse_config(std::string_view text, std::int64_t& value) {
    return parse_integer(text, value);
}

bool parse_config(std::string_view text, double& value) {
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    return error == std::errc{} && stop == end && !text.empty();
}

bool parse_config(std::string_view text, std::string& value) {
    value = text;
    return true;
}

std::string config_text(bool value) {
    return value ? "true" : "false";
}

std::string config_text(std::int32_t value) {
    return std::to_string(value);
}

std::string config_text(std::int64_t value) {
    return std::to_string(value);
}

std::string config_text(double value) {
    std::array<char, 64> buffer{};
    const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
    std::string text(buffer.data(), end);
    if (text.find_first_of(".e") == std::string::npos) {
        text += ".0";  // Source: Double.toString
    }
    return text;
}

std::string config_text(const std::string& value) {
    return value;
}

std::string machine_default(std::string_view text) {
    const int cpus = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    const int send_threads = std::min(cpus, 4);
    struct Formula {
        std::string_view text;
        int value;
    };
    // Source: BrokerConfig and NettyClientConfig field initialisers.
    const std::array<Formula, 6> formulas{
        {{"cpus", cpus},
         {"min(cpus,4)", send_threads},
         {"min(32,cpus)", std::min(32, cpus)},
         {"16+2*cpus", 16 + 2 * cpus},
         {"8+cpus", 8 + cpus},
         {"max(8+2*cpus,4*sendThreads)", std::max(8 + 2 * cpus, 4 * send_threads)}}};
    const auto found = std::find_if(formulas.begin(), formulas.end(),
                                    [&](const Formula& f) { return f.text == text; });
    return found == formulas.end() ? std::string(text) : std::to_string(found->value);
}

const char* config_type_name(ConfigType type) {
    switch (type) {
        case ConfigType::kBoolean:
            return "boolean";
        case ConfigType::kInt:
            return "int";
        case ConfigType::kLong:
            return "long";
        case ConfigType::kDouble:
            return "double";
        case ConfigType::kString:
            return "String";
    }
    return "";
}

const char* config_effect_name(ConfigEffect effect) {
    switch (effect) {
        case ConfigEffect::kLive:
            return "live";
        case ConfigEffect::kRestart:
            return "restart";
        case ConfigEffect::kKnownOnly:
            return "known only";
    }
    return "";
}

}  // namespace rmq
