// SPDX-License-Identifier: Apache-2.0
#include "filter/bloom_filter.h"

#include "common/testing/catch.h"

using rmq::filter::BloomFilter;
using rmq::filter::BloomFilterData;

TEST_CASE("BloomFilter: the default settings give the original's size", "[filter][bloom][F-05]") {
    const BloomFilter filter(20, 32);
    CHECK(filter.bit_count() == 112);
    CHECK(filter.hash_count() == 3);
}

// Made by the original's BloomFilter.createByFn(20, 32).generate 5.5.0, 2026-11-21.
TEST_CASE("BloomFilter: the original's bit positions", "[filter][bloom][F-05]") {
    const BloomFilter filter(20, 32);
    using Positions = std::vector<std::int32_t>;
    CHECK(filter.generate("group#topic").bit_positions == Positions{79, 21, 21});
    CHECK(filter.generate("g#t").bit_positions == Positions{22, 87, 58});
    CHECK(filter.generate("a-long-consumer-group-name#a-long-topic-name").bit_positions ==
          Positions{24, 22, 69});
    CHECK(filter.generate("%RETRY%x#\xC3\xBC").bit_positions == Positions{53, 52, 14});
    CHECK(filter.generate("g#t").bit_count == 112);
}

TEST_CASE("BloomFilter: only data of the same size is valid", "[filter][bloom][F-05]") {
    const BloomFilter filter(20, 32);
    CHECK(filter.is_valid(filter.generate("group#topic")));
    CHECK(!filter.is_valid(BloomFilter(20, 64).generate("group#topic")));
    CHECK(!filter.is_valid(BloomFilterData{}));
}
