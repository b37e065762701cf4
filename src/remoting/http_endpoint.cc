// SPDX-License-Identifier: Apache-2.0
#include "remoting/http_endpoint.h"

#include "common/socket_address.h"
#include "remoting/socket_ops.h"

#include <utility>

#include <microhttpd.h>
#include <unistd.h>

namespace rmq {

struct HttpEndpoint::Impl {
    HttpEndpointOptions options;
    Handler handler;
    int listen_fd = -1;  // the daemon's once that runs
    std::uint16_t port = 0;
    MHD_Daemon* daemon = nullptr;

    MHD_Result answer(MHD_Connection* connection, const char* url, std::string_view method);
};

namespace {

// The body lives until the last byte is sent, possibly after the handler's next answer.
MHD_Result send(MHD_Connection* connection, HttpAnswer answer) {
    auto owned = std::make_unique<std::string>(std::move(answer.body));
    auto* const body = owned.get();
    MHD_Response* const response = MHD_create_response_from_buffer_with_free_callback_cls(
        body->size(), body->data(), [](void* text) { delete static_cast<std::string*>(text); },
        body);
    if (response == nullptr) {
        return MHD_NO;
    }
    owned.release();  // NOLINT(bugprone-unused-return-value): the response's now
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.content_type.c_str());
    const auto queued = MHD_queue_response(connection, answer.status, response);
    MHD_destroy_response(response);
    return queued;
}

}  // namespace

MHD_Result HttpEndpoint::Impl::answer(MHD_Connection* connection, const char* url,
                                      std::string_view method) {
    if (method != MHD_HTTP_METHOD_GET && method != MHD_HTTP_METHOD_HEAD) {
        return send(connection, {MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", "GET only\n"});
    }
    return send(connection, handler(url));
}

HttpEndpoint::HttpEndpoint(HttpEndpointOptions options, Handler handler)
    : impl_(std::make_unique<Impl>()) {
    impl_->options = std::move(options);
    impl_->handler = std::move(handler);
}

HttpEndpoint::~HttpEndpoint() {
    stop();
}

Status HttpEndpoint::listen() {
    RMQ_TRY(const auto addresses, resolve(impl_->options.host, impl_->options.port));
    RMQ_TRY(impl_->listen_fd, listen_on(addresses.front()));
    impl_->port = static_cast<std::uint16_t>(local_address(impl_->listen_fd).port);
    return {};
}

Status HttpEndpoint::start() {
    const auto& options = impl_->options;
    // Called once its headers are there; a body that follows is not read, and ends the connection.
    const auto serve = [](void* impl, MHD_Connection* connection, const char* url,
                          const char* method, const char*, const char*, std::size_t*,
                          void**) -> MHD_Result {
        return static_cast<Impl*>(impl)->answer(connection, url, method);
    };
    impl_->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL, 0, nullptr, nullptr, serve, impl_.get(),
        MHD_OPTION_LISTEN_SOCKET, impl_->listen_fd,  //
        MHD_OPTION_CONNECTION_LIMIT, options.connections_max, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        options.connections_per_address_max, MHD_OPTION_CONNECTION_TIMEOUT, options.silence_seconds,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, options.connection_bytes, MHD_OPTION_END);
    if (impl_->daemon == nullptr) {
        return Error{Errc::kResourceExhausted,
                     "no thread for the HTTP endpoint of port " + std::to_string(impl_->port)};
    }
    impl_->listen_fd = -1;
    return {};
}

void HttpEndpoint::stop() {
    if (impl_->daemon != nullptr) {
        MHD_stop_daemon(std::exchange(impl_->daemon, nullptr));
    }
    if (impl_->listen_fd >= 0) {
        ::close(std::exchange(impl_->listen_fd, -1));
    }
}

std::uint16_t HttpEndpoint::port() const {
    return impl_->port;
}

}  // namespace rmq
