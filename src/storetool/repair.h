// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "storetool/check_store.h"
#include "storetool/store_directory.h"

#include <functional>
#include <string>
#include <vector>

namespace rmq::storetool {

// One step of a repair. `apply` keeps the original bytes below the backup directory before it
// changes anything.
struct RepairStep {
    std::string text;  // what will be done, and why
    std::function<Status(const std::string& backup)> apply;
};

// What would mend the damage that check_store() found:
//   - a stretch of the CommitLog without records is bridged: one record of the type that is never
//     delivered covers it, so that both servers' recovery goes on behind it;
//   - queues or indexes that disagree with the log are moved away, with the checkpoint, and `abort`
//     is left, so that the next start of either server makes them anew from the log;
//   - a configuration file that cannot be read gives way to the readable one with .bak.
// What cannot be mended (missing CommitLog files, a wrong length) is not in the list.
std::vector<RepairStep> plan_repair(const StoreDirectory& store, const CheckResult& result);

}  // namespace rmq::storetool
