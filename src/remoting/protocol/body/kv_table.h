// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <map>
#include <string>
#include <string_view>

namespace rmq {

// {"table":{"k":"v"}}: runtime information, KV lists, the answer to a registration.
// Source: KVTable.
struct KvTable {
    std::map<std::string, std::string, std::less<>> table{};
};

std::string encode(const KvTable& table);
// Errors: kMalformed when the text is not a JSON object. A missing table is an empty one.
Result<KvTable> decode_kv_table(std::string_view text);

}  // namespace rmq
