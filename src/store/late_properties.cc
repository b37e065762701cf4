// SPDX-License-Identifier: Apache-2.0
#include "store/late_properties.h"

#include "common/bytes.h"
#include "common/light_queue.h"
#include "common/message/message_layout.h"
#include "common/message/message_properties.h"
#include "common/message/message_record.h"
#include "common/message/property_order.h"
#include "common/parse_number.h"
#include "store/consume_queue_table.h"

#include <algorithm>
#include <cstring>

namespace rmq::store {

namespace {

constexpr std::int64_t kNumberMaxBytes = 20;

}  // namespace

bool allows_light_queues(std::string_view topic) {
    return !topic.starts_with("%RETRY%") && !topic.starts_with("%DLQ%") &&
           !topic.starts_with("rmq_sys_") && topic != "SCHEDULE_TOPIC_XXXX";
}

std::vector<std::string_view> parts_of(std::string_view list) {
    std::vector<std::string_view> parts;
    while (!list.empty() && list.back() == ',') {
        list.remove_suffix(1);
    }
    while (!list.empty()) {
        const std::size_t end = std::min(list.find(','), list.size());
        parts.push_back(list.substr(0, end));
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return parts;
}

Result<LateProperties> LateProperties::of(const MessageToPut& message, bool enable_lmq,
                                          std::int32_t light_queues_max,
                                          ConsumeQueueTable& queues) {
    LateProperties late;
    if ((message.sys_flag & sys_flag::kInnerBatch) != 0) {
        const auto count = find_property(message.properties, property::kInnerNum).value_or("1");
        late.is_inner_batch_ = true;
        late.message_count_ =
            std::max<std::int16_t>(parse_number<std::int16_t>(count).value_or(1), 1);
    }
    if (enable_lmq && allows_light_queues(message.topic)) {
        const auto names = find_property(message.properties, property::kInnerMultiDispatch);
        for (const std::string_view name : parts_of(names.value_or(std::string_view{}))) {
            if (!is_light_queue(name)) {
                late.queues_.push_back(nullptr);
                continue;
            }
            if (queues.light_queue_count() >= light_queues_max &&
                queues.find(name, kLightQueueId) == nullptr) {
                return Error{Errc::kResourceExhausted, "there are too many light queues"};
            }
            late.queues_.push_back(&queues.queue(name, kLightQueueId));
        }
    }
    if (late.any()) {
        late.properties_ = message.properties;
    }
    return late;
}

std::int64_t LateProperties::max_bytes() const {
    const auto queues = static_cast<std::int64_t>(queues_.size());
    std::int64_t bytes = (any() ? 1 : 0) + (seals_ ? kSealBytes : 0);
    if (is_inner_batch_) {
        bytes += static_cast<std::int64_t>(property::kInnerBase.size()) + 2 + kNumberMaxBytes;
    }
    if (queues > 0) {
        bytes += static_cast<std::int64_t>(property::kInnerMultiQueueOffset.size()) + 2 +
                 queues * (kNumberMaxBytes + 1);
    }
    return bytes;
}

std::int64_t LateProperties::complete(char* record, QueueOffset number) {
    text_ = properties_;
    if (is_inner_batch_) {
        append_property(text_, property::kInnerBase, std::to_string(number.value));
    }
    if (!queues_.empty()) {
        std::string numbers;
        for (std::size_t i = 0; i < queues_.size(); ++i) {
            numbers += i == 0 ? "" : ",";
            numbers += queues_[i] ? std::to_string(queues_[i]->next_offset().value) : "";
        }
        append_property(text_, property::kInnerMultiQueueOffset, numbers);
    }
    order_properties(text_);
    if (seals_) {
        if (!text_.empty() && text_.back() != kPropertySeparator) {
            text_.push_back(kPropertySeparator);
        }
        text_.append(static_cast<std::size_t>(kSealBytes), '\0');
    }
    const std::int64_t at = record_bytes_ - static_cast<std::int64_t>(properties_.size());
    const std::int64_t bytes = at + static_cast<std::int64_t>(text_.size());
    std::memcpy(record + at, text_.data(), text_.size());
    store_be(record + layout::kTotalSizeAt, static_cast<std::int32_t>(bytes));
    store_be(record + at - 2, static_cast<std::int16_t>(text_.size()));
    return bytes;
}

void LateProperties::appended() {
    for (ConsumeQueue* const queue : queues_) {
        if (queue != nullptr) {
            queue->set_next_offset(queue->next_offset() + 1);
        }
    }
}

}  // namespace rmq::store
