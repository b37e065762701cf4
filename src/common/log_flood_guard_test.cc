// SPDX-License-Identifier: Apache-2.0
#include "common/log_flood_guard.h"

#include "common/testing/catch.h"

using namespace rmq;

TEST_CASE("LogFloodGuard: an event is cut off after a while and comes back with a count",
          "[common][log][hostile]") {
    LogFloodGuard guard;
    int admitted = 0;
    for (int i = 0; i < 1000; ++i) {
        admitted += guard.admit("refused peer=" + std::to_string(i), 1000 + i).admitted ? 1 : 0;
    }
    CHECK(admitted == LogFloodGuard::kLinesPerInterval);
    CHECK(guard.admit("started", 2000).admitted);
    const auto later = guard.admit("refused peer=x", 1000 + LogFloodGuard::kIntervalMs);
    CHECK(later.admitted);
    CHECK(later.suppressed == 1000 - LogFloodGuard::kLinesPerInterval);
    CHECK(guard.admit("refused", 1).admitted);  // the clock was set back
}

TEST_CASE("LogFloodGuard: made-up event names do not grow it", "[common][log][hostile]") {
    LogFloodGuard guard;
    int admitted = 0;
    for (std::size_t i = 0; i < 10 * LogFloodGuard::kEventsMax; ++i) {
        admitted += guard.admit("event" + std::to_string(i), 0).admitted ? 1 : 0;
    }
    CHECK(admitted == int{LogFloodGuard::kEventsMax} + LogFloodGuard::kLinesPerInterval);
}

TEST_CASE("LogFloodGuard: what a peer sent cannot forge or stretch a line",
          "[common][log][hostile]") {
    CHECK(printable_line("topic=a\nerror b\r\x1B[31m\x7F") == "topic=a?error b??[31m?");
    CHECK(printable_line("topic=\xF0\x9F\xA6\x96") == "topic=\xF0\x9F\xA6\x96");
    const std::string cut = printable_line(std::string(1 << 20, 'x'));
    CHECK(cut.size() < LogFloodGuard::kLineMaxBytes + 40);
    CHECK(cut.ends_with("x...(1048576 bytes)"));
}
