// SPDX-License-Identifier: Apache-2.0
#include "bench/wire.h"

#include "remoting/protocol/frame.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace rmq::bench {

namespace {

constexpr std::size_t kReadBytes = 1024U * 1024;
constexpr std::size_t kFrameMaxBytes = std::size_t{256} << 20;
constexpr timeval kConnectTimeout{5, 0};

Error closed(const std::string& why) {
    return {Errc::kConnectionClosed,
            "the server closed a connection" + why + "; see the server's log"};
}

// The descriptor of a connection to one of the addresses of a host, or why there is none.
Result<int> connect_to(const addrinfo& address, const std::string& name) {
    const int fd = ::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno_error("cannot make a connection; raise ulimit -n");
    }
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kConnectTimeout, sizeof kConnectTimeout);
    if (::connect(fd, address.ai_addr, address.ai_addrlen) != 0) {
        Error error = errno_error("cannot connect to " + name);
        ::close(fd);
        return Error{Errc::kUnavailable, error.remark + "; is a server running there?"};
    }
    const int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

}  // namespace

Result<std::unique_ptr<Wire>> Wire::connect(const std::string& address) {
    const auto colon = address.rfind(':');
    const Error malformed{Errc::kInvalidArgument,
                          address + " is no address; write host:port, as 127.0.0.1:10911"};
    if (colon == std::string::npos || colon == 0) {
        return malformed;
    }
    std::string host = address.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    }
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found) != 0) {
        return malformed;
    }
    Result<int> fd = malformed;
    for (const addrinfo* one = found; one != nullptr && !fd; one = one->ai_next) {
        fd = connect_to(*one, address);
    }
    ::freeaddrinfo(found);
    if (!fd) {
        return fd.error();
    }
    return std::make_unique<Wire>(*fd);
}

Status Wire::flush() {
    while (written_ < output_.size()) {
        const ssize_t sent =
            ::send(fd(), output_.data() + written_, output_.size() - written_, MSG_NOSIGNAL);
        if (sent < 0) {
            return errno == EAGAIN || errno == EINTR ? Status{} : Status{closed("")};
        }
        written_ += static_cast<std::size_t>(sent);
    }
    output_.clear();
    written_ = 0;
    return {};
}

Status Wire::receive(ReadScratch& scratch, const OnFrame& on_frame) {
    const std::size_t kept = partial_.size();
    if (scratch.size() < kept + kReadBytes) {
        scratch.resize(kept + kReadBytes);
    }
    std::copy_n(partial_.data(), kept, scratch.data());
    const ssize_t received = ::recv(fd(), scratch.data() + kept, kReadBytes, 0);
    if (received <= 0) {
        return received < 0 && (errno == EAGAIN || errno == EINTR) ? Status{} : Status{closed("")};
    }
    std::string_view input(scratch.data(), kept + static_cast<std::size_t>(received));
    while (true) {
        RMQ_TRY(const FrameBounds bounds, cut_frame(input, kFrameMaxBytes));
        if (bounds.frame_bytes == 0 || bounds.frame_bytes > input.size()) {
            break;
        }
        on_frame(input.substr(0, bounds.frame_bytes));
        input.remove_prefix(bounds.frame_bytes);
    }
    partial_ = input;
    return {};
}

}  // namespace rmq::bench
