// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace rmq {

// Parses JSON as the original's files, brokers and clients write it. Beyond standard JSON it
// accepts: unquoted integer keys ({0:5}), object keys ({{"topic":"T"}:1}; the key becomes the
// compact text of the object as a string, and no key in it may be an object again), and trailing
// white space or newlines. Nesting deeper than limits::kJsonDepthMax, or anything else that is not
// JSON: kMalformed with the position.
// Source: what fastjson 1 and 2 emit for maps with non-string keys.
Result<nlohmann::json> parse_lenient_json(std::string_view text);

// The JSON object in a configuration file, or in its .bak when the file is missing, empty or no
// such object. Errors: as load_with_backup.
Result<nlohmann::json> load_json_object(const std::string& path);

}  // namespace rmq
