// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/testing/raw_peer.h"

#include <cstdint>
#include <string>

#include <sys/socket.h>

namespace rmq::testing {

// Everything that the peer says until it closes.
inline std::string rest_of(const RawPeer& peer) {
    std::string all;
    char chunk[4096];
    for (ssize_t n = 0; (n = ::recv(peer.fd(), chunk, sizeof chunk, 0)) > 0;) {
        all.append(chunk, static_cast<std::size_t>(n));
    }
    return all;
}

// The whole answer to a request line such as "GET /metrics", with `more` headers.
inline std::string ask_http(std::uint16_t port, const std::string& request_line,
                            const std::string& more = {}) {
    const RawPeer peer(port);
    peer.send(request_line + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + more + "\r\n");
    return rest_of(peer);
}

}  // namespace rmq::testing
