// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/protocol/body/message_queue.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::broker {

// What one member of a group gets of a topic's queues. Both lists are sorted, as clients and
// brokers all must see them in one order.
struct AllocationRequest {
    std::string_view strategy;   // AVG or AVG_BY_CIRCLE
    std::string_view client_id;  // of the member that asks
    const std::vector<MessageQueue>& queues;
    const std::vector<std::string>& client_ids;
};

// Nothing when it cannot be told (unknown strategy, no queues, no members, no client id): the
// client then keeps what it has. Empty when the client is not a member.
// Source: AllocateMessageQueueAveragely, AllocateMessageQueueAveragelyByCircle.
std::optional<std::vector<MessageQueue>> allocate_queues(const AllocationRequest& request);

// The same for pop. A share of 0 or less, or of all others, gives every member the whole of each
// broker (queue -1); otherwise a member shares its queues with that many members behind it.
// Source: QueryAssignmentProcessor.allocate4Pop.
std::optional<std::vector<MessageQueue>> allocate_queues_for_pop(const AllocationRequest& request,
                                                                 std::int32_t share_queue_num);

}  // namespace rmq::broker
