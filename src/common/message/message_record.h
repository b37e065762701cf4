// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/message/message_layout.h"
#include "common/offsets.h"
#include "common/result.h"
#include "common/socket_address.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace rmq {

// The fields of one CommitLog record. The views point into the bytes it was decoded from, or at
// what the encoder is to copy. A value.
struct MessageRecord {
    std::int32_t total_size = 0;
    std::int32_t magic = layout::kMagicV1;
    std::int32_t body_crc = 0;
    std::int32_t queue_id = 0;
    std::int32_t flag = 0;
    QueueOffset queue_offset;
    PhysicalOffset physical_offset;
    std::int32_t sys_flag = 0;
    std::int64_t born_timestamp = 0;
    SocketAddress born_host;
    std::int64_t store_timestamp = 0;
    SocketAddress store_host;
    std::int32_t reconsume_times = 0;
    std::int64_t prepared_transaction_offset = 0;
    std::string_view body;
    std::string_view topic;
    std::string_view properties;  // encoded, see message_properties.h
};

// Bytes of the record, from its body, topic and properties, the V6 bits of sys_flag and the magic.
std::int64_t encoded_size(const MessageRecord& record);

// Writes the record, total_size and body_crc computed here, to `out`, which has
// encoded_size(record) bytes. The V6 bits of sys_flag must agree with the hosts (asserted).
void encode_message(const MessageRecord& record, char* out);

// The same into a string of its own.
std::string encode_message(const MessageRecord& record);

// Names the topic, with the magic that its length needs: V1 has one byte for it, signed.
void set_topic(MessageRecord& record, std::string_view topic);

// The property CRC (enabledAppendPropCRC): the last 20 bytes of a record, and of its properties,
// are `__CRC32#`, 0x01, ten digits of the CRC of all bytes before them, the lowest first, and 0x02.
// Source: MessageDecoder.createCrc32, CommitLog (5.5.0).
inline constexpr std::int64_t kSealBytes = 20;
// Writes it over the last kSealBytes of the record, whose sizes include them.
void seal_record(char* record, std::int64_t bytes);
// Whether the record ends in one, and whether that is right.
enum class Seal { kNone, kRight, kWrong };
Seal seal_of(std::string_view record);

enum class VerifyCrc { kNo, kYes };

// Decodes the record at the start of `bytes`, which may hold more behind it. Errors: kMalformed
// when the bytes are cut short, the magic is not V1 or V2, a length is negative or leaves the
// record, the lengths do not add up to totalSize, or the body's CRC differs.
Result<MessageRecord> decode_message(std::string_view bytes, VerifyCrc verify = VerifyCrc::kNo);

// Calls visit(record) for each of the records that follow one another in `bytes`; ends at the
// first that is none.
template <class Visit>
void for_each_record(std::string_view bytes, Visit visit) {
    while (!bytes.empty()) {
        const auto record = decode_message(bytes);
        if (!record) {
            return;
        }
        visit(*record);
        bytes.remove_prefix(static_cast<std::size_t>(record->total_size));
    }
}

}  // namespace rmq
