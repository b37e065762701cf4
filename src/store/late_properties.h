// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/offsets.h"
#include "common/result.h"
#include "store/put_message.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::store {

class ConsumeQueue;
class ConsumeQueueTable;

// Whether messages of a topic may name light queues. Source: MixAll.topicAllowsLMQ.
bool allows_light_queues(std::string_view topic);
// The parts of a comma-joined list as String.split gives them: empty ones too, but for those at the
// end.
std::vector<std::string_view> parts_of(std::string_view list);

// The properties of a record whose values only the append lock knows, because they are queue
// offsets: INNER_BASE of an inner batch, and INNER_MULTI_QUEUE_OFFSET of a message for light
// queues. The properties are the end of the record, whose sizes then change.
// Thread safety: none; one append's. Source: BatchConsumeQueue.assignQueueOffset, LmqDispatch.
class LateProperties {
public:
    // Of an inner batch, and with `enable_lmq` of a message that names light queues; any() is false
    // for others. Errors: kResourceExhausted when the message would make more light queues than
    // `light_queues_max`.
    static Result<LateProperties> of(const MessageToPut& message, bool enable_lmq,
                                     std::int32_t light_queues_max, ConsumeQueueTable& queues);

    bool any() const { return is_inner_batch_ || !queues_.empty(); }

    bool has_light_queues() const { return !queues_.empty(); }
    // The properties also end in room for the property CRC. Before max_bytes().
    void set_seals() { seals_ = true; }
    // Messages in the record: by how much it advances its queue.
    std::int32_t message_count() const { return message_count_; }
    // Most bytes that complete() may add; 0 unless any().
    std::int64_t max_bytes() const;

    // Says how the record was encoded: its bytes without what is added here.
    void encoded(std::int64_t record_bytes) { record_bytes_ = record_bytes; }
    // Under the append lock: completes the properties of the record, which gets queue offset
    // `number`. May be repeated. Returns the record's bytes.
    std::int64_t complete(char* record, QueueOffset number);
    // Under the append lock, when the record is in the log: advances the light queues.
    void appended();

private:
    bool is_inner_batch_ = false;
    std::int32_t message_count_ = 1;
    bool seals_ = false;
    std::int64_t record_bytes_ = 0;
    std::string properties_;             // without what is added here
    std::vector<ConsumeQueue*> queues_;  // null: a name that is no light queue's
    std::string text_;
};

}  // namespace rmq::store
