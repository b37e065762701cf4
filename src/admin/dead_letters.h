// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/message/message_record.h"
#include "common/result.h"

#include <cstdint>
#include <iosfwd>
#include <string>

namespace rmq::admin {

// Which dead letters of a group: those that pass every condition.
struct DeadLetterFilter {
    std::string key{};          // one of KEYS, or the unique id; empty: any
    std::int64_t begin_ms = 0;  // store time as a dead letter, inclusive
    std::int64_t end_ms = INT64_MAX;
};
bool matches(const DeadLetterFilter& filter, const MessageRecord& record);

// What is to be sent for a dead letter: body, flag, keys, tags and user properties as its producer
// sent them; what brokers and consumers wrote into it on its way is gone. The unique id stays, so
// that look-ups show one message.
struct Resend {
    std::string topic;  // where it came from
    std::string properties;
    std::int32_t sys_flag = 0;  // compression and tag bits
};
// Errors: kMalformed when the record does not say where it came from.
Result<Resend> resend_of(const MessageRecord& record);

// One dead letter as a line of CSV, with line feed. A body that is not UTF-8, or is compressed, is
// given in Base64.
void write_csv_header(std::ostream& out);
void write_csv(const MessageRecord& record, std::ostream& out);

}  // namespace rmq::admin
