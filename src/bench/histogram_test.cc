// SPDX-License-Identifier: Apache-2.0
#include "bench/histogram.h"

#include "common/testing/catch.h"

#include <cmath>

using rmq::bench::Histogram;

TEST_CASE("Histogram: an empty one answers zero", "[bench][histogram]") {
    const Histogram histogram;
    CHECK(histogram.count() == 0);
    CHECK(histogram.max() == 0);
    CHECK(histogram.mean() == 0);
    CHECK(histogram.percentile(99.99) == 0);
    CHECK(histogram.buckets().empty());
}

TEST_CASE("Histogram: small values are exact", "[bench][histogram]") {
    Histogram histogram;
    for (std::int64_t value = 1; value <= 1000; ++value) {
        histogram.record(value);
    }
    CHECK(histogram.count() == 1000);
    CHECK(histogram.mean() == 500.5);
    CHECK(histogram.percentile(0) == 1);
    CHECK(histogram.percentile(50) == 500);
    CHECK(histogram.percentile(99) == 990);
    CHECK(histogram.percentile(99.9) == 999);
    CHECK(histogram.percentile(99.99) == 1000);
    CHECK(histogram.percentile(100) == 1000);
}

TEST_CASE("Histogram: every value is known to within 1/1024", "[bench][histogram]") {
    for (double exact = 1; exact < static_cast<double>(Histogram::kMax); exact *= 1.37) {
        Histogram histogram;
        const auto value = static_cast<std::int64_t>(exact);
        histogram.record(value);
        histogram.record(Histogram::kMax);  // so that max() does not correct the answer
        const auto read = histogram.percentile(50);
        CAPTURE(value, read);
        CHECK(read >= value);
        CHECK(static_cast<double>(read - value) <= static_cast<double>(value) / 1024);
    }
}

TEST_CASE("Histogram: neighbouring buckets leave no gap", "[bench][histogram]") {
    for (const int bits : {10, 11, 12, 20, 39}) {
        const std::int64_t edge = std::int64_t{1} << bits;
        Histogram histogram;
        histogram.record(edge - 1);
        histogram.record(edge);
        histogram.record(Histogram::kMax);
        const auto buckets = histogram.buckets();
        CAPTURE(bits);
        REQUIRE(buckets.size() == 3);
        CHECK(buckets[0].first == edge - 1);
        CHECK(buckets[1].first >= edge);
    }
}

TEST_CASE("Histogram: what is out of range counts at its ends", "[bench][histogram]") {
    Histogram histogram;
    histogram.record(-5);
    histogram.record(Histogram::kMax + 10);
    CHECK(histogram.percentile(50) == 0);
    CHECK(histogram.max() == Histogram::kMax);
    histogram.clear();
    CHECK(histogram.count() == 0);
}
