// SPDX-License-Identifier: Apache-2.0
#include "store/put_message.h"

namespace rmq::store {

const char* put_message_status_name(PutMessageStatus status) {
    switch (status) {
        case PutMessageStatus::PUT_OK:
            return "PUT_OK";
        case PutMessageStatus::FLUSH_DISK_TIMEOUT:
            return "FLUSH_DISK_TIMEOUT";
        case PutMessageStatus::SERVICE_NOT_AVAILABLE:
            return "SERVICE_NOT_AVAILABLE";
        case PutMessageStatus::CREATE_MAPPED_FILE_FAILED:
            return "CREATE_MAPPED_FILE_FAILED";
        case PutMessageStatus::MESSAGE_ILLEGAL:
            return "MESSAGE_ILLEGAL";
        case PutMessageStatus::PROPERTIES_SIZE_EXCEEDED:
            return "PROPERTIES_SIZE_EXCEEDED";
        case PutMessageStatus::OS_PAGE_CACHE_BUSY:
            return "OS_PAGE_CACHE_BUSY";
        case PutMessageStatus::WHEEL_TIMER_MSG_ILLEGAL:
            return "WHEEL_TIMER_MSG_ILLEGAL";
        case PutMessageStatus::WHEEL_TIMER_FLOW_CONTROL:
            return "WHEEL_TIMER_FLOW_CONTROL";
        case PutMessageStatus::WHEEL_TIMER_NOT_ENABLE:
            return "WHEEL_TIMER_NOT_ENABLE";
        case PutMessageStatus::LMQ_CONSUME_QUEUE_NUM_EXCEEDED:
            return "LMQ_CONSUME_QUEUE_NUM_EXCEEDED";
        case PutMessageStatus::UNKNOWN_ERROR:
            return "UNKNOWN_ERROR";
    }
    return "unknown";
}

}  // namespace rmq::store
