// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/offsets.h"
#include "common/result.h"
#include "common/socket_address.h"

#include <string>
#include <string_view>

namespace rmq {

// Upper-case hex of store host address, port (4 bytes) and CommitLog offset (8 bytes): 32
// characters for IPv4, 56 for IPv6. Source: MessageDecoder.createMessageId.
std::string make_offset_message_id(const SocketAddress& store_host, PhysicalOffset offset);

// The same into a caller's buffer of at least 56 bytes, without allocating; returns the length.
std::size_t write_offset_message_id(const SocketAddress& store_host, PhysicalOffset offset,
                                    char* out);

struct OffsetMessageId {
    SocketAddress store_host;
    PhysicalOffset offset;
};
// Errors: kMalformed.
Result<OffsetMessageId> parse_offset_message_id(std::string_view id);

// Makes unique message ids as a client would, for messages that come without one:
// address (4), pid (2), fixed hash (4), ms since the first of the month (4), counter (2), in hex.
// Source: MessageClientIDSetter. Thread safety: any thread.
std::string make_unique_id(const SocketAddress& host, std::int64_t now_ms);

}  // namespace rmq
