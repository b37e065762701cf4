// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/error.h"
#include "remoting/protocol/response.h"
#include "store/get_message.h"
#include "store/put_message.h"

#include <cstdint>
#include <string>

namespace rmq::broker {

// Where outcomes of the store and failures of ours become codes and words of the protocol.

// A failure without a code of its own in the protocol.
ResponseCode response_code_of(Errc code);
Response error_response(const Error& error);

// What a send answers. Source: SendMessageProcessor.handlePutMessageResult.
ResponseCode response_code_of(store::PutMessageStatus status);
// Stored, fully or degraded: the answer carries msgId, queueId and queueOffset.
bool is_stored(store::PutMessageStatus status);
struct PutRemarkFacts {
    std::int32_t max_message_size = 0;  // maxMessageSize
    double commit_log_disk_ratio = 0;   // 0…1
    double consume_queue_disk_ratio = 0;
    std::int64_t timer_max_delay_sec = 0;          // timerMaxDelaySec
    std::int64_t timer_congest_num_each_slot = 0;  // timerCongestNumEachSlot
};
// Why it was not stored; empty when it was.
std::string remark_of(store::PutMessageStatus status, const PutRemarkFacts& facts);

// What a pull from `requested` answers on a master.
// Source: PullMessageProcessor.composeResponseHeader.
ResponseCode pull_response_code(store::GetMessageStatus status, std::int64_t requested_offset);

// "2026-01-31 23:59:59,007" in the broker's time zone. Source: UtilAll.timeMillisToHumanString2.
std::string human_time(std::int64_t ms);

}  // namespace rmq::broker
