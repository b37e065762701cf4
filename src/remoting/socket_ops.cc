// SPDX-License-Identifier: Apache-2.0
#include "remoting/socket_ops.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

namespace rmq {

namespace {

struct RawAddress {
    sockaddr_storage storage{};
    socklen_t size = sizeof(sockaddr_storage);

    sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

RawAddress to_raw(const SocketAddress& address) {
    RawAddress raw;
    const auto port = htons(static_cast<std::uint16_t>(address.port));
    if (address.is_v6) {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = port;
        std::memcpy(&v6.sin6_addr, address.bytes.data(), 16);
        std::memcpy(&raw.storage, &v6, sizeof v6);
        raw.size = sizeof v6;
    } else {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = port;
        std::memcpy(&v4.sin_addr, address.bytes.data(), 4);
        std::memcpy(&raw.storage, &v4, sizeof v4);
        raw.size = sizeof v4;
    }
    return raw;
}

SocketAddress from_raw(const sockaddr_storage& storage) {
    SocketAddress address;
    if (storage.ss_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &storage, sizeof v4);
        address.port = ntohs(v4.sin_port);
        std::memcpy(address.bytes.data(), &v4.sin_addr, 4);
    } else if (storage.ss_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &storage, sizeof v6);
        address.port = ntohs(v6.sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
            std::memcpy(address.bytes.data(), &v6.sin6_addr.s6_addr[12], 4);
        } else {
            address.is_v6 = true;
            std::memcpy(address.bytes.data(), &v6.sin6_addr, 16);
        }
    }
    return address;
}

void set_option(int fd, int level, int name, int value) {
    ::setsockopt(fd, level, name, &value, sizeof value);
}

// Keeps the errno of a failed call over the close.
Error fail_and_close(int fd, const std::string& what) {
    const int error_number = errno;
    Error error = errno_error(what);
    if (error_number == EADDRINUSE) {
        error.code = Errc::kAlreadyExists;
    } else if (error_number == EADDRNOTAVAIL || error_number == EAFNOSUPPORT) {
        error.code = Errc::kInvalidArgument;
    }
    if (fd >= 0) {
        ::close(fd);
    }
    return error;
}

int new_socket(const SocketAddress& address) {
    return ::socket(address.is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                    0);
}

}  // namespace

Result<int> listen_on(const SocketAddress& address, const SocketBuffers& buffers) {
    const std::string what = "cannot listen on " + address.to_string();
    const int fd = new_socket(address);
    if (fd < 0) {
        return fail_and_close(fd, what);
    }
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (address.is_v6) {
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    }
    if (buffers.send_bytes > 0) {
        set_option(fd, SOL_SOCKET, SO_SNDBUF, buffers.send_bytes);
    }
    if (buffers.receive_bytes > 0) {
        set_option(fd, SOL_SOCKET, SO_RCVBUF, buffers.receive_bytes);
    }
    RawAddress raw = to_raw(address);
    constexpr int kBacklog = 1024;  // Source: NettyServerConfig.serverSocketBacklog
    if (::bind(fd, raw.get(), raw.size) != 0 || ::listen(fd, kBacklog) != 0) {
        return fail_and_close(fd, what);
    }
    return fd;
}

Accepted accept_from(int listen_fd) {
    for (;;) {
        const int fd = ::accept4(listen_fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
            return {Accepted::Kind::kSocket, fd, 0};
        }
        switch (errno) {
            case EAGAIN:
                return {};
            case EINTR:
            case ECONNABORTED:
            case EPROTO:
                break;  // this one peer gave up; the next may be fine
            default:    // EMFILE, ENFILE, ENOBUFS, ENOMEM, or something that will not go by itself
                return {Accepted::Kind::kExhausted, -1, errno};
        }
    }
}

Result<int> begin_connect(const SocketAddress& address) {
    const std::string what = "cannot connect to " + address.to_string();
    const int fd = new_socket(address);
    if (fd < 0) {
        return fail_and_close(fd, what);
    }
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    RawAddress raw = to_raw(address);
    if (::connect(fd, raw.get(), raw.size) != 0 && errno != EINPROGRESS) {
        return fail_and_close(fd, what);
    }
    return fd;
}

Status connect_status(int fd) {
    int error_number = 0;
    socklen_t size = sizeof error_number;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error_number, &size) != 0 || error_number == 0) {
        return {};
    }
    return errno_error("cannot connect", error_number);
}

SocketAddress peer_address(int fd) {
    RawAddress raw;
    ::getpeername(fd, raw.get(), &raw.size);
    return from_raw(raw.storage);
}

SocketAddress local_address(int fd) {
    RawAddress raw;
    ::getsockname(fd, raw.get(), &raw.size);
    return from_raw(raw.storage);
}

Result<std::vector<SocketAddress>> resolve(const std::string& host, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int status = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); status != 0) {
        return Error{Errc::kNotFound,
                     "cannot resolve \"" + host + "\": " + std::string(::gai_strerror(status))};
    }
    std::vector<SocketAddress> addresses;
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
        sockaddr_storage storage{};
        std::memcpy(&storage, at->ai_addr, std::min<std::size_t>(at->ai_addrlen, sizeof storage));
        addresses.push_back(from_raw(storage));
        addresses.back().port = port;
    }
    ::freeaddrinfo(found);
    std::stable_partition(addresses.begin(), addresses.end(),
                          [](const SocketAddress& address) { return !address.is_v6; });
    return addresses;
}

}  // namespace rmq
