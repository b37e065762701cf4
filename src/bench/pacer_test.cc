// SPDX-License-Identifier: Apache-2.0
#include "bench/pacer.h"

#include "common/testing/catch.h"

using rmq::bench::Pacer;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t take_due(Pacer& pacer, std::int64_t now_ns) {
    std::int64_t taken = 0;
    for (; pacer.is_due(now_ns); ++taken) {
        pacer.take();
    }
    return taken;
}

}  // namespace

TEST_CASE("Pacer: the first request is due at the start", "[bench][pacer]") {
    Pacer pacer(1000, 5 * kSecond);
    CHECK_FALSE(pacer.is_due(5 * kSecond - 1));
    CHECK(pacer.is_due(5 * kSecond));
    CHECK(pacer.take() == 5 * kSecond);
    CHECK(pacer.next_due_ns() == 5 * kSecond + 1'000'000);
}

TEST_CASE("Pacer: requests that were held up keep the times they were due", "[bench][pacer]") {
    Pacer pacer(10, 0);
    CHECK(pacer.take() == 0);
    // A second passes without a look at the clock: the requests of that second are all due, each at
    // its own time.
    CHECK(pacer.is_due(kSecond));
    CHECK(pacer.take() == kSecond / 10);
    CHECK(pacer.take() == kSecond / 5);
    CHECK(take_due(pacer, kSecond) == 8);
    CHECK_FALSE(pacer.is_due(kSecond));
}

TEST_CASE("Pacer: a rate that divides no second does not drift", "[bench][pacer]") {
    Pacer pacer(7, 0);
    CHECK(take_due(pacer, 3600 * kSecond - 1) == 7 * 3600);
    CHECK(pacer.take() == 3600 * kSecond);
}

TEST_CASE("Pacer: a looked-at clock gives the same number however often", "[bench][pacer]") {
    Pacer often(12'345, 0);
    std::int64_t taken = 0;
    for (std::int64_t now = 0; now < kSecond; now += 99'991) {
        taken += take_due(often, now);
    }
    taken += take_due(often, kSecond - 1);
    CHECK(taken == 12'345);
}
