// SPDX-License-Identifier: Apache-2.0
#include "broker/message_copy.h"

#include <random>

namespace rmq::broker {

store::MessageToPut message_copy(const MessageRecord& record) {
    return {.topic = record.topic,
            .queue_id = record.queue_id,
            .flag = record.flag,
            .sys_flag = record.sys_flag & ~(sys_flag::kBornHostV6 | sys_flag::kStoreHostV6),
            .born_timestamp = record.born_timestamp,
            .born_host = record.born_host,
            .store_host = record.store_host,
            .reconsume_times = record.reconsume_times,
            .prepared_transaction_offset = 0,
            .body = record.body,
            .properties = record.properties};
}

std::int32_t random_queue(std::int32_t queues) {
    thread_local std::minstd_rand random{std::random_device{}()};
    return static_cast<std::int32_t>(random() % static_cast<std::uint32_t>(queues));
}

}  // namespace rmq::broker
