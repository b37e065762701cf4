// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace rmq {

// Names the calling thread for ps, top and perf; longer than 15 bytes is cut.
void set_thread_name(const std::string& name);

}  // namespace rmq
