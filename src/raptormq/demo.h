// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <string>

namespace rmq {

// Sends a few messages through running servers, pulls them back, compares and prints them: what
// quickstart.sh shows. `namesrv_addr` is one "host:port"; empty means 127.0.0.1:9876. Blocks.
// Errors: those of RemotingClient, and kUnavailable with the server's answer; kMalformed when what
// comes back is not what was sent.
Status run_demo(const std::string& namesrv_addr);

}  // namespace rmq
