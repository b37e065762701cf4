// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"
#include "remoting/protocol/body/message_queue.h"

#include <string>
#include <string_view>
#include <vector>

namespace rmq {

// Body of LOCK_BATCH_MQ (41) and UNLOCK_BATCH_MQ (42).
// Source: LockBatchRequestBody, UnlockBatchRequestBody.
struct LockBatchRequestBody {
    std::string consumer_group;
    std::string client_id;
    bool only_this_broker = false;
    std::vector<MessageQueue> queues;
};

// Errors: kMalformed. A missing mqSet is empty.
Result<LockBatchRequestBody> parse_lock_batch_request(std::string_view body);
std::string encode_lock_batch_request(const LockBatchRequestBody& request);

// {"lockOKMQSet":[…]}. Source: LockBatchResponseBody.
std::string encode_lock_batch_response(const std::vector<MessageQueue>& locked);
// Errors: kMalformed. A missing lockOKMQSet is empty.
Result<std::vector<MessageQueue>> parse_lock_batch_response(std::string_view body);

}  // namespace rmq
