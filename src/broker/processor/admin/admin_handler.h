// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/admission/admission.h"
#include "common/config_value.h"
#include "common/result.h"
#include "remoting/protocol/header_codec.h"
#include "remoting/request_registry.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace rmq::broker {

// An administrative request answered in one go. An Error becomes SYSTEM_ERROR with its remark, as
// an exception in the original's processor does; answers with another code are Responses.
using AdminHandler = std::function<Result<Response>(const Request&)>;

// The same for one that answers later, through its Responder.
using RelayHandler = std::function<void(const Request&, Responder)>;

// A copy of a request that outlives its frame.
class OwnedRequest {
public:
    explicit OwnedRequest(const Request& request);
    OwnedRequest(const OwnedRequest&) = delete;
    OwnedRequest& operator=(const OwnedRequest&) = delete;

    // Valid as long as this object.
    Request view() const { return Request{command_, connection_}; }

private:
    RemotingCommand command_;
    std::shared_ptr<Connection> connection_;
    std::vector<std::pair<std::string, std::string>> ext_;
    std::string body_;
};

// Answers on the network thread: for what only looks something up in memory.
RequestHandler answer_inline(AdminHandler handler);

// Where slow requests wait for their turn, and for how long they may. Both outlive the registry.
struct AdminQueue {
    Admission& admission;
    const Live<std::int64_t>& max_wait_ms;  // waitTimeMillsInAdminBrokerQueue
};

// Answers on the blocking pool: for scans, files and locks. SYSTEM_BUSY when the queue is full, or
// the wait in it was too long.
RequestHandler answer_on(const AdminQueue& queue, AdminHandler handler);
RequestHandler relay_on(const AdminQueue& queue, RelayHandler handler);

// SUCCESS with a JSON (or other) body.
Response success_with(std::string body);

// SUCCESS with a header struct as extFields.
template <class Header>
Response success_with_header(const Header& header, std::string body = {}) {
    Response response(ResponseCode::SUCCESS);
    encode_header(header, response.ext);
    response.body = std::move(body);
    return response;
}

}  // namespace rmq::broker
