// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

namespace rmq::testing {

// How many of this process's connected sockets have `value` for an option such as SO_SNDBUF.
inline int open_sockets_with(int option, int value) {
    const auto value_of = [](int fd, int name) {
        int found = -1;
        socklen_t size = sizeof found;
        return ::getsockopt(fd, SOL_SOCKET, name, &found, &size) == 0 ? found : -1;
    };
    constexpr int kLooked = 1024;
    int count = 0;
    for (int fd = 0; fd < kLooked; ++fd) {
        count += value_of(fd, SO_ACCEPTCONN) == 0 && value_of(fd, option) == value;
    }
    return count;
}

}  // namespace rmq::testing
