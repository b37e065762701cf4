// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace rmq {

// Splits text into the pieces of a JSON string literal: call next() until it returns false and
// append every piece. Quotes, backslashes and control characters are escaped; a byte that is not
// part of valid UTF-8 becomes U+FFFD, so that the result is strict JSON whatever comes in. Pieces
// point into the text or into this object and live until the next call.
class JsonEscaper {
public:
    explicit JsonEscaper(std::string_view text) : text_(text) {}

    bool next(std::string_view& piece);

private:
    std::string_view text_;
    std::size_t at_ = 0;
    char escape_[6] = {'\\', 'u', '0', '0', '0', '0'};
};

// Appends `text`, escaped, without quotes. `out` is anything with insert(end, first, last).
template <class Out>
void append_json_escaped(std::string_view text, Out& out) {
    JsonEscaper escaper(text);
    for (std::string_view piece; escaper.next(piece);) {
        out.insert(out.end(), piece.begin(), piece.end());
    }
}

}  // namespace rmq
