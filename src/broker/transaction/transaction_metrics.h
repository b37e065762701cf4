// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/config_file.h"
#include "common/clock.h"
#include "common/result.h"
#include "remoting/protocol/body/data_version.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace rmq::broker {

// How many transactions of each topic are open: half messages stored, less those committed, rolled
// back or given up; config/transactionMetrics, written by run_once(). A crash loses what was not
// written, and checks that were put back twice count twice, as in the original: a gauge, not a
// ledger. Thread safety: every member from any thread. Source: TransactionMetrics (5.5.0).
class TransactionMetrics {
public:
    // `path` is <store>/config/transactionMetrics; `clock` outlives this.
    TransactionMetrics(std::string path, const Clock& clock);

    // Errors: kIo, kPermissionDenied, kMalformed. No file is a first start.
    Status load();

    void add(std::string_view topic, std::int64_t delta);
    // 0 for an unknown topic.
    std::int64_t count(std::string_view topic) const;
    std::map<std::string, std::int64_t> counts() const;  // by topic
    void remove(std::string_view topic);

    // Writes and syncs the file when something changed. May block on the disk.
    Status persist();

private:
    struct Metric {
        std::int64_t count = 0;
        std::int64_t timestamp = 0;  // ms of its last change
    };

    std::string encode() const;

    const Clock& clock_;
    mutable std::mutex mutex_;
    std::map<std::string, Metric, std::less<>> counts_;  // guarded by mutex_
    DataVersion version_;                                // guarded by mutex_
    std::atomic<bool> changed_{false};  // apart from the file's mark, whose lock waits for the disk
    ConfigFile file_;
};

}  // namespace rmq::broker
