// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/message/message_record.h"

#include <iosfwd>

namespace rmq {

// Whether the body can be shown: it is UTF-8 and not compressed.
bool has_text_body(const MessageRecord& record);

// The record as one JSON object with line feed: where it lies, its times, hosts and flags, its
// properties as an object, and `body`, or `bodyBase64` when it is no text.
void write_message_json(const MessageRecord& record, std::ostream& out);

}  // namespace rmq
