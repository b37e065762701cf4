// SPDX-License-Identifier: Apache-2.0
#include "remoting/request_registry.h"

#include "common/assert.h"

namespace rmq {

void RequestRegistry::add(RequestCode code, RequestHandler handler) {
    const bool added =
        handlers_.emplace(static_cast<std::int32_t>(code), std::move(handler)).second;
    RMQ_ASSERT(added, "each request has one handler");
}

void RequestRegistry::dispatch(const Request& request, Responder responder) const {
    if (observer_ != nullptr) {
        responder.observe(*observer_, request.command.code);
    }
    const auto found = handlers_.find(request.command.code);
    if (found != handlers_.end()) {
        found->second(request, std::move(responder));
        return;
    }
    // Source: NettyRemotingAbstract.processRequestCommand; the leading blank is the original's.
    responder.send(ResponseCode::REQUEST_CODE_NOT_SUPPORTED,
                   " request type " + std::to_string(request.command.code) + " not supported");
}

bool RequestRegistry::has(RequestCode code) const {
    return handlers_.contains(static_cast<std::int32_t>(code));
}

}  // namespace rmq
