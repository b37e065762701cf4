// SPDX-License-Identifier: Apache-2.0
#include "store/message_encoder.h"

#include "common/java_string.h"
#include "common/limits.h"
#include "common/message/message_layout.h"
#include "common/message/message_properties.h"
#include "common/message/message_record.h"

#include <algorithm>

namespace rmq::store {

namespace {

constexpr std::size_t kKeptBytes = 1024 * 1024;
constexpr std::string_view kRetryTopicPrefix = "%RETRY%";
// What a record may have beside a body of full size. Source: CommitLog constructor.
constexpr std::int64_t kRecordExtraMaxBytes = 64 * 1024;
constexpr std::int64_t kBatchGrowthMax = 8;

using Outcome = MessageEncoder::Outcome;

// Source: HookUtils.checkBeforePutMessage, MessageExtEncoder.encode.
Outcome check(const MessageToPut& message, const EncodeLimits& limits) {
    const auto topic_bytes = static_cast<std::int64_t>(message.topic.size());
    if (topic_bytes == 0 || topic_bytes > limits::kRetryTopicMaxChars ||
        (topic_bytes > limits::kTopicMaxChars && !message.topic.starts_with(kRetryTopicPrefix))) {
        return {PutMessageStatus::MESSAGE_ILLEGAL, "the topic is empty or too long"};
    }
    if (topic_bytes > limits::kTopicMaxChars && !limits.auto_version_on_topic_length) {
        return {PutMessageStatus::MESSAGE_ILLEGAL, "the topic is too long for a V1 record"};
    }
    const std::int64_t added = limits.reserve_bytes + (limits.seals ? kSealBytes + 1 : 0);
    if (static_cast<std::int64_t>(message.properties.size()) + added >
        limits::kPropertiesMaxBytes) {
        return {PutMessageStatus::PROPERTIES_SIZE_EXCEEDED, "the properties are too long"};
    }
    if (static_cast<std::int64_t>(message.body.size()) > limits.body_max_bytes) {
        return {PutMessageStatus::MESSAGE_ILLEGAL,
                "the message body is larger than maxMessageSize"};
    }
    return {};
}

MessageRecord record_of(const MessageToPut& message) {
    MessageRecord record;
    set_topic(record, message.topic);
    record.queue_id = message.queue_id;
    record.flag = message.flag;
    record.sys_flag = (message.sys_flag & ~(sys_flag::kBornHostV6 | sys_flag::kStoreHostV6)) |
                      (message.born_host.is_v6 ? sys_flag::kBornHostV6 : 0) |
                      (message.store_host.is_v6 ? sys_flag::kStoreHostV6 : 0);
    record.born_timestamp = message.born_timestamp;
    record.born_host = message.born_host;
    record.store_host = message.store_host;
    record.reconsume_times = message.reconsume_times;
    record.prepared_transaction_offset = message.prepared_transaction_offset;
    record.body = message.body;
    record.properties = message.properties;
    return record;
}

}  // namespace

std::int64_t record_bytes(const MessageToPut& message) {
    return encoded_size(record_of(message));
}

MessageEncoder& MessageEncoder::of_this_thread() {
    thread_local MessageEncoder encoder;
    return encoder;
}

Outcome MessageEncoder::encode(std::span<const MessageToPut> messages, const EncodeLimits& limits) {
    // Every message of a batch gets a header of its own, so the records of a batch of tiny messages
    // are several times its body.
    const std::int64_t allowance = messages.size() == 1 ? 1 : kBatchGrowthMax;
    const std::int64_t most = std::min(limits.body_max_bytes * allowance + kRecordExtraMaxBytes,
                                       limits.file_size - layout::kBlankBytes);
    size_ = 0;
    for (const MessageToPut& message : messages) {
        if (const Outcome fault = check(message, limits);
            fault.status != PutMessageStatus::PUT_OK) {
            return fault;
        }
        MessageRecord record = record_of(message);
        if (limits.seals) [[unlikely]] {
            record.properties = with_room_for_seal(record.properties);
        }
        const std::int64_t bytes = encoded_size(record);
        const std::int64_t needed = size_ + bytes + limits.reserve_bytes;
        if (needed > most) {
            return {PutMessageStatus::MESSAGE_ILLEGAL, "the message or batch is too large"};
        }
        if (buffer_.size() < static_cast<std::size_t>(needed)) {
            buffer_.resize(std::max<std::size_t>(static_cast<std::size_t>(needed) * 2, 8192));
        }
        encode_message(record, buffer_.data() + size_);
        size_ += bytes;
    }
    return {};
}

// A copy of a message may bring the CRC of its first record along.
std::string_view MessageEncoder::with_room_for_seal(std::string_view properties) {
    sealed_properties_ = properties;
    remove_property(sealed_properties_, property::kCrc32);
    if (!sealed_properties_.empty() && sealed_properties_.back() != kPropertySeparator) {
        sealed_properties_.push_back(kPropertySeparator);
    }
    return sealed_properties_.append(static_cast<std::size_t>(kSealBytes), '\0');
}

void MessageEncoder::trim() {
    if (buffer_.size() > kKeptBytes) {
        std::vector<char>().swap(buffer_);
    }
}

}  // namespace rmq::store
