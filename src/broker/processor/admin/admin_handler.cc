// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/admin/admin_handler.h"

#include "common/log.h"

namespace rmq::broker {

namespace {

Response respond(const AdminHandler& handler, const Request& request) {
    auto result = handler(request);
    if (result) {
        return std::move(*result);
    }
    log_of("broker").warn("admin_request_failed code={} peer={} cause=\"{}\"", request.command.code,
                          request.connection->peer().to_string(), result.error().remark);
    return Response(ResponseCode::SYSTEM_ERROR, result.error().remark);
}

}  // namespace

OwnedRequest::OwnedRequest(const Request& request)
    : connection_(request.connection), body_(request.command.body) {
    ext_.reserve(request.command.ext.size());
    for (const auto& field : request.command.ext) {
        ext_.emplace_back(field.key, field.value);
    }
    command_.code = request.command.code;
    command_.language = request.command.language;
    command_.version = request.command.version;
    command_.opaque = request.command.opaque;
    command_.flag = request.command.flag;
    command_.serialize_type = request.command.serialize_type;
    command_.has_ext = request.command.has_ext;
    command_.body = body_;
    for (const auto& [key, value] : ext_) {
        command_.ext.add(key, value);
    }
}

RequestHandler answer_inline(AdminHandler handler) {
    return [handler = std::move(handler)](const Request& request, Responder responder) {
        responder.send(respond(handler, request));
    };
}

RequestHandler answer_on(const AdminQueue& queue, AdminHandler handler) {
    return relay_on(queue,
                    [handler = std::move(handler)](const Request& request, Responder responder) {
                        responder.send(respond(handler, request));
                    });
}

RequestHandler relay_on(const AdminQueue& queue, RelayHandler handler) {
    return [queue, handler = std::move(handler)](const Request& request, Responder responder) {
        auto work = [handler, owned = std::make_unique<const OwnedRequest>(request)](
                        Responder late) { handler(owned->view(), std::move(late)); };
        queue.admission.run_blocking(std::move(responder), queue.max_wait_ms, std::move(work));
    };
}

Response success_with(std::string body) {
    Response response(ResponseCode::SUCCESS);
    response.body = std::move(body);
    return response;
}

}  // namespace rmq::broker
