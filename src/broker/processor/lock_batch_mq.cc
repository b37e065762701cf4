// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/lock_batch_mq.h"

#include "broker/broker_config.h"
#include "broker/lock/rebalance_lock_manager.h"
#include "broker/lock/replica_locks.h"
#include "broker/response_mapping.h"
#include "remoting/protocol/body/lock_batch.h"
#include "store/message_store_config.h"

#include <utility>
#include <vector>

namespace rmq::broker {
namespace {

void answer(Responder& responder, const std::vector<MessageQueue>& won) {
    Response response;
    response.body = encode_lock_batch_response(won);
    responder.send(std::move(response));
}

}  // namespace

std::int32_t LockBatchMqProcessor::quorum_of(const LockBatchRequestBody& request) const {
    return config_.lock_in_strict_mode && !request.only_this_broker
               ? store_config_.total_replicas / 2 + 1
               : 1;
}

void LockBatchMqProcessor::lock_batch_mq(const Request& request, Responder responder) {
    auto body = parse_lock_batch_request(request.body());
    if (!body) {
        responder.send(error_response(body.error()));
        return;
    }
    body->queues = locks_.try_lock_batch(body->consumer_group, body->queues, body->client_id);
    const auto quorum = quorum_of(*body);
    if (quorum <= 1) {
        answer(responder, body->queues);
        return;
    }
    replicas_.lock(std::move(*body), quorum,
                   [late = std::move(responder)](const std::vector<MessageQueue>& won) mutable {
                       answer(late, won);
                   });
}

void LockBatchMqProcessor::unlock_batch_mq(const Request& request, Responder responder) {
    auto body = parse_lock_batch_request(request.body());
    if (!body) {
        responder.send(error_response(body.error()));
        return;
    }
    locks_.unlock_batch(body->consumer_group, body->queues, body->client_id);
    if (quorum_of(*body) > 1) {
        replicas_.unlock(std::move(*body));
    }
    responder.send(Response());
}

}  // namespace rmq::broker
