// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <map>
#include <string>
#include <string_view>

namespace rmq {

// Key to value, in key order. Source: java.util.Properties.
using Properties = std::map<std::string, std::string, std::less<>>;

// Reads Java's properties text: '#' and '!' comments, '=', ':' or blank separators, backslash
// escapes with \uXXXX, continued lines. A later duplicate wins. Any text is accepted, as Java
// accepts it, except a broken \u escape: kMalformed.
Result<Properties> parse_properties(std::string_view text);

// "key=value\n" for each entry, unescaped, as MixAll.properties2String writes it.
std::string format_properties(const Properties& properties);

// Errors: kNotFound, kPermissionDenied, kIo, kMalformed; the remark names the path.
Result<Properties> load_properties_file(const std::string& path);

}  // namespace rmq
