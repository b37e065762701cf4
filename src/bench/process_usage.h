// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <cstdint>

namespace rmq::bench {

// What a process of this machine has used so far, and holds now.
struct ProcessUsage {
    double cpu_seconds = 0;  // user and system time, to within 10 ms
    std::int64_t resident_kib = 0;
    std::int64_t own_kib = 0;     // of that, memory of its own
    std::int64_t mapped_kib = 0;  // of that, pages of mapped files and of shared memory
};

// Errors: kNotFound.
Result<ProcessUsage> process_usage(std::int64_t pid);

}  // namespace rmq::bench
