// SPDX-License-Identifier: Apache-2.0
// Any bytes as receipt handle, batch acknowledgement, assignment, request mode or subscription to
// lite topics.

#include "common/assert.h"
#include "remoting/protocol/body/assignment.h"
#include "remoting/protocol/body/batch_ack.h"
#include "remoting/protocol/body/json_fields.h"
#include "remoting/protocol/body/lite_subscription.h"
#include "remoting/protocol/extra_info.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

using namespace rmq;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto handle = parse_extra_info(text)) {
        const auto again = build_extra_info(*handle, PopTopicKind::kNormal);
        const auto parsed = parse_extra_info(again);
        RMQ_ASSERT(handle->broker_name.empty() || (parsed && parsed->pop_time == handle->pop_time &&
                                                   parsed->broker_name == handle->broker_name),
                   "a handle that was read is read again alike");
    }
    if (const auto request = parse_batch_ack_request(text)) {
        for (const auto& ack : request->acks) {
            for (const auto offset : ack.offsets) {
                RMQ_ASSERT(
                    offset >= ack.start_offset && offset < ack.start_offset + kBatchAckBitsMax,
                    "offsets are those of the bit set");
            }
        }
    }
    static_cast<void>(parse_query_assignment_request(text));
    if (const auto changes = parse_lite_subscription_ctl(text)) {
        RMQ_ASSERT(changes->size() <= kLiteChangesMax, "subscriptions are bounded");
        for (const auto& change : *changes) {
            RMQ_ASSERT(std::is_sorted(change.lite_topics.begin(), change.lite_topics.end()),
                       "lite topics are sorted");
        }
    }
    if (const auto json = parse_body_json(text)) {
        if (const auto setting = parse_message_request_mode_setting(*json)) {
            const auto again = parse_message_request_mode_setting(to_json(*setting));
            RMQ_ASSERT(again && *again == *setting, "a setting that was read is read again alike");
        }
    }
    return 0;
}
