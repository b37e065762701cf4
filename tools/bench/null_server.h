// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <cstdint>

namespace rmq::bench {

struct NullServerOptions {
    std::uint16_t port = 10911;
    unsigned io_threads = 1;
    std::int64_t body_bytes = 1024;  // of each message in a pull's answer
};

// Serves sends and pulls with the real remoting layer and nothing behind it, so that the cost of
// remoting alone can be measured. Runs until SIGINT or SIGTERM.
Status run_null_server(const NullServerOptions& options);

}  // namespace rmq::bench
