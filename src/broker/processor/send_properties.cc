// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/send_properties.h"

#include "common/message/message_properties.h"
#include "common/parse_number.h"

namespace rmq::broker {
namespace {

bool is_true(std::string_view text) {
    return text.size() == 4 && (text[0] | 0x20) == 't' && (text[1] | 0x20) == 'r' &&
           (text[2] | 0x20) == 'u' && (text[3] | 0x20) == 'e';
}

void append_pair(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).push_back(kNameValueSeparator);
    out.append(value).push_back(kPropertySeparator);
}

// Notes the pair when it is one of those that matter. The first letter keeps the common case, user
// properties, at one comparison.
void note(const PropertyView& pair, SendProperties& found) {
    const auto is = [&](std::string_view name) { return pair.name == name; };
    switch (pair.name.front()) {
        case '_':
            if (is(property::kShardingKey)) {
                found.sharding_key = pair.value;
            } else if (is(property::kPriority)) {
                found.priority = pair.value;
            } else if (is(property::kLiteTopic)) {
                found.lite_topic = pair.value;
            }
            break;
        case 'D':
            if (is(property::kDelayLevel)) {
                found.delay_level = pair.value;
            }
            break;
        case 'I':
            if (is(property::kInnerNum)) {
                found.inner_num = pair.value;
            }
            break;
        case 'K':
            if (is(property::kKeys)) {
                found.keys = pair.value;
            }
            break;
        case 'T':
            if (is(property::kTransactionPrepared)) {
                found.transaction_prepared = pair.value;
            } else if (is(property::kTimerDelaySec)) {
                found.timer_delay_sec = pair.value;
            } else if (is(property::kTimerDelayMs)) {
                found.timer_delay_ms = pair.value;
            } else if (is(property::kTimerDeliverMs)) {
                found.timer_deliver_ms = pair.value;
            } else if (is(property::kTimerDelUniqueKey)) {
                found.timer_del_unique_key = pair.value;
            } else if (is(property::kTimerOutMs)) {
                found.has_timer_out = true;
            }
            break;
        case 'U':
            if (is(property::kUniqKey)) {
                found.unique_key = pair.value;
            }
            break;
        case 'W':
            if (is(property::kWait)) {
                found.wait_store_ok = pair.value;
            }
            break;
        default:
            break;
    }
}

bool is_set_by_broker(std::string_view name) {
    switch (name.front()) {
        case 'M':
            return name == property::kMsgRegion;
        case 'T':
            return name == property::kTraceOn;
        case 'C':
            return name == property::kCluster;
        case 'P':
            return name == property::kPopCk;
        default:
            return false;
    }
}

}  // namespace

std::int32_t SendProperties::parse_priority() const {
    return parse_java_number<std::int32_t>(priority).value_or(-1);
}

bool SendProperties::is_priority_message() const {
    return !priority.empty() && transaction_prepared != "true" && delay_level.empty() &&
           !is_timer() && sharding_key.empty();
}

bool SendProperties::is_half_message() const {
    return is_true(transaction_prepared);
}

MessageType SendProperties::type() const {
    if (is_half_message()) {
        return MessageType::kTransaction;
    }
    if (sharding_key.data() != nullptr) {
        return MessageType::kFifo;
    }
    return !delay_level.empty() || is_timer() ? MessageType::kDelay : MessageType::kNormal;
}

bool SendProperties::waits_for_store() const {
    return wait_store_ok.empty() || is_true(wait_store_ok);
}

SendProperties rewrite_properties(std::string_view encoded, const BrokerProperties& broker,
                                  std::string& out) {
    SendProperties found;
    out.clear();
    PropertyCursor cursor(encoded);
    while (const auto pair = cursor.next()) {
        note(*pair, found);
        if (!is_set_by_broker(pair->name)) {
            append_pair(out, pair->name, pair->value);
        }
    }
    append_pair(out, property::kMsgRegion, broker.region_id);
    append_pair(out, property::kTraceOn, broker.trace_on ? "true" : "false");
    append_pair(out, property::kCluster, broker.cluster_name);
    return found;
}

SendProperties read_properties(std::string_view encoded) {
    SendProperties found;
    PropertyCursor cursor(encoded);
    while (const auto pair = cursor.next()) {
        note(*pair, found);
    }
    return found;
}

std::optional<std::int32_t> parse_delay_level(std::string_view text) {
    return text.empty() ? 0 : parse_java_number<std::int32_t>(text);
}

std::optional<std::int64_t> timer_deliver_ms(const SendProperties& properties,
                                             std::int64_t now_ms) {
    if (!properties.timer_delay_sec.empty()) {
        const auto seconds = parse_java_number<std::int64_t>(properties.timer_delay_sec);
        std::int64_t ms = 0;
        if (!seconds || __builtin_mul_overflow(*seconds, std::int64_t{1000}, &ms) ||
            __builtin_add_overflow(now_ms, ms, &ms)) {
            return std::nullopt;
        }
        return ms;
    }
    if (!properties.timer_delay_ms.empty()) {
        const auto delay = parse_java_number<std::int64_t>(properties.timer_delay_ms);
        std::int64_t ms = 0;
        if (!delay || __builtin_add_overflow(now_ms, *delay, &ms)) {
            return std::nullopt;
        }
        return ms;
    }
    return parse_java_number<std::int64_t>(properties.timer_deliver_ms);
}

}  // namespace rmq::broker
