// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace rmq {

// Readers of JSON bodies that forgive what fastjson forgives: a missing or null member gives the
// fallback, a number may stand in a string and the other way round. Thread safety: pure functions.

// Standard JSON first, for speed; the lenient dialects of parse_lenient_json when that fails. Empty
// text, anything that is not a JSON value and nesting beyond limits::kBodyJsonDepthMax: kMalformed.
Result<nlohmann::json> parse_body_json(std::string_view text);

// Compact UTF-8 text with keys in order. Bytes that are not UTF-8 become U+FFFD.
std::string dump_json(const nlohmann::json& value);

// Appends `text` as a JSON string, quotes included; bytes that are not UTF-8 become U+FFFD. For the
// few bodies that are written without building a tree first.
void append_json_string(std::string& out, std::string_view text);

// The member, or null when `object` is not an object or has no such member. The reference lives as
// long as `object`.
const nlohmann::json& json_member(const nlohmann::json& object, const char* key);

std::int64_t json_int64(const nlohmann::json& object, const char* key, std::int64_t fallback);
std::int32_t json_int32(const nlohmann::json& object, const char* key, std::int32_t fallback);
bool json_bool(const nlohmann::json& object, const char* key, bool fallback);
std::string json_string(const nlohmann::json& object, const char* key, std::string fallback = {});

// Text of a scalar: strings as they are, numbers and booleans as JSON writes them, null as "".
std::string json_scalar_text(const nlohmann::json& value);

}  // namespace rmq
