// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"
#include "remoting/protocol/remoting_command.h"
#include "remoting/protocol/response.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace rmq {

//   offset  bytes  content
//        0      4  length: bytes that follow
//        4      1  serialize type of the header
//        5      3  header length
//        8      …  header, then body
// Source: RemotingCommand.decode / NettyDecoder (5.5.0).

// Spare bytes that must be readable (not meaningful) behind the bytes given to decode_frame.
inline constexpr std::size_t kFramePadding = 64;

struct FrameBounds {
    std::size_t frame_bytes = 0;  // whole frame with its length field; 0: more input is needed
};

// Cuts one frame off the input without looking inside. "Need more" is not an error. Errors:
// kTooLarge when length + 4 exceeds limits::kFrameMaxBytes, kMalformed when it is below 4 or the
// header would not fit into it.
Result<FrameBounds> cut_frame(std::string_view input);

// Decodes whole frames. One per connection thread; the views in a command stay valid until the
// next decode() or until the frame's bytes go, whichever is first. Thread safety: none.
class FrameDecoder {
public:
    FrameDecoder();
    ~FrameDecoder();
    FrameDecoder(const FrameDecoder&) = delete;
    FrameDecoder& operator=(const FrameDecoder&) = delete;

    // `frame` is exactly one frame as cut, with kFramePadding readable bytes behind it. Fills
    // `command` (reused to avoid allocation). Errors: kMalformed for anything that the original
    // closes the connection for.
    Status decode(std::string_view frame, RemotingCommand& command);

private:
    struct Parser;  // simdjson's
    std::unique_ptr<Parser> parser_;
};

// Appends the frame head and header (all but the body bytes) of a reply to `out`.
void encode_response_head(const Response& response, std::int32_t opaque, std::size_t body_bytes,
                          std::string& out);

// Appends the whole frame of a request.
void encode_request(const OutboundCommand& command, std::int32_t opaque, bool oneway,
                    std::string& out);

}  // namespace rmq
