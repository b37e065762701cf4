// SPDX-License-Identifier: Apache-2.0
#include "bench/process_usage.h"

#include <fstream>
#include <sstream>
#include <string>

#include <unistd.h>

namespace rmq::bench {

namespace {

// utime and stime are fields 14 and 15; the second is the name in parentheses, which may hold
// blanks.
double cpu_seconds_of(const std::string& stat) {
    std::istringstream fields(stat.substr(stat.rfind(')') + 2));
    std::string skipped;
    for (int field = 3; field < 14; ++field) {
        fields >> skipped;
    }
    double user = 0;
    double system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

Result<ProcessUsage> process_usage(std::int64_t pid) {
    const std::string directory = "/proc/" + std::to_string(pid);
    std::ifstream stat(directory + "/stat");
    std::string line;
    if (!std::getline(stat, line) || line.find(')') == std::string::npos) {
        return Error{Errc::kNotFound, "there is no process " + std::to_string(pid) +
                                          "; give --pid of a server on this machine"};
    }
    ProcessUsage usage;
    usage.cpu_seconds = cpu_seconds_of(line);
    std::ifstream status(directory + "/status");
    while (std::getline(status, line)) {
        std::istringstream fields(line);
        std::string name;
        std::int64_t kib = 0;
        fields >> name >> kib;
        if (name == "VmRSS:") {
            usage.resident_kib = kib;
        } else if (name == "RssAnon:") {
            usage.own_kib = kib;
        } else if (name == "RssFile:" || name == "RssShmem:") {
            usage.mapped_kib += kib;
        }
    }
    return usage;
}

}  // namespace rmq::bench
