// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/protocol/body/heartbeat_data.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace rmq::broker {

// Label values as the original spells them.

// "send_message_v2"; the number of a code that the original does not know.
// Source: RemotingHelper.getRequestCodeDesc, getResponseCodeDesc.
std::string request_code_label(std::int32_t code);
std::string response_code_label(std::int32_t code);
// "v5_5_0", from the ordinal that clients send. Source: MQVersion.getVersionDesc.
std::string version_label(std::int32_t version);
// "push", "pull", "pop". Source: ConsumeType.getTypeCN.
const char* consume_mode_label(ConsumeType type);
// "true", "false".
std::string_view flag_label(bool value);

std::string lower_case(std::string_view text);

}  // namespace rmq::broker
