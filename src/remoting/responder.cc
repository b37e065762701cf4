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
        suspended_ = other.suspended_;
        request_code_ = other.request_code_;
        begin_ms_ = other.begin_ms_;
        observer_ = other.observer_;
    }
    return *this;
}

void Responder::send(Response response) {
    if (connection_ != nullptr) {
        const std::shared_ptr<Connection> connection = std::move(connection_);
        const auto code = response.code;
        if (!oneway_) {
            connection->send_response(std::move(response), opaque_);
        }
        if (observer_ != nullptr) {
            observer_->on_answer({.request_code = request_code_,
                                  .code = code,
                                  .elapsed_ms = SystemClock().monotonic_ms() - begin_ms_,
                                  .is_suspended = suspended_,
                                  .is_oneway = oneway_});
        }
    }
}

void Responder::observe(AnswerObserver& observer, std::int32_t request_code) {
    observer_ = &observer;
    request_code_ = request_code;
    begin_ms_ = SystemClock().monotonic_ms();
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
