// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace rmq::storetool {

struct Outcome {
    int exit_status = 0;
    std::string error;  // one line, when the command could not do its work
};

// Runs `arguments` = check|repair|dump|export DIRECTORY [options]. Progress goes to `progress`
// when it is not null. Status 0: done, and no damage found; 1: could not be done; 2: damage found.
Outcome run_store_command(const std::vector<std::string>& arguments, std::ostream& out,
                          std::ostream* progress);

}  // namespace rmq::storetool
