// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rmq::broker {

// A tag subscription as the broker applies it: by the tag code of the queue entry alone, clients
// compare the text again. A value that allocates nothing for up to kInline tags.
// Source: ExpressionMessageFilter.isMatchedByConsumeQueue.
class TagFilter {
public:
    static constexpr std::size_t kInline = 8;

    TagFilter() = default;  // "*" or class filter mode: everything matches
    // Only these codes match; none: nothing does.
    explicit TagFilter(std::span<const std::int32_t> codes) : matches_all_(false) {
        if (codes.size() <= kInline) {
            std::copy(codes.begin(), codes.end(), inline_.begin());
            inline_count_ = codes.size();
        } else {
            many_.assign(codes.begin(), codes.end());
        }
    }

    bool matches_all() const { return matches_all_; }
    bool matches(std::int64_t tags_code) const {
        const auto code = static_cast<std::int32_t>(tags_code);
        const auto contains = [code](auto begin, auto end) {
            return std::find(begin, end, code) != end;
        };
        return matches_all_ ||
               contains(inline_.begin(),
                        inline_.begin() + static_cast<std::ptrdiff_t>(inline_count_)) ||
               contains(many_.begin(), many_.end());
    }

private:
    bool matches_all_ = true;
    std::size_t inline_count_ = 0;
    std::array<std::int32_t, kInline> inline_{};
    std::vector<std::int32_t> many_;  // when there are more than kInline
};

}  // namespace rmq::broker
