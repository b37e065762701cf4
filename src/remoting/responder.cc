// SPDX-License-Identifier: Apache-2.0
#include "remoting/responder.h"

#include "common/clock.h"
#include "common/log.h"

namespace rmq {

namespace {

void log_dropped(const Connection& connection, std::int32_t opaque) {
    static LogLimiter limiter;
    if (const auto admission = limiter.admit(SystemClock().monotonic_ms()); admission.admitted) {
        log_of("remoting")
            .error("request_dropped connection={} peer={} opaque={} suppressed={}", connection.id(),
                   connection.peer().to_string(), opaque, admission.suppressed);
    }
}

}  // namespace

Responder::~Responder() {
    if (connection_ != nullptr && !oneway_) {
        log_dropped(*connection_, opaque_);
        send(ResponseCode::SYSTEM_ERROR, "request dropped");
    }
}

Responder& Responder::operator=(Responder&& other) noexcept {
    if (this != &other) {
        const Responder replaced(std::move(*this));
        connection_ = std::move(other.connection_);
        opaque_ = other.opaque_;
        oneway_ = other.oneway_;
    }
    return *this;
}

void Responder::send(Response response) {
    if (connection_ != nullptr) {
        const std::shared_ptr<Connection> connection = std::move(connection_);
        if (!oneway_) {
            connection->send_response(std::move(response), opaque_);
        }
    }
}

void Responder::leave_unanswered() {
    if (connection_ != nullptr) {
        const std::shared_ptr<Connection> connection = std::move(connection_);
        if (!oneway_) {
            connection->forgo_response();
        }
    }
}

}  // namespace rmq
