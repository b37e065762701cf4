// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/lock_batch_mq.h"

#include "broker/lock/rebalance_lock_manager.h"
#include "broker/response_mapping.h"
#include "remoting/protocol/body/lock_batch.h"

namespace rmq::broker {

void LockBatchMqProcessor::lock_batch_mq(const Request& request, Responder responder) {
    const auto body = parse_lock_batch_request(request.body());
    if (!body) {
        responder.send(error_response(body.error()));
        return;
    }
    Response response;
    response.body = encode_lock_batch_response(
        locks_.try_lock_batch(body->consumer_group, body->queues, body->client_id));
    responder.send(std::move(response));
}

void LockBatchMqProcessor::unlock_batch_mq(const Request& request, Responder responder) {
    const auto body = parse_lock_batch_request(request.body());
    if (!body) {
        responder.send(error_response(body.error()));
        return;
    }
    locks_.unlock_batch(body->consumer_group, body->queues, body->client_id);
    responder.send(Response());
}

}  // namespace rmq::broker
