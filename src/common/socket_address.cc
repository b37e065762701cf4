// SPDX-License-Identifier: Apache-2.0
#include "common/socket_address.h"

#include <arpa/inet.h>

#include <charconv>

namespace rmq {

std::string SocketAddress::host() const {
    char text[INET6_ADDRSTRLEN] = {};
    inet_ntop(is_v6 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof text);
    return text;
}

std::string SocketAddress::to_string() const {
    const std::string port_text = std::to_string(port);
    return is_v6 ? "[" + host() + "]:" + port_text : host() + ":" + port_text;
}

Result<SocketAddress> make_socket_address(std::string_view host, std::int32_t port) {
    SocketAddress address;
    address.port = port;
    const std::string text(host);
    if (inet_pton(AF_INET, text.c_str(), address.bytes.data()) == 1) {
        return address;
    }
    if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) == 1) {
        address.is_v6 = true;
        return address;
    }
    return Error{Errc::kInvalidArgument, "not an IP address: \"" + text + "\""};
}

Result<SocketAddress> parse_socket_address(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return Error{Errc::kInvalidArgument, "no port in address \"" + std::string(text) + "\""};
    }
    std::string_view host = text.substr(0, colon);
    const std::string_view port_text = text.substr(colon + 1);
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    int port = -1;
    const auto [end, status] =
        std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
    if (status != std::errc{} || end != port_text.data() + port_text.size() || port < 0 ||
        port > 65535) {
        return Error{Errc::kInvalidArgument, "bad port in address \"" + std::string(text) + "\""};
    }
    return make_socket_address(host, port);
}

}  // namespace rmq
