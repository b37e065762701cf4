// SPDX-License-Identifier: Apache-2.0
#include "broker/hold/pull_request.h"

#include <string_view>

namespace rmq::broker {

PullRequest::PullRequest(const PullMessageRequestHeader& header, bool is_lite)
    : header_(header), is_lite_(is_lite) {
    const auto size_of = [](const std::optional<std::string_view>& text) {
        return text ? text->size() : 0;
    };
    text_ =
        std::make_unique<char[]>(header.consumer_group.size() + header.topic.size() +
                                 size_of(header.subscription) + size_of(header.expression_type));
    char* to = text_.get();
    const auto keep = [&to](std::string_view& text) {
        text = {to, text.copy(to, text.size())};
        to += text.size();
    };
    keep(header_.consumer_group);
    keep(header_.topic);
    if (header_.subscription) {
        keep(*header_.subscription);
    }
    if (header_.expression_type) {
        keep(*header_.expression_type);
    }
}

}  // namespace rmq::broker
