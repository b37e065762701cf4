// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/metrics/message_type.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rmq::broker {

// What the broker adds to every message it stores; constant for its life, but for traceOn.
struct BrokerProperties {
    std::string_view region_id;
    std::string_view cluster_name;
    bool trace_on = true;
};

// The properties that decide how a send is treated, read in the one pass that also rewrites the
// property string. Views point into the string that was read.
struct SendProperties {
    std::string_view unique_key;
    std::string_view delay_level;
    std::string_view wait_store_ok;
    std::string_view transaction_prepared;
    std::string_view timer_delay_sec;
    std::string_view timer_delay_ms;
    std::string_view timer_deliver_ms;
    std::string_view timer_del_unique_key;
    std::string_view inner_num;
    std::string_view keys;
    std::string_view sharding_key;
    std::string_view priority;
    std::string_view lite_topic;
    bool has_timer_out = false;

    bool is_timer() const {
        return !timer_delay_sec.empty() || !timer_delay_ms.empty() || !timer_deliver_ms.empty();
    }
    // At least 0: the queue of a message that is of no other kind; nothing, or less: no priority.
    // Source: Message.getPriority
    std::int32_t parse_priority() const;
    // Source: TopicMessageType.parseFromMessageProperty
    bool is_priority_message() const;
    bool is_half_message() const;  // TRAN_MSG is "true" in any case
    // What metrics call the message. Source: BrokerMetricsManager.getMessageType.
    MessageType type() const;
    bool waits_for_store() const;  // WAIT is absent, or "true" in any case
};

// Copies the well-formed pairs of `encoded` to `out` without POP_CK and what the broker sets
// itself, then adds MSG_REGION, TRACE_ON and CLUSTER. `out` keeps its capacity from call to call.
// Source: AbstractSendMessageProcessor.buildMsgContext, SendMessageProcessor.sendMessage.
SendProperties rewrite_properties(std::string_view encoded, const BrokerProperties& broker,
                                  std::string& out);

// The same pass without a copy, for the properties of a batch as a whole.
SendProperties read_properties(std::string_view encoded);

// Integer.parseInt of DELAY; 0 when absent, nothing when it is no number.
std::optional<std::int32_t> parse_delay_level(std::string_view text);

// Milliseconds since the epoch at which a timer message is due, nothing when a number is
// malformed. Precondition: properties.is_timer(). Source: HookUtils.transformTimerMessage.
std::optional<std::int64_t> timer_deliver_ms(const SendProperties& properties, std::int64_t now_ms);

}  // namespace rmq::broker
