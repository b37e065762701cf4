// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace rmq {

// Prints the broken assumption and aborts. Never called for input from the network or the disk.
[[noreturn]] void assertion_failed(const char* condition, const char* why, const char* file,
                                   int line);

}  // namespace rmq

// Stays on in release builds. `why` says why the condition must hold.
#define RMQ_ASSERT(condition, why)                                        \
    do {                                                                  \
        if (!(condition)) [[unlikely]] {                                  \
            ::rmq::assertion_failed(#condition, why, __FILE__, __LINE__); \
        }                                                                 \
    } while (false)
