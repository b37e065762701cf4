// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/offsets.h"
#include "common/socket_address.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace rmq::store {

// One message to append. The views are copied before put_message returns. sys_flag without the
// IPv6 bits, which follow from the hosts.
struct MessageToPut {
    std::string_view topic;
    std::int32_t queue_id = 0;
    std::int32_t flag = 0;
    std::int32_t sys_flag = 0;
    std::int64_t born_timestamp = 0;
    SocketAddress born_host;
    SocketAddress store_host;
    std::int32_t reconsume_times = 0;
    std::int64_t prepared_transaction_offset = 0;
    std::string_view body;
    std::string_view properties;  // encoded, complete
};

// Source: PutMessageStatus (5.5.0), the subset a store can give, and what the broker's own checks
// in front of it give.
enum class PutMessageStatus {
    PUT_OK,
    FLUSH_DISK_TIMEOUT,     // stored, not confirmed on disk in time
    SERVICE_NOT_AVAILABLE,  // shut down, read-only, failed or full disk
    CREATE_MAPPED_FILE_FAILED,
    MESSAGE_ILLEGAL,  // too large, topic too long
    PROPERTIES_SIZE_EXCEEDED,
    OS_PAGE_CACHE_BUSY,
    WHEEL_TIMER_MSG_ILLEGAL,   // beyond timerMaxDelaySec, malformed, or a late delete marker
    WHEEL_TIMER_FLOW_CONTROL,  // too many messages in this timer slot
    WHEEL_TIMER_NOT_ENABLE,
    LMQ_CONSUME_QUEUE_NUM_EXCEEDED,  // enableLmqQuota: it would make one light queue too many
    UNKNOWN_ERROR,
};
const char* put_message_status_name(PutMessageStatus status);

struct PutMessageResult {
    PutMessageStatus status = PutMessageStatus::PUT_OK;
    PhysicalOffset physical_offset;  // of the (first) record
    QueueOffset queue_offset;        // of the (first) record
    PhysicalOffset end;              // position behind the last record; what a flush must reach
    std::int64_t store_timestamp = 0;
    std::int32_t message_count = 1;
    std::string_view remark;  // why, when the status is a refusal; static text
};

}  // namespace rmq::store
