// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"
#include "common/socket_address.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rmq {

// The system calls around sockets, with the project's addresses and errors. All sockets made here
// are non-blocking, close-on-exec, and send small packets at once (TCP_NODELAY).

// Sizes of a socket's buffers in the system; 0 leaves the system's own.
struct SocketBuffers {
    std::int32_t send_bytes = 0;
    std::int32_t receive_bytes = 0;
};

// Binds and listens; accepted sockets have the listener's buffers. An IPv6 wildcard takes IPv4
// peers too. Errors: kAlreadyExists when the port is taken, kPermissionDenied, kInvalidArgument for
// an address that is not this machine's.
Result<int> listen_on(const SocketAddress& address, const SocketBuffers& buffers = {});

// What accept_from() found.
struct Accepted {
    enum class Kind { kSocket, kNone, kExhausted };
    Kind kind = Kind::kNone;
    int fd = -1;
    int error_number = 0;  // for kExhausted: why no descriptor could be had
};
Accepted accept_from(int listen_fd);

// Begins to connect; the socket becomes writable when that is over, see connect_status().
Result<int> begin_connect(const SocketAddress& address);
Status connect_status(int fd);

// IPv4 addresses mapped into IPv6 are given as IPv4. Zero when the socket is not connected.
SocketAddress peer_address(int fd);
SocketAddress local_address(int fd);

// The addresses of a host name, IPv4 first. Blocks. Errors: kNotFound.
Result<std::vector<SocketAddress>> resolve(const std::string& host, std::uint16_t port);

}  // namespace rmq
