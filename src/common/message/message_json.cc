// SPDX-License-Identifier: Apache-2.0
#include "common/message/message_json.h"

#include "common/base64.h"
#include "common/message/message_properties.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <ostream>

namespace rmq {

namespace {

bool is_utf8(std::string_view text) {
    try {
        (void)nlohmann::json(text).dump();
        return true;
    } catch (const nlohmann::json::type_error&) {  // what the library tells it by
        return false;
    }
}

}  // namespace

bool has_text_body(const MessageRecord& record) {
    return (record.sys_flag & sys_flag::kCompressed) == 0 && is_utf8(record.body);
}

void write_message_json(const MessageRecord& record, std::ostream& out) {
    nlohmann::ordered_json object;
    object["topic"] = record.topic;
    object["queueId"] = record.queue_id;
    object["queueOffset"] = record.queue_offset.value;
    object["physicalOffset"] = record.physical_offset.value;
    object["size"] = record.total_size;
    object["bornTimestamp"] = record.born_timestamp;
    object["bornHost"] = record.born_host.to_string();
    object["storeTimestamp"] = record.store_timestamp;
    object["storeHost"] = record.store_host.to_string();
    object["reconsumeTimes"] = record.reconsume_times;
    object["flag"] = record.flag;
    object["sysFlag"] = record.sys_flag;
    if (record.prepared_transaction_offset != 0) {
        object["preparedTransactionOffset"] = record.prepared_transaction_offset;
    }
    object["properties"] = decode_properties(record.properties);
    const bool is_text = has_text_body(record);
    object[is_text ? "body" : "bodyBase64"] =
        is_text ? std::string(record.body) : encode_base64(record.body);
    out << object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

}  // namespace rmq
