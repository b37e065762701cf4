// SPDX-License-Identifier: Apache-2.0
#include "store/message_store.h"

#include "store/consume_queue.h"
#include "store/message_store_config.h"
#include "store/message_store_parts.h"

#include <utility>

namespace rmq::store {

namespace {

FileOps& system_file_ops() {
    static FileOps ops;  // without state
    return ops;
}

}  // namespace

MessageStore::MessageStore(const MessageStoreConfig& config, const Clock& clock)
    : MessageStore(config, clock, system_file_ops()) {}

MessageStore::MessageStore(const MessageStoreConfig& config, const Clock& clock, FileOps& ops)
    : parts_(std::make_unique<Parts>(config, clock, ops)) {}

MessageStore::~MessageStore() {
    parts_->shutdown();
}

void MessageStore::set_arrival_listener(ArrivalListener listener) {
    parts_->dispatcher.set_arrival_listener(std::move(listener));
}

void MessageStore::set_delay_level_millis(DelayLevelMillis delay) {
    parts_->dispatcher.set_delay_level_millis(std::move(delay));
}

void MessageStore::set_batch_topics(std::function<bool(std::string_view topic)> is_batch_topic) {
    parts_->queues.set_batch_topics(std::move(is_batch_topic));
}

Status MessageStore::load() {
    return parts_->load();
}

bool MessageStore::had_crashed() const {
    return parts_->had_crashed;
}

Status MessageStore::start() {
    return parts_->start();
}

void MessageStore::shutdown() {
    parts_->shutdown();
}

PutMessageResult MessageStore::put_message(const MessageToPut& message) {
    return put_messages({&message, 1});
}

PutMessageResult MessageStore::put_messages(std::span<const MessageToPut> messages) {
    PutMessageResult result;
    if (parts_->dispatcher.has_queue_error()) {
        result.status = PutMessageStatus::SERVICE_NOT_AVAILABLE;
        result.remark = "a consume queue cannot be written: is the disk full?";
    } else {
        result = parts_->log.append(messages);
    }
    if (result.status == PutMessageStatus::PUT_OK) {
        parts_->put_messages.fetch_add(result.message_count, std::memory_order_relaxed);
        parts_->put_bytes.fetch_add(result.end - result.physical_offset, std::memory_order_relaxed);
    } else {
        parts_->put_failures.fetch_add(1, std::memory_order_relaxed);
    }
    return result;
}

bool MessageStore::needs_flush_wait() const {
    return parts_->flush.is_sync();
}

void MessageStore::when_flushed(PhysicalOffset end, UniqueFunction<void(PutMessageStatus)> done) {
    parts_->flush.when_flushed(end, std::move(done));
}

bool MessageStore::is_writeable() const {
    return parts_->flags.is_writeable() && !parts_->dispatcher.has_queue_error();
}

bool MessageStore::is_os_page_cache_busy() const {
    return parts_->log.is_os_page_cache_busy();
}

GetMessageResult MessageStore::get_message(const GetMessageRequest& request) {
    return parts_->reader.get(request);
}

std::optional<MappedSlice> MessageStore::record_at(PhysicalOffset offset) const {
    return parts_->log.record_at(offset);
}

bool MessageStore::is_cold(PhysicalOffset offset) const {
    return parts_->reader.is_cold(offset);
}

bool MessageStore::is_in_cold_area(PhysicalOffset offset) const {
    return parts_->reader.is_in_cold_area(offset);
}

QueryMessageResult MessageStore::query_message(std::string_view topic, std::string_view key,
                                               int max, std::int64_t begin_ms,
                                               std::int64_t end_ms) {
    return parts_->query.query_message(topic, key, max, begin_ms, end_ms);
}

QueueOffset MessageStore::min_offset(std::string_view topic, std::int32_t queue_id) const {
    const ConsumeQueue* queue = parts_->queues.find(topic, queue_id);
    return queue == nullptr ? QueueOffset{-1} : queue->min_offset();
}

QueueOffset MessageStore::max_offset(std::string_view topic, std::int32_t queue_id) const {
    const ConsumeQueue* queue = parts_->queues.find(topic, queue_id);
    return queue == nullptr ? QueueOffset{0} : queue->max_offset();
}

std::int64_t MessageStore::store_timestamp_at(std::string_view topic, std::int32_t queue_id,
                                              QueueOffset offset) const {
    return parts_->query.store_timestamp_at(topic, queue_id, offset);
}

std::optional<MessageStore::QueueEntry> MessageStore::queue_entry(std::string_view topic,
                                                                  std::int32_t queue_id,
                                                                  QueueOffset offset) const {
    const ConsumeQueue* queue = parts_->queues.find(topic, queue_id);
    if (queue == nullptr || offset < queue->min_offset() || offset >= queue->max_offset()) {
        return std::nullopt;
    }
    const auto entry = queue->entry(offset);
    if (!entry) {
        return std::nullopt;
    }
    return QueueEntry{entry->physical_offset, entry->size, entry->tags_code};
}

QueueOffset MessageStore::search_offset_by_time(std::string_view topic, std::int32_t queue_id,
                                                std::int64_t timestamp_ms,
                                                BoundaryType boundary) const {
    return parts_->query.search_offset_by_time(topic, queue_id, timestamp_ms, boundary);
}

bool MessageStore::is_offset_in_memory(std::string_view topic, std::int32_t queue_id,
                                       QueueOffset offset) const {
    return parts_->query.is_offset_in_memory(topic, queue_id, offset);
}

void MessageStore::delete_topic(std::string_view topic) {
    parts_->queues.delete_topic(topic);
}

int MessageStore::clean_unused_topics(const std::set<std::string, std::less<>>& retained) {
    return parts_->queues.clean_unused(retained);
}

void MessageStore::clean_expired_consume_queues() {
    parts_->queues.clean_expired(parts_->log.min_offset());
}

void MessageStore::delete_expired_commit_log_files() {
    parts_->retention.request();
}

std::vector<std::pair<std::string, std::int32_t>> MessageStore::queues() const {
    std::vector<std::pair<std::string, std::int32_t>> queues;
    parts_->queues.for_each(
        [&](const ConsumeQueue& queue) { queues.emplace_back(queue.topic(), queue.queue_id()); });
    return queues;
}

MessageStoreRuntime MessageStore::runtime() const {
    MessageStoreRuntime runtime;
    runtime.commit_log_min = parts_->log.min_offset();
    runtime.commit_log_max = parts_->log.max_offset();
    runtime.flushed = parts_->log.flushed_offset();
    runtime.dispatch_behind_bytes = parts_->dispatcher.behind_bytes();
    runtime.append_lock_held_ms = parts_->log.append_lock_held_ms();
    runtime.disk_ratio_commit_log = parts_->retention.commit_log_ratio();
    runtime.disk_ratio_consume_queue = parts_->retention.consume_queue_ratio();
    runtime.put_messages = parts_->put_messages.load(std::memory_order_relaxed);
    runtime.put_bytes = parts_->put_bytes.load(std::memory_order_relaxed);
    runtime.put_failures = parts_->put_failures.load(std::memory_order_relaxed);
    const auto counters = parts_->reader.counters();
    runtime.get_found = counters.found;
    runtime.get_miss = counters.miss;
    runtime.get_messages = counters.messages;
    runtime.earliest_message_timestamp = parts_->log.store_timestamp_at(runtime.commit_log_min);
    runtime.writeable = is_writeable();
    runtime.disk_full = parts_->flags.has(RunningFlags::kDiskFull);
    return runtime;
}

}  // namespace rmq::store
