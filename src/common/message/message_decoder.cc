// SPDX-License-Identifier: Apache-2.0
#include "common/assert.h"
#include "common/bytes.h"
#include "common/crc32.h"
#include "common/limits.h"
#include "common/message/message_properties.h"
#include "common/message/message_record.h"

#include <string>

namespace rmq {

namespace {

constexpr std::size_t kSealDigits = 10;
static_assert(property::kCrc32.size() + 1 + kSealDigits + 1 == kSealBytes);

// Sequential big-endian writer over memory the caller sized.
class Cursor {
public:
    explicit Cursor(char* at) : at_(at) {}
    template <class T>
    void put(T value) {
        store_be(at_, value);
        at_ += sizeof value;
    }
    void put_bytes(std::string_view bytes) {
        at_ += bytes.copy(at_, bytes.size());  // unlike memcpy, takes an empty view of nothing
    }
    void put_host(const SocketAddress& host) {
        put_bytes(host.address_bytes());
        put(host.port);
    }
    const char* at() const { return at_; }

private:
    char* at_;
};

SocketAddress read_host(ByteReader& reader, bool is_v6) {
    SocketAddress host;
    host.is_v6 = is_v6;
    reader.read_bytes(is_v6 ? 16 : 4)
        .copy(reinterpret_cast<char*>(host.bytes.data()), host.bytes.size());
    host.port = reader.read<std::int32_t>();
    return host;
}

Error malformed(const std::string& what) {
    return Error{Errc::kMalformed, "message record: " + what};
}

}  // namespace

std::int64_t encoded_size(const MessageRecord& record) {
    return layout::kFixedBytes + (record.magic == layout::kMagicV2 ? 1 : 0) +
           ((record.sys_flag & sys_flag::kBornHostV6) != 0 ? layout::kV6ExtraBytes : 0) +
           ((record.sys_flag & sys_flag::kStoreHostV6) != 0 ? layout::kV6ExtraBytes : 0) +
           static_cast<std::int64_t>(record.body.size() + record.topic.size() +
                                     record.properties.size());
}

void encode_message(const MessageRecord& record, char* out) {
    RMQ_ASSERT(record.born_host.is_v6 == ((record.sys_flag & sys_flag::kBornHostV6) != 0),
               "the flag tells readers how long the born host is");
    RMQ_ASSERT(record.store_host.is_v6 == ((record.sys_flag & sys_flag::kStoreHostV6) != 0),
               "the flag tells readers how long the store host is");
    const auto size = static_cast<std::int32_t>(encoded_size(record));
    Cursor cursor(out);
    cursor.put(size);
    cursor.put(record.magic);
    cursor.put(crc32_of(record.body));
    cursor.put(record.queue_id);
    cursor.put(record.flag);
    cursor.put(record.queue_offset.value);
    cursor.put(record.physical_offset.value);
    cursor.put(record.sys_flag);
    cursor.put(record.born_timestamp);
    cursor.put_host(record.born_host);
    cursor.put(record.store_timestamp);
    cursor.put_host(record.store_host);
    cursor.put(record.reconsume_times);
    cursor.put(record.prepared_transaction_offset);
    cursor.put(static_cast<std::int32_t>(record.body.size()));
    cursor.put_bytes(record.body);
    if (record.magic == layout::kMagicV2) {
        cursor.put(static_cast<std::int16_t>(record.topic.size()));
    } else {
        cursor.put(static_cast<std::int8_t>(record.topic.size()));
    }
    cursor.put_bytes(record.topic);
    cursor.put(static_cast<std::int16_t>(record.properties.size()));
    cursor.put_bytes(record.properties);
    RMQ_ASSERT(cursor.at() == out + size, "encoded_size and encode_message must agree");
}

std::string encode_message(const MessageRecord& record) {
    std::string bytes(static_cast<std::size_t>(encoded_size(record)), '\0');
    encode_message(record, bytes.data());
    return bytes;
}

void set_topic(MessageRecord& record, std::string_view topic) {
    record.topic = topic;
    record.magic = static_cast<std::int64_t>(topic.size()) > limits::kTopicMaxChars
                       ? layout::kMagicV2
                       : layout::kMagicV1;
}

void seal_record(char* record, std::int64_t bytes) {
    Cursor cursor(record + bytes - kSealBytes);
    std::int32_t crc =
        crc32_of(std::string_view(record, static_cast<std::size_t>(bytes - kSealBytes)));
    cursor.put_bytes(property::kCrc32);
    cursor.put(kNameValueSeparator);
    for (std::size_t i = 0; i < kSealDigits; ++i, crc /= 10) {
        cursor.put(static_cast<char>('0' + crc % 10));
    }
    cursor.put(kPropertySeparator);
}

Seal seal_of(std::string_view record) {
    if (record.size() < static_cast<std::size_t>(layout::kFixedBytes + kSealBytes)) {
        return Seal::kNone;
    }
    const std::string_view content =
        record.substr(0, record.size() - static_cast<std::size_t>(kSealBytes));
    const std::string_view seal = record.substr(content.size());
    const std::string_view digits = seal.substr(property::kCrc32.size() + 1, kSealDigits);
    if (!seal.starts_with(property::kCrc32) ||
        seal[property::kCrc32.size()] != kNameValueSeparator || seal.back() != kPropertySeparator ||
        digits.find_first_not_of("0123456789") != std::string_view::npos) {
        return Seal::kNone;
    }
    std::int64_t crc = 0;
    for (std::size_t i = kSealDigits; i > 0; --i) {
        crc = crc * 10 + (digits[i - 1] - '0');
    }
    return crc == crc32_of(content) ? Seal::kRight : Seal::kWrong;
}

Result<MessageRecord> decode_message(std::string_view bytes, VerifyCrc verify) {
    ByteReader reader(bytes);
    MessageRecord record;
    record.total_size = reader.read<std::int32_t>();
    record.magic = reader.read<std::int32_t>();
    if (!reader.ok() || record.total_size < layout::kFixedBytes ||
        static_cast<std::size_t>(record.total_size) > bytes.size()) {
        return malformed("size " + std::to_string(record.total_size) + " with " +
                         std::to_string(bytes.size()) + " bytes left");
    }
    if (record.magic != layout::kMagicV1 && record.magic != layout::kMagicV2) {
        return malformed("magic " + std::to_string(record.magic));
    }
    record.body_crc = reader.read<std::int32_t>();
    record.queue_id = reader.read<std::int32_t>();
    record.flag = reader.read<std::int32_t>();
    record.queue_offset.value = reader.read<std::int64_t>();
    record.physical_offset.value = reader.read<std::int64_t>();
    record.sys_flag = reader.read<std::int32_t>();
    record.born_timestamp = reader.read<std::int64_t>();
    record.born_host = read_host(reader, (record.sys_flag & sys_flag::kBornHostV6) != 0);
    record.store_timestamp = reader.read<std::int64_t>();
    record.store_host = read_host(reader, (record.sys_flag & sys_flag::kStoreHostV6) != 0);
    record.reconsume_times = reader.read<std::int32_t>();
    record.prepared_transaction_offset = reader.read<std::int64_t>();
    record.body = reader.read_bytes(reader.read<std::int32_t>());
    const std::int64_t topic_length =
        record.magic == layout::kMagicV2 ? reader.read<std::int16_t>() : reader.read<std::int8_t>();
    record.topic = reader.read_bytes(topic_length);
    record.properties = reader.read_bytes(reader.read<std::int16_t>());
    if (!reader.ok() || reader.position() != static_cast<std::size_t>(record.total_size)) {
        return malformed("lengths do not add up to size " + std::to_string(record.total_size));
    }
    if (verify == VerifyCrc::kYes && crc32_of(record.body) != record.body_crc) {
        return malformed("body CRC differs");
    }
    return record;
}

}  // namespace rmq
