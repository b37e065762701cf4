// SPDX-License-Identifier: Apache-2.0
#include "admin/dead_letters.h"

#include "common/base64.h"
#include "common/message/message_json.h"
#include "common/message/message_properties.h"

#include <array>
#include <ostream>

namespace rmq::admin {

namespace {

// Compressed, and by what; several tags. Source: MessageSysFlag.
constexpr std::int32_t kProducersFlags = sys_flag::kCompressed | sys_flag::kMultiTags | 0x700;

// Written by brokers and consumers on the way to the dead letters.
constexpr std::array<std::string_view, 18> kWrittenOnTheWay = {
    property::kRetryTopic,
    property::kOriginMessageId,
    property::kDelayLevel,
    property::kRealTopic,
    property::kRealQueueId,
    property::kWait,
    property::kReconsumeTime,
    property::kMaxReconsumeTimes,
    property::kMsgRegion,
    property::kTraceOn,
    property::kCluster,
    property::kPopCk,
    property::kTimerDelaySec,
    property::kTimerDelayMs,
    property::kTimerDeliverMs,
    property::kDlqOriginTopic,
    property::kDlqOriginMessageId,
    "CONSUME_START_TIME",
};

std::string_view property_of(const MessageRecord& record, std::string_view name) {
    return find_property(record.properties, name).value_or(std::string_view{});
}

std::string csv_field(std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text) {
        quoted += c;
        if (c == '"') {
            quoted += '"';
        }
    }
    return quoted + '"';
}

}  // namespace

bool matches(const DeadLetterFilter& filter, const MessageRecord& record) {
    return record.store_timestamp >= filter.begin_ms && record.store_timestamp <= filter.end_ms &&
           (filter.key.empty() || has_key(record.properties, filter.key));
}

Result<Resend> resend_of(const MessageRecord& record) {
    Resend resend;
    resend.topic = property_of(record, property::kRetryTopic);
    if (resend.topic.empty()) {
        resend.topic = property_of(record, property::kDlqOriginTopic);
    }
    if (resend.topic.empty()) {
        return Error{Errc::kMalformed, "the message does not say which topic it came from"};
    }
    resend.properties = record.properties;
    for (const std::string_view name : kWrittenOnTheWay) {
        remove_property(resend.properties, name);
    }
    resend.sys_flag = record.sys_flag & kProducersFlags;
    return resend;
}

void write_csv_header(std::ostream& out) {
    out << "originTopic,keys,tags,uniqueId,queueId,queueOffset,bornTimestamp,storeTimestamp,"
           "reconsumeTimes,bodyEncoding,body\n";
}

void write_csv(const MessageRecord& record, std::ostream& out) {
    out << csv_field(property_of(record, property::kRetryTopic)) << ','
        << csv_field(property_of(record, property::kKeys)) << ','
        << csv_field(property_of(record, property::kTags)) << ','
        << csv_field(property_of(record, property::kUniqKey)) << ',' << record.queue_id << ','
        << record.queue_offset.value << ',' << record.born_timestamp << ','
        << record.store_timestamp << ',' << record.reconsume_times << ','
        << (has_text_body(record) ? "text," : "base64,")
        << csv_field(has_text_body(record) ? std::string(record.body) : encode_base64(record.body))
        << '\n';
}

}  // namespace rmq::admin
