// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"
#include "remoting/protocol/body/topic_config.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rmq {

// Body of REGISTER_BROKER. Source: RegisterBrokerBody.
struct RegisterBrokerBody {
    TopicConfigSerializeWrapper topic_config_serialize_wrapper{};
    std::vector<std::string> filter_server_list{};
};

// How the sender wrote it, from the request's header and version.
struct RegisterBrokerBodyForm {
    bool compressed = false;
    std::int32_t sender_version = 0;  // MQVersion ordinal
};

// JSON, or the zlib stream of
//   int32 length, DataVersion JSON; int32 count, then per topic int32 length and its line;
//   int32 length, filter server list JSON; int32 count, then per mapping int32 length and JSON.
std::string encode(const RegisterBrokerBody& body, bool compressed);

// Reads all forms: JSON, compressed (without mappings from senders before 5.0), and the bare
// TopicConfigSerializeWrapper of senders before 3.0.11. Empty text is an empty body. Errors:
// kMalformed; kTooLarge when the inflated form exceeds 64 MiB.
Result<RegisterBrokerBody> decode_register_broker_body(std::string_view text,
                                                       RegisterBrokerBodyForm form);

}  // namespace rmq
