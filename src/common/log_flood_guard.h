// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace rmq {

// Bounds what peers can make the log say: so many lines per event (the first word of a line) and
// interval, the rest counted. The last resort behind LogLimiter, for every line of every library.
// Thread safety: none; the owner locks.
class LogFloodGuard {
public:
    static constexpr int kLinesPerInterval = 20;
    static constexpr std::int64_t kIntervalMs = 10'000;
    static constexpr std::size_t kEventsMax = 512;  // beyond them, new ones share a count
    static constexpr std::size_t kLineMaxBytes = 2000;

    struct Verdict {
        bool admitted = false;
        std::int64_t suppressed = 0;  // lines of the event dropped since the last interval
    };
    // `now_ms` is of any clock; one that jumps back begins a new interval.
    Verdict admit(std::string_view line, std::int64_t now_ms);

private:
    struct Event {
        std::int64_t begin_ms = 0;
        int lines = 0;
        std::int64_t suppressed = 0;
    };
    std::map<std::string, Event, std::less<>> events_;
};

// One line of bounded length whatever a peer put into it: control characters become '?', and what
// is beyond kLineMaxBytes is replaced by its length.
std::string printable_line(std::string_view text);

}  // namespace rmq
