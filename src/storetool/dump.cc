// SPDX-License-Identifier: Apache-2.0
#include "storetool/dump.h"

#include "common/message/message_json.h"
#include "common/message/message_properties.h"
#include "store/consume_queue.h"

#include "storetool/log_scan.h"
#include <fmt/core.h>

#include <algorithm>

namespace rmq::storetool {

namespace {

constexpr std::int64_t kDumpedEntryBytes = store::ConsumeQueueEntry::kBytes;
constexpr std::size_t kBodyPreviewBytes = 60;

bool is_selected(const Selection& wanted, const MessageRecord& record) {
    return (wanted.topic.empty() || record.topic == wanted.topic) &&
           (!wanted.queue_id || record.queue_id == *wanted.queue_id) &&
           (!wanted.queue_offset || record.queue_offset.value >= *wanted.queue_offset) &&
           (!wanted.physical_offset || record.physical_offset.value >= *wanted.physical_offset) &&
           record.store_timestamp >= wanted.begin_ms && record.store_timestamp <= wanted.end_ms &&
           (wanted.key.empty() || has_key(record.properties, wanted.key));
}

void select_by_batch_queue(const StoreDirectory& store, const Segments& queue,
                           const Selection& wanted,
                           const std::function<void(const MessageRecord&)>& visit) {
    std::int64_t left = wanted.max;
    for (std::int64_t at = queue.begin(); left > 0; at += store::BatchQueueUnit::kBytes) {
        const std::string_view bytes = queue.bytes_at(at);
        if (bytes.size() < static_cast<std::size_t>(store::BatchQueueUnit::kBytes)) {
            return;
        }
        const auto unit = store::decode_batch_queue_unit(bytes.data());
        if (!unit.is_written()) {
            return;
        }
        const auto record = decode_message(store.log().bytes_at(unit.physical_offset.value));
        Selection within = wanted;  // the record's number is that of its first message
        within.queue_offset.reset();
        if (record && unit.end().value > wanted.queue_offset.value_or(0) &&
            is_selected(within, *record)) {
            visit(*record);
            --left;
        }
    }
}

Status select_by_queue(const StoreDirectory& store, const Selection& wanted,
                       const std::function<void(const MessageRecord&)>& visit) {
    const auto found = store.queues().find({wanted.topic, *wanted.queue_id});
    if (const auto batch = store.batch_queues().find({wanted.topic, *wanted.queue_id});
        batch != store.batch_queues().end()) {
        select_by_batch_queue(store, batch->second, wanted, visit);
        return {};
    }
    if (found == store.queues().end()) {
        return Error{Errc::kInvalidArgument, "there is no queue " +
                                                 std::to_string(*wanted.queue_id) + " of topic " +
                                                 wanted.topic + " in " + store.root()};
    }
    const Segments& queue = found->second;
    std::int64_t left = wanted.max;
    for (std::int64_t at =
             std::max(queue.begin(), wanted.queue_offset.value_or(0) * kDumpedEntryBytes);
         left > 0; at += kDumpedEntryBytes) {
        const std::string_view bytes = queue.bytes_at(at);
        if (bytes.size() < static_cast<std::size_t>(kDumpedEntryBytes)) {
            return {};
        }
        const auto entry = store::decode_consume_queue_entry(bytes.data());
        if (entry.size <= 0) {
            return {};  // never written
        }
        const auto record = decode_message(store.log().bytes_at(entry.physical_offset.value));
        if (!entry.is_filler() && record && is_selected(wanted, *record)) {
            visit(*record);
            --left;
        }
    }
    return {};
}

}  // namespace

Status select_records(const StoreDirectory& store, const Selection& selection,
                      const std::function<void(const MessageRecord&)>& visit) {
    if (!selection.topic.empty() && selection.queue_id) {
        return select_by_queue(store, selection, visit);
    }
    std::int64_t left = selection.max;
    const auto from =
        std::max(store.log().begin(), selection.physical_offset.value_or(store.log().begin()));
    scan_log(
        store.log(), {from}, false,
        [&](const MessageRecord& record) {
            if (left > 0 && is_selected(selection, record)) {
                visit(record);
                --left;
            }
            return left > 0;
        },
        [](const DamagedStretch&) {});
    return {};
}

std::string describe(const MessageRecord& record) {
    std::string properties;
    PropertyCursor cursor(record.properties);
    while (const auto pair = cursor.next()) {
        properties +=
            fmt::format("{}{}={}", properties.empty() ? "" : " ", pair->name, pair->value);
    }
    const std::string body = has_text_body(record)
                                 ? fmt::format("\"{}\"", record.body.substr(0, kBodyPreviewBytes))
                                 : std::string("(binary)");
    return fmt::format("{:>14} {}/{}@{} store={} size={} body={} sysFlag={:#x} retries={} [{}] {}",
                       record.physical_offset.value, record.topic, record.queue_id,
                       record.queue_offset.value, record.store_timestamp, record.total_size,
                       record.body.size(), record.sys_flag, record.reconsume_times, properties,
                       body);
}

}  // namespace rmq::storetool
