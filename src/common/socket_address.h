// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace rmq {

// An IPv4 or IPv6 address with a port, as message records store it. A value.
struct SocketAddress {
    std::array<std::uint8_t, 16> bytes{};  // the first 4 count for IPv4, network order
    bool is_v6 = false;
    std::int32_t port = 0;

    std::string_view address_bytes() const {
        return {reinterpret_cast<const char*>(bytes.data()), is_v6 ? 16U : 4U};
    }
    // "10.0.0.1:10911" or "[::1]:10911".
    std::string to_string() const;
    // The address without the port: "10.0.0.1" or "::1".
    std::string host() const;

    friend auto operator<=>(const SocketAddress&, const SocketAddress&) = default;
};

// Parses "a.b.c.d:port", "[v6]:port" or "v6:port" (last colon). Host names are not resolved.
// Errors: kInvalidArgument.
Result<SocketAddress> parse_socket_address(std::string_view text);

// Parses a bare address and adds `port`. Errors: kInvalidArgument.
Result<SocketAddress> make_socket_address(std::string_view host, std::int32_t port);

}  // namespace rmq
