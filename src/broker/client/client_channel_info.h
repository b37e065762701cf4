// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/connection.h"
#include "remoting/protocol/remoting_command.h"

#include <cstdint>
#include <memory>
#include <string>

namespace rmq::broker {

// One client process as one of its connections registered it. A value.
// Source: ClientChannelInfo.
struct ClientChannelInfo {
    std::shared_ptr<Connection> connection;
    std::string client_id;
    LanguageCode language = LanguageCode::kOther;
    std::int32_t version = 0;
    std::int64_t last_update_ms = 0;  // Clock::now_ms of the last heartbeat
};

}  // namespace rmq::broker
