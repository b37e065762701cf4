// SPDX-License-Identifier: Apache-2.0
#include "broker/timer/recall_handle.h"

#include "common/base64.h"

#include <array>
#include <vector>

namespace rmq::broker {

namespace {

constexpr std::string_view kVersion = "v1";
}  // namespace

std::string encode_recall_handle(const RecallHandle& handle) {
    std::string text(kVersion);
    for (const auto* const item :
         {&handle.topic, &handle.broker_name, &handle.timestamp, &handle.message_id}) {
        text.append(" ").append(*item);
    }
    return encode_base64(text, Base64::kUrl);
}

Result<RecallHandle> decode_recall_handle(std::string_view text) {
    const auto raw = decode_base64(text, Base64::kUrl);
    std::vector<std::string> items;
    std::string_view rest = raw ? std::string_view(*raw) : std::string_view();
    while (!rest.empty()) {
        const auto end = std::min(rest.find(' '), rest.size());
        items.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    if (items.size() < 5 || items[0] != kVersion) {
        return Error{Errc::kInvalidArgument, "recall handle is invalid"};
    }
    return RecallHandle{items[1], items[2], items[3], items[4]};
}

}  // namespace rmq::broker
