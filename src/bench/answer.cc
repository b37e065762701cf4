// SPDX-License-Identifier: Apache-2.0
#include "bench/answer.h"

#include "common/bytes.h"

#include <charconv>
#include <string>

namespace rmq::bench {

namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::uint32_t kHeaderLengthMask = 0xFFFFFF;

std::int64_t number_at(std::string_view text, std::size_t at) {
    std::int64_t number = -1;
    std::from_chars(text.data() + at, text.data() + text.size(), number);
    return number;
}

// The number behind a member's name; the last such name, as ours come behind the extFields. Quotes
// in values are escaped, so that no value looks like a name.
std::int64_t number_behind(std::string_view header, std::string_view name) {
    const auto at = header.rfind(name);
    return at == std::string_view::npos ? -1 : number_at(header, at + name.size());
}

}  // namespace

std::int64_t Answer::field(std::string_view name) const {
    const std::string quoted = "\"" + std::string(name) + "\":\"";
    const auto at = header.find(quoted);
    return at == std::string_view::npos ? -1 : number_at(header, at + quoted.size());
}

std::string_view Answer::remark() const {
    constexpr std::string_view kName = "\"remark\":\"";
    const auto at = header.find(kName);
    if (at == std::string_view::npos) {
        return {};
    }
    const std::string_view text = header.substr(at + kName.size());
    std::size_t end = 0;
    while (end < text.size() && text[end] != '"') {
        end += text[end] == '\\' ? 2 : 1;
    }
    return text.substr(0, end);
}

Answer read_answer(std::string_view frame) {
    Answer answer;
    const auto header_bytes =
        load_be<std::uint32_t>(frame.data() + kLengthBytes) & kHeaderLengthMask;
    answer.header = frame.substr(2 * kLengthBytes, header_bytes);
    answer.body = frame.substr(2 * kLengthBytes + header_bytes);
    constexpr std::string_view kCode = "\"code\":";
    const auto code_at = answer.header.find(kCode);  // the first member of every server's
    answer.code = code_at == std::string_view::npos
                      ? -1
                      : static_cast<std::int32_t>(number_at(answer.header, code_at + kCode.size()));
    answer.opaque = static_cast<std::int32_t>(number_behind(answer.header, "\"opaque\":"));
    answer.is_answer = (number_behind(answer.header, "\"flag\":") & 1) != 0;
    return answer;
}

}  // namespace rmq::bench
