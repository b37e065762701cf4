// SPDX-License-Identifier: Apache-2.0
#include "store/testing/memory_log.h"

#include "common/assert.h"
#include "common/bytes.h"
#include "common/message/message_properties.h"

#include <algorithm>
#include <cstring>

namespace rmq::store::testing {

char* MemoryLog::at(std::int64_t position) {
    const auto index = static_cast<std::size_t>(position / file_bytes_);
    const std::lock_guard lock(mutex_);
    while (files_.size() <= index) {
        files_.push_back(
            std::make_shared<std::string>(static_cast<std::size_t>(file_bytes_), '\0'));
    }
    return files_[index]->data() + position % file_bytes_;
}

PhysicalOffset MemoryLog::append(const Message& message) {
    MessageRecord record;
    record.topic = message.topic;
    record.queue_id = message.queue_id;
    record.queue_offset = {message.queue_offset};
    record.store_timestamp = message.store_timestamp;
    record.born_timestamp = message.store_timestamp;
    record.properties = message.properties;
    record.body = message.body;
    record.sys_flag = message.sys_flag;
    record.born_host.port = record.store_host.port = 10911;
    const std::int64_t size = encoded_size(record);
    RMQ_ASSERT(size + layout::kBlankBytes <= file_bytes_, "a record fits into a file");
    if (size + layout::kBlankBytes > file_bytes_ - end_.load() % file_bytes_) {
        roll();
    }
    record.physical_offset = max_offset();
    encode_message(record, at(end_.load()));
    end_.fetch_add(size);
    return record.physical_offset;
}

PhysicalOffset MemoryLog::append_raw(std::string_view bytes) {
    const PhysicalOffset start = max_offset();
    std::memcpy(at(start.value), bytes.data(), bytes.size());
    end_.fetch_add(static_cast<std::int64_t>(bytes.size()));
    return start;
}

void MemoryLog::roll() {
    const std::int64_t left = file_bytes_ - end_.load() % file_bytes_;
    char* const blank = at(end_.load());
    store_be(blank, static_cast<std::int32_t>(left));
    store_be(blank + 4, layout::kBlankMagic);
    end_.fetch_add(left);
}

void MemoryLog::delete_before(PhysicalOffset offset) {
    const std::int64_t start = offset.value / file_bytes_ * file_bytes_;
    const std::lock_guard lock(mutex_);
    for (std::int64_t i = 0; i < start / file_bytes_; ++i) {
        files_[static_cast<std::size_t>(i)] = nullptr;
    }
    min_ = start;
}

void MemoryLog::truncate(PhysicalOffset end) {
    const std::int64_t to = max_offset().value;
    for (std::int64_t position = end.value; position < to;) {
        const std::int64_t part = std::min(to, (position / file_bytes_ + 1) * file_bytes_);
        std::memset(at(position), 0, static_cast<std::size_t>(part - position));
        position = part;
    }
    end_ = end.value;
}

MessageRecord MemoryLog::record(PhysicalOffset at) const {
    const auto record = decode_message(read(at).bytes);
    RMQ_ASSERT(bool(record), "the test asks for a record it wrote");
    return *record;
}

PhysicalOffset MemoryLog::dispatch_limit() const {
    return limit_.load() < 0 ? max_offset() : PhysicalOffset{limit_.load()};
}

MappedSlice MemoryLog::read(PhysicalOffset from) const {
    const std::int64_t end =
        std::min(dispatch_limit().value, (from.value / file_bytes_ + 1) * file_bytes_);
    if (from < min_offset() || from.value >= end) {
        return {};
    }
    const std::lock_guard lock(mutex_);
    const auto& file = files_[static_cast<std::size_t>(from.value / file_bytes_)];
    if (file == nullptr) {
        return {};
    }
    return {file, std::string_view(*file).substr(static_cast<std::size_t>(from.value % file_bytes_),
                                                 static_cast<std::size_t>(end - from.value))};
}

PhysicalOffset MemoryLog::next_file_start(PhysicalOffset offset) const {
    return {(offset.value / file_bytes_ + 1) * file_bytes_};
}

std::string encode_properties(std::string_view words) {
    std::string encoded;
    bool is_name = true;
    for (const char c : words) {
        if (c == ' ') {
            encoded += is_name ? kNameValueSeparator : kPropertySeparator;
            is_name = !is_name;
        } else {
            encoded += c == '+' ? ' ' : c;
        }
    }
    return encoded.empty() ? encoded : encoded + kPropertySeparator;
}

}  // namespace rmq::store::testing
