// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/filter/message_filter.h"
#include "broker/processor/admin/admin_handler.h"
#include "remoting/responder.h"

#include <cstdint>
#include <memory>
#include <string>

namespace rmq::broker {

// A POP_MESSAGE or NOTIFICATION that waits for a message. Source: PopRequest.
struct PopPoll {
    enum class Kind { kPop, kNotification };

    std::shared_ptr<const OwnedRequest> request{};
    Responder responder{};
    Kind kind = Kind::kPop;
    std::string topic{};
    std::string group{};
    std::int32_t queue_id = -1;  // -1: any
    std::int64_t born_ms = 0;    // Clock::now_ms
    std::int64_t poll_ms = 0;    // how long it may wait after that
    MessageFilter filter{};
};

}  // namespace rmq::broker
