// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/limits.h"
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

struct FrameBounds {
    std::size_t frame_bytes = 0;  // whole frame with its length field; 0: more input is needed
};

// Cuts one frame off the input without looking inside. "Need more" is not an error, but what is
// wrong in the first 4 or 8 bytes is told as soon as they are there. Errors: kTooLarge when length
// + 4 exceeds `frame_max_bytes` or the header limits::kHeaderMaxBytes, kMalformed when the length
// is below 4 or the header would not fit into it.
Result<FrameBounds> cut_frame(std::string_view input,
                              std::size_t frame_max_bytes = limits::kFrameMaxBytes);

// The size that the frame at the start of `input` announces, 0 while fewer than 4 bytes are there.
// Precondition: cut_frame() accepted the same input.
std::size_t announced_frame_bytes(std::string_view input);

// Decodes whole frames. The views in a command point into the frame, or into the decoder for
// strings with escapes: they stay valid until the next decode() or until the frame's bytes go,
// whichever is first. Does not allocate once its scratch has the size of the largest header seen.
// Thread safety: none; one per io thread is enough, as handlers run to their end.
class FrameDecoder {
public:
    // `frame` is exactly one frame as cut. Fills `command` (reused to avoid allocation). Errors:
    // kMalformed for anything that the original closes the connection for.
    Status decode(std::string_view frame, RemotingCommand& command);

private:
    char* scratch(std::size_t bytes);

    std::unique_ptr<char[]> scratch_;
    std::size_t scratch_bytes_ = 0;
};

// Appends the frame head and header (all but the body bytes) of a reply to `out`.
void encode_response_head(const Response& response, std::int32_t opaque, std::size_t body_bytes,
                          std::string& out);

// Appends the whole frame of a request.
void encode_request(const OutboundCommand& command, std::int32_t opaque, bool oneway,
                    std::string& out);

}  // namespace rmq
