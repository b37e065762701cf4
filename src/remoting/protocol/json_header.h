// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/protocol/remoting_command.h"

#include <cstddef>
#include <string_view>

namespace rmq {

// Bytes of scratch that decode_json_header needs for a header of n bytes: unescaping never makes
// text longer; the rest lets it copy in blocks.
constexpr std::size_t json_header_scratch_bytes(std::size_t header_bytes) {
    return header_bytes + 32;
}

// Decodes the JSON form of a header into `command`, whose header members have been reset. One pass,
// no allocation; strings without escapes become views of `header`, others are unescaped into
// `scratch`. Accepts what stock clients send and the original takes: members in any order and
// unknown ones, a repeated member (the last counts), integers as strings, extFields null or with
// numbers and booleans as values, white space around tokens. Refuses (false) what is not JSON,
// numbers outside int32, extFields that is not an object, nesting beyond limits::kJsonDepthMax and
// more fields than limits::kExtFieldsMax. Bytes that are not UTF-8 pass through unchanged.
// Source: RemotingSerializable.decode, RemotingCommand.
bool decode_json_header(std::string_view header, char* scratch, RemotingCommand& command);

}  // namespace rmq
