// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <nlohmann/json_fwd.hpp>

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace rmq {

// Which state of a table a peer has seen; two versions are the same when all three members are.
// {"counter":3,"stateVersion":0,"timestamp":1700000000000}. Source: DataVersion.
struct DataVersion {
    std::int64_t state_version = 0;  // epoch of the master, 0 outside controller mode
    std::int64_t timestamp = 0;      // ms of the last change
    std::int64_t counter = 0;        // changes so far

    // The table changed at `now_ms`.
    void next_version(std::int64_t now_ms, std::int64_t new_state_version = 0) {
        timestamp = now_ms;
        state_version = new_state_version;
        ++counter;
    }

    friend bool operator==(const DataVersion&, const DataVersion&) = default;
};

nlohmann::json to_json(const DataVersion& version);
// Missing members are 0.
DataVersion parse_data_version(const nlohmann::json& object);

std::string encode(const DataVersion& version);
// Errors: kMalformed when the text is not a JSON object.
Result<DataVersion> decode_data_version(std::string_view text);

}  // namespace rmq
