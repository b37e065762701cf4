// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"
#include "remoting/protocol/body/data_version.h"

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace rmq::broker {

// How many timer messages wait, by real topic: the file `config/timermetrics` and the answer to
// GET_TIMER_METRICS. Counts may be off by a little after a crash.
// Thread safety: any thread. Source: TimerMetrics (5.5.0).
class TimerMetrics {
public:
    explicit TimerMetrics(std::string path) : path_(std::move(path)) {}

    // A missing or unreadable file counts from zero. Errors: kIo, kPermissionDenied.
    Status load();
    void add(std::string_view topic, std::int64_t count, std::int64_t now_ms);
    // The topic was deleted.
    void remove(std::string_view topic);
    std::int64_t count(std::string_view topic) const;
    std::map<std::string, std::int64_t> counts() const;  // by topic

    // {"dataVersion":{…},"timingCount":{"T":{"count":1,"timeStamp":1700000000000}}}
    std::string encode() const;
    // Writes the file when something changed. May block on the disk. Errors: kIo, …
    Status persist();

private:
    struct Metric {
        std::int64_t count = 0;
        std::int64_t timestamp = 0;
    };

    const std::string path_;
    mutable std::mutex mutex_;
    std::map<std::string, Metric, std::less<>> counts_;  // guarded by mutex_
    DataVersion version_;                                // guarded by mutex_
    bool changed_ = false;                               // guarded by mutex_
};

}  // namespace rmq::broker
