// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/lite/lite_subscription_ctl.h"

#include "broker/lite/lite_metadata.h"
#include "broker/response_mapping.h"
#include "broker/topic/topic_validator.h"
#include "common/lite_topic.h"

#include <utility>

namespace rmq::broker {

namespace {

using Action = LiteSubscriptionChange::Action;

// With the names of the original's exceptions, which it sends.
Response refusal_of(const Error& error) {
    switch (error.code) {
        case Errc::kResourceExhausted:
            return Response(ResponseCode::LITE_SUBSCRIPTION_QUOTA_EXCEEDED,
                            "org.apache.rocketmq.broker.lite.LiteQuotaException: " + error.remark);
        case Errc::kUnsupported:
            return Response(ResponseCode::ILLEGAL_OPERATION,
                            "java.lang.IllegalStateException: " + error.remark);
        case Errc::kInvalidArgument:
        case Errc::kMalformed:
        case Errc::kNotFound:
        case Errc::kAlreadyExists:
        case Errc::kTooLarge:
        case Errc::kPermissionDenied:
        case Errc::kUnavailable:
        case Errc::kTimeout:
        case Errc::kConnectionClosed:
        case Errc::kIo:
        case Errc::kBusy:
            break;
    }
    return Response(ResponseCode::SYSTEM_ERROR, error.remark);
}

LiteSubscriptionRegistry::Change by_queues(const LiteSubscriptionChange& change) {
    LiteSubscriptionRegistry::Change wish;
    wish.client = {change.client_id, change.group};
    wish.topic = change.topic;
    for (const auto& name : change.lite_topics) {
        if (auto queue = lite_queue_name(change.topic, name)) {
            wish.queues.push_back(std::move(*queue));
        }
    }
    wish.offset_option = change.offset_option;
    return wish;
}

}  // namespace

void LiteSubscriptionCtlProcessor::process(const Request& request, Responder responder) {
    if (request.body().empty()) {
        responder.send(ResponseCode::ILLEGAL_OPERATION, "Request body is null.");
        return;
    }
    const auto changes = parse_lite_subscription_ctl(request.body());
    if (!changes) {
        responder.send(error_response(changes.error()));
    } else if (changes->empty()) {
        responder.send(ResponseCode::ILLEGAL_OPERATION, "LiteSubscriptionCtlRequestBody is empty.");
    } else {
        responder.send(apply(*changes, request.connection));
    }
}

Response LiteSubscriptionCtlProcessor::apply(const std::vector<LiteSubscriptionChange>& changes,
                                             const std::shared_ptr<Connection>& connection) {
    for (const auto& change : changes) {
        if (is_blank(change.client_id) || is_blank(change.group) || is_blank(change.topic)) {
            continue;
        }
        if (const auto status = apply(change, connection); !status) {
            return refusal_of(status.error());
        }
    }
    return Response(ResponseCode::SUCCESS);
}

Status LiteSubscriptionCtlProcessor::apply(const LiteSubscriptionChange& change,
                                           const std::shared_ptr<Connection>& connection) {
    if (!change.action) {
        return Error{Errc::kInvalidArgument, "the action of a subscription is missing"};
    }
    const bool adds =
        *change.action == Action::kPartialAdd || *change.action == Action::kCompleteAdd;
    if (adds) {
        if (!metadata_.may_consume(change.group)) {
            return Error{Errc::kUnsupported, "Consumer group is not allowed to consume."};
        }
        registry_.set_connection(change.client_id, connection);
    }
    const auto wish = by_queues(change);
    switch (*change.action) {
        case Action::kPartialAdd:
            return registry_.add(wish);
        case Action::kPartialRemove:
            registry_.remove(wish);
            break;
        case Action::kCompleteAdd:
            registry_.replace(wish);
            break;
        case Action::kCompleteRemove:
            registry_.remove_client(change.client_id);
            break;
    }
    return {};
}

}  // namespace rmq::broker
