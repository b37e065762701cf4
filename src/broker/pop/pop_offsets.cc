// SPDX-License-Identifier: Apache-2.0
#include "broker/pop/pop_offsets.h"

#include "broker/broker_config.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/pop/consumer_order_info_manager.h"
#include "broker/pop/pop_buffer_merge_service.h"
#include "broker/pop/pop_store.h"
#include "broker/topic/topic_validator.h"
#include "remoting/protocol/header/pop.h"

#include <algorithm>

namespace rmq::broker {

std::int64_t PopOffsets::peek(const PopQueue& queue, std::int32_t init_mode) const {
    const auto committed = c_.offsets.query(queue.view());
    return latest(queue, committed < 0 ? initial_pop_offset(c_.config, c_.store, queue, init_mode)
                                       : committed);
}

std::int64_t PopOffsets::take(const PopQueue& queue, std::int32_t init_mode) {
    if (const auto reset = c_.offsets.take_reset(queue.view())) {
        c_.order_infos.clear_block(queue);
        c_.buffer.clear_offsets(queue);
        c_.offsets.commit(queue.view(), *reset);
        return *reset;
    }
    auto committed = c_.offsets.query(queue.view());
    if (committed < 0) {
        committed = initial_pop_offset(c_.config, c_.store, queue, init_mode);
        c_.offsets.commit(queue.view(), committed);
    }
    return latest(queue, committed);
}

std::int64_t PopOffsets::rest(const PopQueue& queue, std::int64_t offset) const {
    return c_.store.max_offset(queue.topic, queue.queue_id).value - offset;
}

std::int64_t PopOffsets::latest(const PopQueue& queue, std::int64_t committed) const {
    return std::max(committed, c_.buffer.latest_offset(queue).value_or(committed));
}

// Source: PopMessageProcessor.getInitOffset. A young queue whose start is still in memory is read
// from there in either mode; otherwise a group that starts at the end gets the last message.
std::int64_t initial_pop_offset(const BrokerConfig& config, const PopStore& store,
                                const PopQueue& queue, std::int32_t init_mode) {
    const auto min = store.min_offset(queue.topic, queue.queue_id).value;
    if (init_mode == consume_init_mode::kMin || queue.topic.starts_with(topic_name::kRetryPrefix)) {
        return std::max<std::int64_t>(min, 0);
    }
    if (config.init_pop_offset_by_check_msg_in_mem && min <= 0 &&
        store.is_offset_in_memory(queue.topic, queue.queue_id, QueueOffset{0})) {
        return 0;
    }
    return std::max<std::int64_t>(store.max_offset(queue.topic, queue.queue_id).value - 1, 0);
}

}  // namespace rmq::broker
