// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/bytes.h"
#include "remoting/protocol/frame.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

namespace rmq::testing {

// The frame of a header and a body as a client would send it.
inline std::string frame_of(std::string_view header, std::string_view body = {},
                            std::uint8_t type = 0) {
    std::string frame(8, '\0');
    store_be(frame.data(), static_cast<std::uint32_t>(4 + header.size() + body.size()));
    store_be(frame.data() + 4, static_cast<std::uint32_t>(header.size() | unsigned{type} << 24));
    return frame.append(header).append(body);
}

inline std::string request_frame(int code, int opaque, std::string_view body = {}, int flag = 0) {
    return frame_of(
        "{\"code\":" + std::to_string(code) + ",\"extFields\":{\"n\":" + std::to_string(opaque) +
            "},\"flag\":" + std::to_string(flag) +
            ",\"language\":\"CPP\",\"opaque\":" + std::to_string(opaque) + ",\"version\":333}\n",
        body);
}

// A blocking socket that speaks bytes, with a generous deadline on every read so that a broken
// server fails the test instead of hanging it.
class RawPeer {
public:
    struct Frame {
        std::string bytes;
        FrameDecoder decoder;
        RemotingCommand command;
    };

    explicit RawPeer(std::uint16_t port, const char* host = "127.0.0.1") : RawPeer() {
        connect(port, host);
    }
    // Not yet connected.
    RawPeer() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const timeval deadline{.tv_sec = 20, .tv_usec = 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
        const int one = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    ~RawPeer() { close(); }
    RawPeer(RawPeer&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    RawPeer(const RawPeer&) = delete;
    RawPeer& operator=(const RawPeer&) = delete;

    bool connect(std::uint16_t port, const char* host = "127.0.0.1") {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        ::inet_pton(AF_INET, host, &address.sin_addr);
        return ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }
    void close() {
        if (fd_ >= 0) {
            ::close(std::exchange(fd_, -1));
        }
    }
    int fd() const { return fd_; }

    // False when the server closed.
    bool send(std::string_view bytes) const {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) {
                return false;
            }
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }

    // The next frame, or nothing when the server closed or the deadline passed.
    std::optional<std::string> receive_bytes() const {
        std::string head(4, '\0');
        if (!receive_into(head)) {
            return std::nullopt;
        }
        std::string rest(load_be<std::uint32_t>(head.data()), '\0');
        if (!receive_into(rest)) {
            return std::nullopt;
        }
        return head + rest;
    }
    // The same, decoded; `frame` owns what its command points into.
    bool receive(Frame& frame) const {
        auto bytes = receive_bytes();
        if (!bytes) {
            return false;
        }
        frame.bytes = std::move(*bytes);
        return bool{frame.decoder.decode(frame.bytes, frame.command)};
    }

    // True when the server closes (or has reset) the connection before the deadline.
    bool is_closed_by_server() const {
        char buffer[4096];
        ssize_t received = 0;
        do {
            received = ::recv(fd_, buffer, sizeof buffer, 0);
        } while (received > 0);
        return received == 0 || errno == ECONNRESET;
    }

private:
    bool receive_into(std::string& out) const {
        std::size_t at = 0;
        while (at < out.size()) {
            const ssize_t received = ::recv(fd_, out.data() + at, out.size() - at, 0);
            if (received <= 0) {
                return false;
            }
            at += static_cast<std::size_t>(received);
        }
        return true;
    }

    int fd_;
};

}  // namespace rmq::testing
