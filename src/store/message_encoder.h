// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/put_message.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::store {

struct EncodeLimits {
    std::int64_t body_max_bytes = 0;           // maxMessageSize
    std::int64_t file_size = 0;                // records and a blank must fit in one file
    bool auto_version_on_topic_length = true;  // V2 records for topics over 127
    std::int64_t reserve_bytes = 0;            // that the only record's properties may grow by
    bool seals = false;                        // the properties end in room for the property CRC
};

// Bytes that the message takes in the CommitLog.
std::int64_t record_bytes(const MessageToPut& message);

// Checks messages and lays their records out one behind the other in a buffer that is kept for the
// next call, so that an append allocates nothing. Queue offset, physical offset and store timestamp
// are left 0 for the append lock to fill in.
// Thread safety: none; each thread has its own. Source: MessageExtEncoder, HookUtils (5.5.0).
class MessageEncoder {
public:
    static MessageEncoder& of_this_thread();

    struct Outcome {
        // PUT_OK, MESSAGE_ILLEGAL or PROPERTIES_SIZE_EXCEEDED.
        PutMessageStatus status = PutMessageStatus::PUT_OK;
        std::string_view remark;  // static text
    };
    Outcome encode(std::span<const MessageToPut> messages, const EncodeLimits& limits);
    char* data() { return buffer_.data(); }
    std::int64_t size() const { return size_; }
    // Gives the memory back after an unusually large append.
    void trim();

private:
    std::string_view with_room_for_seal(std::string_view properties);

    std::vector<char> buffer_;
    std::string sealed_properties_;
    std::int64_t size_ = 0;
};

}  // namespace rmq::store
