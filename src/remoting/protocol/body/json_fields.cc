// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/body/json_fields.h"

#include "common/lenient_json.h"
#include "common/limits.h"
#include "common/parse_number.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <optional>

namespace rmq {

namespace {

std::optional<std::int64_t> whole_number(const nlohmann::json& value) {
    if (value.is_number_integer()) {
        return value.get<std::int64_t>();
    }
    if (value.is_number_float()) {
        const double number = value.get<double>();
        constexpr double kEdge = 9.2e18;
        return number > -kEdge && number < kEdge ? std::optional(static_cast<std::int64_t>(number))
                                                 : std::nullopt;
    }
    if (const auto* text = value.get_ptr<const std::string*>()) {
        return parse_number<std::int64_t>(*text);
    }
    return std::nullopt;
}

// True when brackets outside strings are open more than `depth` levels anywhere.
bool is_nested_deeper(std::string_view text, std::size_t depth) {
    std::size_t open = 0;
    bool in_string = false;
    for (std::size_t at = 0; at < text.size() && open <= depth; ++at) {
        const char c = text[at];
        if (c == '"') {
            in_string = !in_string;
        } else if (in_string) {
            at += c == '\\' ? 1 : 0;
        } else if (c == '{' || c == '[') {
            ++open;
        } else if ((c == '}' || c == ']') && open > 0) {
            --open;
        }
    }
    return open > depth;
}

}  // namespace

Result<nlohmann::json> parse_body_json(std::string_view text) {
    // The parser itself needs no stack for nesting, but copying and writing a value do.
    if (is_nested_deeper(text, limits::kBodyJsonDepthMax)) {
        return Error{Errc::kMalformed, "JSON: nested too deeply"};
    }
    auto value = nlohmann::json::parse(text, nullptr, false);
    if (value.is_discarded()) {
        return parse_lenient_json(text);
    }
    return Result<nlohmann::json>(boost::system::in_place_value, std::move(value));
}

std::string dump_json(const nlohmann::json& value) {
    return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void append_json_string(std::string& out, std::string_view text) {
    const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
        return c >= ' ' && c <= '~' && c != '"' && c != '\\';
    });
    if (plain) {
        out += '"';
        out += text;
        out += '"';
    } else {
        out += dump_json(nlohmann::json(text));
    }
}

const nlohmann::json& json_member(const nlohmann::json& object, const char* key) {
    static const nlohmann::json kNull;
    if (!object.is_object()) {
        return kNull;
    }
    const auto found = object.find(key);
    return found == object.end() ? kNull : *found;
}

std::int64_t json_int64(const nlohmann::json& object, const char* key, std::int64_t fallback) {
    return whole_number(json_member(object, key)).value_or(fallback);
}

std::int32_t json_int32(const nlohmann::json& object, const char* key, std::int32_t fallback) {
    const std::int64_t number = json_int64(object, key, fallback);
    using Limits = std::numeric_limits<std::int32_t>;
    return number < Limits::min() || number > Limits::max() ? fallback
                                                            : static_cast<std::int32_t>(number);
}

bool json_bool(const nlohmann::json& object, const char* key, bool fallback) {
    const auto& value = json_member(object, key);
    if (value.is_boolean()) {
        return value.get<bool>();
    }
    if (const auto* text = value.get_ptr<const std::string*>()) {
        return *text == "true";
    }
    return fallback;
}

std::string json_string(const nlohmann::json& object, const char* key, std::string fallback) {
    const auto& value = json_member(object, key);
    return value.is_null() ? std::move(fallback) : json_scalar_text(value);
}

std::string json_scalar_text(const nlohmann::json& value) {
    if (const auto* text = value.get_ptr<const std::string*>()) {
        return *text;
    }
    return value.is_null() ? std::string() : dump_json(value);
}

}  // namespace rmq
