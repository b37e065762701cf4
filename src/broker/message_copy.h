// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/message/message_record.h"
#include "store/put_message.h"

#include <cstdint>

namespace rmq::broker {

// `record` to be stored once more: body, flags, birth, hosts, retries, topic, queue and properties
// stay, the IPv6 bits follow from the hosts again. The views are the record's; a caller replaces
// what differs. Source: what the original's services have in common that put a message again.
store::MessageToPut message_copy(const MessageRecord& record);

// A queue for messages that leave the choice to the broker. Precondition: queues > 0.
// Thread safety: any thread.
std::int32_t random_queue(std::int32_t queues);

}  // namespace rmq::broker
