// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rmq {

// Which two characters stand beside letters and digits: + and /, or - and _ in URLs and handles.
enum class Base64 { kStandard, kUrl };

// With padding. Source: java.util.Base64.
std::string encode_base64(std::string_view bytes, Base64 alphabet = Base64::kStandard);

// As Java's decoders: the padding may be left out, but not be half there. Nothing for other text.
std::optional<std::string> decode_base64(std::string_view text,
                                         Base64 alphabet = Base64::kStandard);

}  // namespace rmq
