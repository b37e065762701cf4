// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/protocol/request_code.h"
#include "remoting/responder.h"

#include <cstdint>
#include <functional>
#include <unordered_map>

namespace rmq {

// Runs on the connection's io thread and must not block; slow work moves the Responder elsewhere.
using RequestHandler = std::function<void(const Request&, Responder)>;

// The set of requests a server supports. Filled before the server listens, then read-only, hence
// safe to read from all io threads.
class RequestRegistry {
public:
    // Precondition: the code has no handler yet (asserted).
    void add(RequestCode code, RequestHandler handler);
    // Tells `observer` of every answer; null: nobody.
    void set_observer(AnswerObserver* observer) { observer_ = observer; }

    // Calls the handler, or answers REQUEST_CODE_NOT_SUPPORTED " request type <code> not
    // supported".
    void dispatch(const Request& request, Responder responder) const;

    bool has(RequestCode code) const;

private:
    std::unordered_map<std::int32_t, RequestHandler> handlers_;
    AnswerObserver* observer_ = nullptr;
};

}  // namespace rmq
