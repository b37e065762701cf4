// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace rmq {

// String.hashCode of the UTF-8 text: over UTF-16 code units h = 31 * h + unit, wrapping in 32 bits.
// Malformed UTF-8 counts as U+FFFD per bad byte, as Java decodes it. Needed for tag codes, index
// keys and subscription code sets. `prefix` is the hash of text in front of it, so that the hash of
// a concatenation needs no concatenation. Source: java.lang.String; vector "TagA" -> 2598919.
std::int32_t java_string_hash(std::string_view utf8, std::int32_t prefix = 0);

// String.length(): the number of UTF-16 code units.
std::int64_t java_string_length(std::string_view utf8);

// The tag code stored in a ConsumeQueue entry: the hash sign-extended, 0 without tags.
inline std::int64_t tags_code(std::string_view tags) {
    return tags.empty() ? 0 : java_string_hash(tags);
}

}  // namespace rmq
