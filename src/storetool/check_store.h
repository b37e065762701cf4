// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "storetool/findings.h"
#include "storetool/store_directory.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace rmq::storetool {

// What the CommitLog says about one queue.
struct QueueInLog {
    std::int64_t records = 0;
    std::int64_t first = 0;  // smallest queue offset
    std::int64_t end = 0;    // one behind the largest
};

struct LogSummary {
    PhysicalOffset begin;
    PhysicalOffset end;  // behind the last readable record
    std::int64_t records = 0;
    std::int64_t damaged_stretches = 0;
    std::int64_t first_store_timestamp = 0;
    std::int64_t last_store_timestamp = 0;
    std::map<QueueKey, QueueInLog> queues;
};

struct CheckOptions {
    bool check_crc = true;
    Progress progress;  // may be empty
};

struct CheckResult {
    Findings findings;
    LogSummary log;
    std::int64_t queue_entries = 0;
    std::int64_t index_entries = 0;
    std::int64_t config_files = 0;
};

// Verifies a store directory, ours or the original's: every record of the CommitLog, every queue
// entry against its record and the other way round, every index entry, the checkpoint and every
// configuration file. Changes nothing. Blocks for as long as reading everything takes.
CheckResult check_store(const StoreDirectory& store, const CheckOptions& options);

// --- the parts, in the order in which they run
// -----------------------------------------------------
LogSummary check_log(const StoreDirectory& store, const CheckOptions& options, Findings& findings);
// Returns the number of entries.
std::int64_t check_queues(const StoreDirectory& store, const LogSummary& log, Findings& findings);
std::int64_t check_indexes(const StoreDirectory& store, const LogSummary& log, Findings& findings);
// Returns the number of configuration files.
std::int64_t check_config(const StoreDirectory& store, const LogSummary& log, Findings& findings);

}  // namespace rmq::storetool
