// SPDX-License-Identifier: Apache-2.0
#include "broker/response_mapping.h"

#include <fmt/core.h>

#include <algorithm>
#include <ctime>
#include <string_view>

namespace rmq::broker {

using store::GetMessageStatus;
using store::PutMessageStatus;

ResponseCode response_code_of(Errc code) {
    switch (code) {
        case Errc::kInvalidArgument:
        case Errc::kMalformed:
        case Errc::kNotFound:
        case Errc::kAlreadyExists:
        case Errc::kUnsupported:
        case Errc::kTooLarge:
        case Errc::kPermissionDenied:
        case Errc::kTimeout:
        case Errc::kConnectionClosed:
        case Errc::kIo:
            return ResponseCode::SYSTEM_ERROR;
        case Errc::kResourceExhausted:
        case Errc::kBusy:
            return ResponseCode::SYSTEM_BUSY;
        case Errc::kUnavailable:
            return ResponseCode::SERVICE_NOT_AVAILABLE;
    }
    return ResponseCode::SYSTEM_ERROR;
}

Response error_response(const Error& error) {
    return Response(response_code_of(error.code), error.remark);
}

ResponseCode response_code_of(PutMessageStatus status) {
    switch (status) {
        case PutMessageStatus::PUT_OK:
            return ResponseCode::SUCCESS;
        case PutMessageStatus::FLUSH_DISK_TIMEOUT:
            return ResponseCode::FLUSH_DISK_TIMEOUT;
        case PutMessageStatus::SERVICE_NOT_AVAILABLE:
            return ResponseCode::SERVICE_NOT_AVAILABLE;
        case PutMessageStatus::MESSAGE_ILLEGAL:
        case PutMessageStatus::PROPERTIES_SIZE_EXCEEDED:
        case PutMessageStatus::WHEEL_TIMER_MSG_ILLEGAL:
            return ResponseCode::MESSAGE_ILLEGAL;
        case PutMessageStatus::OS_PAGE_CACHE_BUSY:
            return ResponseCode::SYSTEM_BUSY;
        case PutMessageStatus::LMQ_CONSUME_QUEUE_NUM_EXCEEDED:
            return ResponseCode::LMQ_QUOTA_EXCEEDED;
        case PutMessageStatus::CREATE_MAPPED_FILE_FAILED:
        case PutMessageStatus::WHEEL_TIMER_FLOW_CONTROL:
        case PutMessageStatus::WHEEL_TIMER_NOT_ENABLE:
        case PutMessageStatus::UNKNOWN_ERROR:
            return ResponseCode::SYSTEM_ERROR;
    }
    return ResponseCode::SYSTEM_ERROR;
}

bool is_stored(PutMessageStatus status) {
    return status == PutMessageStatus::PUT_OK || status == PutMessageStatus::FLUSH_DISK_TIMEOUT;
}

std::string remark_of(PutMessageStatus status, const PutRemarkFacts& facts) {
    switch (status) {
        case PutMessageStatus::PUT_OK:
        case PutMessageStatus::FLUSH_DISK_TIMEOUT:
            return {};
        case PutMessageStatus::CREATE_MAPPED_FILE_FAILED:
            return "create mapped file failed, server is busy or broken.";
        case PutMessageStatus::MESSAGE_ILLEGAL:
        case PutMessageStatus::PROPERTIES_SIZE_EXCEEDED:
            return fmt::format(
                "the message is illegal, maybe msg body or properties length not matched. msg body "
                "length limit {}B, msg properties length limit 32KB.",
                facts.max_message_size);
        case PutMessageStatus::SERVICE_NOT_AVAILABLE:
            // The index lies on the disk of the queues.
            return fmt::format(
                "service not available now. It may be caused by one of the following reasons: the "
                "broker's disk is full [CL: {:5.2f} CQ: {:5.2f} INDEX: {:5.2f}], messages are put "
                "to the slave, message store has been shut down, etc.",
                facts.commit_log_disk_ratio, facts.consume_queue_disk_ratio,
                facts.consume_queue_disk_ratio);
        case PutMessageStatus::OS_PAGE_CACHE_BUSY:
            return "[PC_SYNCHRONIZED]broker busy, start flow control for a while";
        case PutMessageStatus::WHEEL_TIMER_MSG_ILLEGAL:
            return fmt::format(
                "timer message illegal, the delay time should not be bigger than the max delay "
                "{}ms; or if set del msg, the delay time should be bigger than the current time",
                facts.timer_max_delay_sec * 1000);
        case PutMessageStatus::WHEEL_TIMER_FLOW_CONTROL:
            return fmt::format(
                "timer message is under flow control, max num limit is {0} or the current value is "
                "greater than {1} and less than {0}, trigger random flow control",
                facts.timer_congest_num_each_slot * 2, facts.timer_congest_num_each_slot);
        case PutMessageStatus::WHEEL_TIMER_NOT_ENABLE:
            return "accurate timer message is not enabled, timerWheelEnable is false";
        case PutMessageStatus::LMQ_CONSUME_QUEUE_NUM_EXCEEDED:
            return "[LMQ_CONSUME_QUEUE_NUM_EXCEEDED]lmq consume queue num exceeded.";
        case PutMessageStatus::UNKNOWN_ERROR:
            return "UNKNOWN_ERROR";
    }
    return "UNKNOWN_ERROR DEFAULT";
}

ResponseCode pull_response_code(GetMessageStatus status, std::int64_t requested_offset) {
    switch (status) {
        case GetMessageStatus::FOUND:
            return ResponseCode::SUCCESS;
        case GetMessageStatus::MESSAGE_WAS_REMOVING:
        case GetMessageStatus::NO_MATCHED_MESSAGE:
            return ResponseCode::PULL_RETRY_IMMEDIATELY;
        case GetMessageStatus::NO_MATCHED_LOGIC_QUEUE:
        case GetMessageStatus::NO_MESSAGE_IN_QUEUE:
            return requested_offset != 0 ? ResponseCode::PULL_OFFSET_MOVED
                                         : ResponseCode::PULL_NOT_FOUND;
        case GetMessageStatus::OFFSET_FOUND_NULL:
        case GetMessageStatus::OFFSET_OVERFLOW_ONE:
            return ResponseCode::PULL_NOT_FOUND;
        case GetMessageStatus::OFFSET_OVERFLOW_BADLY:
        case GetMessageStatus::OFFSET_TOO_SMALL:
        case GetMessageStatus::OFFSET_RESET:
            return ResponseCode::PULL_OFFSET_MOVED;
    }
    return ResponseCode::SYSTEM_ERROR;
}

std::string human_time(std::int64_t ms) {
    const std::time_t seconds = ms / 1000;
    std::tm local{};
    ::localtime_r(&seconds, &local);
    char day[32] = "";
    const auto length = std::strftime(day, sizeof day, "%Y-%m-%d %H:%M:%S", &local);
    return fmt::format("{},{:03}", std::string_view(day, length),
                       std::max<std::int64_t>(0, ms) % 1000);
}

}  // namespace rmq::broker
