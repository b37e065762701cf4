// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace rmq {

// What the process learns from its machine at start-up. Thread safety: call before other threads
// start.

// An environment variable; empty when unset.
std::string environment(const char* name);

// `name` below the user's home directory: $HOME, else the password file (Java's user.home).
std::string home_path(std::string_view name);

// The host's name, or `otherwise` when it has none.
std::string host_name(const char* otherwise);

// The first usable local IPv4 address: not loopback, and no 192.168.x.x while there is another;
// then IPv6; then 127.0.0.1. Source: NetworkUtil.getLocalAddress
std::string first_local_address();

}  // namespace rmq
