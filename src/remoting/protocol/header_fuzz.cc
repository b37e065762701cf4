// SPDX-License-Identifier: Apache-2.0
// Any bytes as a JSON header, compared with what nlohmann-json makes of them.

#include "common/assert.h"
#include "common/limits.h"
#include "remoting/protocol/json_header.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace rmq;
using nlohmann::json;

// What the oracle understood, and what of it the scanner is free to treat otherwise.
struct Oracle {
    json value;
    std::size_t depth = 0;
    bool has_duplicates = false;
};

Oracle ask_oracle(std::string_view text) {
    Oracle oracle;
    std::size_t level = 0;
    std::vector<std::set<std::string>> keys;
    const auto watch = [&](int, json::parse_event_t event, json& parsed) {
        if (event == json::parse_event_t::object_start ||
            event == json::parse_event_t::array_start) {
            oracle.depth = std::max(oracle.depth, ++level);
            keys.emplace_back();
        } else if (event == json::parse_event_t::object_end ||
                   event == json::parse_event_t::array_end) {
            --level;
            keys.pop_back();
        } else if (event == json::parse_event_t::key) {
            oracle.has_duplicates |= !keys.back().insert(parsed.get<std::string>()).second;
        }
        return true;
    };
    oracle.value = json::parse(text, watch, false);
    return oracle;
}

bool may_overflow_double(std::string_view text) {
    constexpr std::size_t kDigitsOfLargestDouble = 309;
    std::size_t digits = 0;
    for (const char c : text) {
        if (digits > 0 && (c == 'e' || c == 'E')) {
            return true;
        }
        digits = c >= '0' && c <= '9' ? digits + 1 : 0;
        if (digits >= kDigitsOfLargestDouble) {
            return true;
        }
    }
    return false;
}

// The scanner lets raw control characters, bytes that are not UTF-8, lone surrogates and numbers
// of any size through, as the original does; nlohmann-json does not.
bool is_lenient_matter(std::string_view text) {
    return may_overflow_double(text) || text.find("\\u") != std::string_view::npos ||
           std::any_of(text.begin(), text.end(), [](char c) {
               return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x80;
           });
}

// False when the member does not stand for an int32.
bool expected_int(const json& header, const char* name, std::int32_t& out) {
    out = 0;
    const auto found = header.find(name);
    if (found == header.end() || found->is_null()) {
        return true;
    }
    std::string text;
    if (found->is_string()) {
        text = found->get<std::string>();
    } else if (found->is_number_integer()) {
        text = found->dump();
    }
    const auto [stop, status] = std::from_chars(text.data(), text.data() + text.size(), out);
    return status == std::errc{} && stop == text.data() + text.size();
}

bool same_value(std::string_view got, const json& expected) {
    return expected.is_string() ? got == expected.get_ref<const std::string&>()
                                : json::parse(got, nullptr, false) == expected;
}

bool expected_ext(const json& header, std::size_t& count) {
    const auto found = header.find("extFields");
    count = 0;
    if (found == header.end() || found->is_null()) {
        return true;
    }
    if (!found->is_object()) {
        return false;
    }
    count = static_cast<std::size_t>(std::count_if(
        found->begin(), found->end(), [](const json& value) { return !value.is_null(); }));
    return count <= limits::kExtFieldsMax;
}

bool expect_accepted(const Oracle& oracle) {
    const json& header = oracle.value;
    std::int32_t ignored = 0;
    std::size_t count = 0;
    const auto language = header.find("language");
    return oracle.depth <= limits::kJsonDepthMax && expected_int(header, "code", ignored) &&
           expected_int(header, "flag", ignored) && expected_int(header, "opaque", ignored) &&
           expected_int(header, "version", ignored) && expected_ext(header, count) &&
           (language == header.end() || language->is_null() || language->is_string() ||
            language->is_number());
}

void compare(const RemotingCommand& got, const json& header) {
    std::int32_t number = 0;
    RMQ_ASSERT(expected_int(header, "code", number) && number == got.code, "same code");
    RMQ_ASSERT(expected_int(header, "flag", number) && number == got.flag, "same flag");
    RMQ_ASSERT(expected_int(header, "opaque", number) && number == got.opaque, "same opaque");
    RMQ_ASSERT(expected_int(header, "version", number) && number == got.version, "same version");
    const auto remark = header.find("remark");
    if (remark != header.end() && !remark->is_null()) {
        RMQ_ASSERT(same_value(got.remark, *remark), "same remark");
    } else {
        RMQ_ASSERT(got.remark.empty(), "no remark");
    }
    std::size_t count = 0;
    RMQ_ASSERT(expected_ext(header, count) && count == got.ext.size(), "same number of fields");
    const auto ext = header.find("extFields");
    RMQ_ASSERT(got.has_ext == (ext != header.end() && ext->is_object()), "same presence");
    for (const ExtField& field : got.ext) {
        const auto expected = ext->find(std::string(field.key));
        RMQ_ASSERT(expected != ext->end() && same_value(field.value, *expected), "same field");
        RMQ_ASSERT(got.ext.find(field.key) == field.value, "every field can be found");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto scratch = std::make_unique<char[]>(json_header_scratch_bytes(size));
    static RemotingCommand command;
    command = {};
    const bool accepted = decode_json_header(text, scratch.get(), command);
    if (text.starts_with("\xEF\xBB\xBF") || text.find('\0') != std::string_view::npos) {
        return 0;  // the oracle skips a byte order mark and takes a zero byte for the end
    }
    const Oracle oracle = ask_oracle(text);
    if (oracle.value.is_discarded() || !oracle.value.is_object()) {
        RMQ_ASSERT(!accepted || is_lenient_matter(text), "only JSON objects are headers");
    } else if (!oracle.has_duplicates) {
        RMQ_ASSERT(accepted == expect_accepted(oracle), "the same headers are taken");
        if (accepted) {
            compare(command, oracle.value);
        }
    }
    return 0;
}
