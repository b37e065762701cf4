// SPDX-License-Identifier: Apache-2.0
// Any bytes as the JSON of a configuration file, compared with what nlohmann-json makes of them.

#include "common/assert.h"
#include "common/lenient_json.h"
#include "common/limits.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using nlohmann::json;

// The strict parser's value, discarded when it refuses; and how deep the text goes.
struct Oracle {
    json value;
    std::size_t depth = 0;
};

Oracle ask_oracle(std::string_view text) {
    Oracle oracle;
    std::size_t level = 0;
    const auto watch = [&](int, json::parse_event_t event, json&) {
        if (event == json::parse_event_t::object_start ||
            event == json::parse_event_t::array_start) {
            oracle.depth = std::max(oracle.depth, ++level);
        } else if (event == json::parse_event_t::object_end ||
                   event == json::parse_event_t::array_end) {
            --level;
        }
        return true;
    };
    oracle.value = json::parse(text, watch, false);
    return oracle;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto parsed = rmq::parse_lenient_json(text);
    if (text.starts_with("\xEF\xBB\xBF") || text.find('\0') != std::string_view::npos) {
        return 0;  // the oracle skips a byte order mark and takes a zero byte for the end
    }
    const Oracle oracle = ask_oracle(text);
    if (!oracle.value.is_discarded()) {
        if (oracle.depth < rmq::limits::kJsonDepthMax) {
            RMQ_ASSERT(parsed && *parsed == oracle.value, "strict JSON reads as everywhere");
        }
        return 0;
    }
    if (!parsed) {
        RMQ_ASSERT(parsed.error().code == rmq::Errc::kMalformed &&
                       parsed.error().remark.starts_with("JSON: "),
                   "a refusal says what and where");
        return 0;
    }
    // What only the lenient reader takes is strict JSON once it is written again.
    const std::string written = parsed->dump();
    RMQ_ASSERT(written.size() <= (size + 1) * 8, "a short text stands for a small value");
    RMQ_ASSERT(json::parse(written, nullptr, false) == *parsed, "written and read, it is the same");
    return 0;
}
