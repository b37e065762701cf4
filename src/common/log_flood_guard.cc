// SPDX-License-Identifier: Apache-2.0
#include "common/log_flood_guard.h"

#include <algorithm>

namespace rmq {

LogFloodGuard::Verdict LogFloodGuard::admit(std::string_view line, std::int64_t now_ms) {
    std::string_view name = line.substr(0, std::min(line.find(' '), kLineMaxBytes));
    if (events_.size() >= kEventsMax && !events_.contains(name)) {
        name = {};
    }
    auto found = events_.find(name);
    if (found == events_.end()) {
        found = events_.emplace(name, Event{.begin_ms = now_ms}).first;
    }
    Event& event = found->second;
    Verdict verdict;
    if (now_ms < event.begin_ms || now_ms - event.begin_ms >= kIntervalMs) {
        verdict.suppressed = event.suppressed;
        event = {.begin_ms = now_ms};
    }
    verdict.admitted = event.lines < kLinesPerInterval;
    if (verdict.admitted) {
        ++event.lines;
    } else {
        ++event.suppressed;
    }
    return verdict;
}

std::string printable_line(std::string_view text) {
    std::string line(text.substr(0, LogFloodGuard::kLineMaxBytes));
    for (char& c : line) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
            c = '?';
        }
    }
    if (line.size() < text.size()) {
        line += "...(" + std::to_string(text.size()) + " bytes)";
    }
    return line;
}

}  // namespace rmq
