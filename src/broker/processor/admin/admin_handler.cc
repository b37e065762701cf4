// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/admin/admin_handler.h"

#include "common/log.h"

namespace rmq::broker {

namespace {

constexpr const char* kOverload = "[OVERLOAD]system busy, start flow control for a while";

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

RequestHandler answer_on(BlockingPool& pool, AdminHandler handler) {
    return relay_on(pool,
                    [handler = std::move(handler)](const Request& request, Responder responder) {
                        responder.send(respond(handler, request));
                    });
}

RequestHandler relay_on(BlockingPool& pool, RelayHandler handler) {
    return [&pool, handler = std::move(handler)](const Request& request, Responder responder) {
        // Shared, so that the duty to answer is still ours when the pool refuses.
        auto duty = std::make_shared<Responder>(std::move(responder));
        auto owned = std::make_shared<const OwnedRequest>(request);
        UniqueFunction<void()> work(
            [handler, owned, duty] { handler(owned->view(), std::move(*duty)); });
        if (!pool.post(work)) {
            duty->send(ResponseCode::SYSTEM_BUSY, kOverload);
        }
    };
}

Response success_with(std::string body) {
    Response response(ResponseCode::SUCCESS);
    response.body = std::move(body);
    return response;
}

}  // namespace rmq::broker
