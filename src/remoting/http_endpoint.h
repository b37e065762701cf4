// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace rmq {

struct HttpEndpointOptions {
    std::string host = "127.0.0.1";  // an address or a name
    std::uint16_t port = 0;          // 0: any free one, see HttpEndpoint::port()
    // All bounds against clients that are many, slow or big; what goes beyond is closed or refused.
    unsigned connections_max = 32;
    unsigned connections_per_address_max = 16;
    unsigned silence_seconds = 10;               // without a byte read or written
    std::size_t connection_bytes = 32UL * 1024;  // request line and headers
};

struct HttpAnswer {
    unsigned status = 200;
    std::string content_type;
    std::string body;
};

// Answers HTTP/1.1 GET and HEAD requests on one thread of its own: for machines that look at this
// program, not for bulk data. Other methods are refused with 405, and bodies are not read.
// Thread safety: listen(), start() and stop() from one thread; the handler runs on the endpoint's,
// one request after another, and may block; then other requests wait.
// Lifecycle: construct, listen(), start(), stop().
class HttpEndpoint {
public:
    // `path` is without its query.
    using Handler = std::function<HttpAnswer(std::string_view path)>;

    HttpEndpoint(HttpEndpointOptions options, Handler handler);
    ~HttpEndpoint();
    HttpEndpoint(const HttpEndpoint&) = delete;
    HttpEndpoint& operator=(const HttpEndpoint&) = delete;

    // Binds and listens; answers from start() on. Errors: kAlreadyExists when the port is taken,
    // kPermissionDenied, kNotFound for an unknown name, kInvalidArgument for an address that is not
    // this machine's; the remark names the address.
    Status listen();
    // After listen(). Errors: kResourceExhausted when there can be no thread.
    Status start();
    // Waits for the handler and closes all connections. Idempotent.
    void stop();

    std::uint16_t port() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace rmq
