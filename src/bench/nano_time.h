// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace rmq::bench {

// Nanoseconds from an arbitrary start; never steps backwards. The same for every thread and process
// of the machine.
std::int64_t monotonic_ns();

}  // namespace rmq::bench
