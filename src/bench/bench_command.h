// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace rmq::bench {

struct Outcome {
    int exit_status = 0;
    std::string error;  // one line, when the status is not 0
};

// Runs `arguments` = send|pull|tail|route [options]; -h and --help print the help. The report goes
// to `out`, a moving line to `progress` when it is not null. Status 0: every request was answered
// and succeeded; 1: it could not run, or some were not.
Outcome run_bench_command(const std::vector<std::string>& arguments, std::ostream& out,
                          std::ostream* progress);

}  // namespace rmq::bench
