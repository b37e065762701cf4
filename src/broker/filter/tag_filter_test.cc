// SPDX-License-Identifier: Apache-2.0
#include "broker/filter/tag_filter.h"

#include "common/testing/catch.h"

#include <numeric>

using namespace rmq::broker;

TEST_CASE("TagFilter: without codes everything matches or nothing", "[broker][filter][F-01]") {
    CHECK(TagFilter().matches_all());
    CHECK(TagFilter().matches(0));
    const TagFilter none(std::vector<std::int32_t>{});
    CHECK(!none.matches_all());
    CHECK(!none.matches(0));
}

TEST_CASE("TagFilter: matches the lower half of the queue's tag code", "[broker][filter][F-01]") {
    const std::vector<std::int32_t> codes{65, -7};
    const TagFilter filter(codes);
    CHECK(filter.matches(65));
    CHECK(filter.matches(-7));
    CHECK(filter.matches((std::int64_t{1} << 32) + 65));
    CHECK(!filter.matches(66));
    CHECK(!filter.matches(0));
}

TEST_CASE("TagFilter: few tags and many tags behave alike", "[broker][filter][F-01]") {
    for (const std::size_t count : {1U, 8U, 9U, 1000U}) {
        std::vector<std::int32_t> codes(count);
        std::iota(codes.begin(), codes.end(), 1);
        TagFilter filter(codes);
        codes.assign(count, -1);  // the filter keeps its own
        const TagFilter copy = filter;
        for (const auto code : {std::size_t{1}, count}) {
            CHECK(copy.matches(static_cast<std::int64_t>(code)));
        }
        CHECK(!copy.matches(0));
        CHECK(!copy.matches(static_cast<std::int64_t>(count) + 1));
    }
}
