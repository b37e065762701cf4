// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace rmq::bench {

// What the load generator reads of an answer. It looks for the few members it needs and does not
// decode the rest, because what it costs is taken from the server that is measured on the same
// machine; the order of the members does not matter.
struct Answer {
    std::int32_t code = 0;
    std::int32_t opaque = 0;
    bool is_answer = false;  // and not a request of the server
    std::string_view header;
    std::string_view body;

    // The number of a field whose value is a number as text, or -1.
    std::int64_t field(std::string_view name) const;
    // Its sentence for people, as JSON writes it; may be empty.
    std::string_view remark() const;
};

// `frame` is whole, as cut; its views die with it.
Answer read_answer(std::string_view frame);

}  // namespace rmq::bench
