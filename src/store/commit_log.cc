// SPDX-License-Identifier: Apache-2.0
#include "store/commit_log.h"

#include "common/assert.h"
#include "common/bytes.h"
#include "common/log.h"
#include "common/message/message_layout.h"
#include "common/message/message_record.h"
#include "store/allocate_service.h"
#include "store/bus_error_guard.h"
#include "store/consume_queue.h"
#include "store/consume_queue_table.h"
#include "store/late_properties.h"
#include "store/message_encoder.h"
#include "store/message_store_config.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

namespace rmq::store {

namespace {

PutMessageResult refusal(PutMessageStatus status, std::string_view remark) {
    PutMessageResult result;
    result.status = status;
    result.remark = remark;
    return result;
}

// Says for how long a lock has been held, without a system call by the holder.
class HeldSince {
public:
    HeldSince(std::atomic<std::int64_t>& since, std::int64_t now_ms) : since_(since) {
        since_.store(now_ms, std::memory_order_relaxed);
    }
    ~HeldSince() { since_.store(0, std::memory_order_relaxed); }
    HeldSince(const HeldSince&) = delete;
    HeldSince& operator=(const HeldSince&) = delete;

private:
    std::atomic<std::int64_t>& since_;
};

bool takes_queue_offset(std::int32_t flags) {
    const std::int32_t type = flags & sys_flag::kTransactionMask;
    return type == sys_flag::kTransactionNot || type == sys_flag::kTransactionCommit;
}

}  // namespace

// Records of one append as the encoder left them: complete but for what the lock decides.
struct CommitLog::Encoded {
    char* data = nullptr;
    std::int64_t bytes = 0;
    std::int32_t count = 0;
    bool takes_queue_offset = true;
    std::int64_t store_timestamp_at = 0;   // in each record; depends on the born host's length
    std::int32_t messages_per_record = 1;  // by how much a record advances the queue
    LateProperties* late = nullptr;        // of the only record, if it has any
};

CommitLog::CommitLog(const Parts& parts)
    : parts_(parts),
      files_(parts.files),
      dispatch_flushed_only_(parts.config.flush_disk_type == FlushDiskType::SYNC_FLUSH) {}

Status CommitLog::truncate(PhysicalOffset end) {
    RMQ_CHECK(files_.truncate(end.value));
    std::lock_guard lock(append_mutex_);
    current_ = files_.last();
    end_.store(end.value);
    flushed_.store(end.value);
    return {};
}

void CommitLog::set_append_listener(std::function<void()> listener) {
    append_listener_ = std::move(listener);
}

// PUT_OK, or why the message is refused. Source: HookUtils.checkInnerBatch, handleLmqQuota.
PutMessageResult CommitLog::find_late_properties(const MessageToPut& message,
                                                 LateProperties& late) {
    if ((message.sys_flag & sys_flag::kInnerBatch) != 0 &&
        !parts_.queues.is_batch_topic(message.topic)) {
        return refusal(PutMessageStatus::MESSAGE_ILLEGAL,
                       "an inner batch goes to topics with queue.type=BatchCQ alone");
    }
    const MessageStoreConfig& config = parts_.config;
    const bool has_quota =
        config.enable_lmq_quota && config.enable_lmq && config.enable_multi_dispatch;
    auto found = LateProperties::of(message, config.enable_lmq,
                                    has_quota ? config.max_lmq_consume_queue_num.get()
                                              : std::numeric_limits<std::int32_t>::max(),
                                    parts_.queues);
    if (!found) {
        return refusal(PutMessageStatus::LMQ_CONSUME_QUEUE_NUM_EXCEEDED,
                       "maxLmqConsumeQueueNum light queues exist");
    }
    late = std::move(*found);
    return {};
}

PutMessageResult CommitLog::append(std::span<const MessageToPut> messages) {
    RMQ_ASSERT(!messages.empty(), "an append without a message has no position");
    if (!parts_.flags.is_writeable()) {
        return refusal(PutMessageStatus::SERVICE_NOT_AVAILABLE,
                       "the store is not writeable: shut down, disk full or a failed disk");
    }
    if (is_os_page_cache_busy()) {
        return refusal(PutMessageStatus::OS_PAGE_CACHE_BUSY, "the append lock is held too long");
    }
    const MessageToPut& first = messages.front();
    LateProperties late;
    if ((parts_.config.enable_lmq || (first.sys_flag & sys_flag::kInnerBatch) != 0) &&
        messages.size() == 1) [[unlikely]] {
        if (const auto fault = find_late_properties(first, late);
            fault.status != PutMessageStatus::PUT_OK) {
            return fault;
        }
    }
    const bool seals = parts_.config.enabled_append_prop_crc;
    if (seals && late.any()) [[unlikely]] {
        late.set_seals();
    }
    const EncodeLimits limits{parts_.config.max_message_size, files_.options().file_size,
                              parts_.config.auto_message_version_on_topic_len, late.max_bytes(),
                              seals && !late.any()};
    MessageEncoder& encoder = MessageEncoder::of_this_thread();
    if (const auto fault = encoder.encode(messages, limits);
        fault.status != PutMessageStatus::PUT_OK) {
        return refusal(fault.status, fault.remark);
    }
    Encoded encoded{encoder.data(), encoder.size(), static_cast<std::int32_t>(messages.size()),
                    takes_queue_offset(first.sys_flag),
                    layout::kBornHostAt + 8 + (first.born_host.is_v6 ? layout::kV6ExtraBytes : 0)};
    if (late.any()) [[unlikely]] {
        if (late.has_light_queues() &&
            encoded.bytes + limits.reserve_bytes > parts_.config.max_message_size) {
            encoder.trim();
            return refusal(PutMessageStatus::MESSAGE_ILLEGAL,
                           "the record of a message for light queues is over maxMessageSize");
        }
        late.encoded(encoded.bytes);
        encoded.late = &late;
        encoded.messages_per_record = late.message_count();
        encoded.count = late.message_count();
    }
    PutMessageResult result = write(encoded, parts_.queues.queue(first.topic, first.queue_id));
    encoder.trim();
    if (result.status == PutMessageStatus::PUT_OK) {
        parts_.allocate.appended(result.end.value);
        if (append_listener_) {
            append_listener_();
        }
    }
    return result;
}

PutMessageResult CommitLog::write(Encoded& encoded, ConsumeQueue& queue) {
    for (;;) {
        MappedFileQueue::File full;
        {
            std::lock_guard lock(append_mutex_);
            PutMessageResult result;
            if (is_poisoned()) {
                return refusal(PutMessageStatus::SERVICE_NOT_AVAILABLE, "the disk failed");
            }
            if (encoded.late != nullptr) [[unlikely]] {
                encoded.bytes = encoded.late->complete(encoded.data, queue.next_offset());
            }
            if (current_ && write_in(*current_, encoded, queue, result)) {
                return result;
            }
            full = current_;
        }
        if (const auto rolled = roll(full); !rolled) {
            log_of("store").error("commit_log_roll_failed reason=\"{}\"", rolled.error().remark);
            if (rolled.error().code == Errc::kResourceExhausted) {
                return refusal(PutMessageStatus::SERVICE_NOT_AVAILABLE,
                               "the disk is full: there is no room for the next CommitLog file");
            }
            return refusal(PutMessageStatus::CREATE_MAPPED_FILE_FAILED,
                           "the next CommitLog file cannot be created");
        }
    }
}

// Under append_mutex_. False when the records do not fit with the blank that must close a file.
bool CommitLog::write_in(MappedFile& file, const Encoded& encoded, ConsumeQueue& queue,
                         PutMessageResult& result) {
    const std::int64_t wrote = file.wrote_position();
    if (encoded.bytes + layout::kBlankBytes > file.size() - wrote) {
        return false;
    }
    const std::int64_t now = parts_.clock.now_ms();
    const HeldSince held(append_taken_ms_, now);
    const std::int64_t position = file.start() + wrote;
    const QueueOffset queue_offset =
        encoded.takes_queue_offset ? queue.next_offset() : QueueOffset{};
    std::int64_t number = queue_offset.value;
    for (std::int64_t at = 0; at < encoded.bytes;) {
        char* record = encoded.data + at;
        store_be(record + layout::kQueueOffsetAt, number);
        store_be(record + layout::kPhysicalOffsetAt, position + at);
        store_be(record + encoded.store_timestamp_at, now);
        number += encoded.takes_queue_offset ? encoded.messages_per_record : 0;
        const auto bytes = load_be<std::int32_t>(record);
        if (parts_.config.enabled_append_prop_crc) [[unlikely]] {
            seal_record(record, bytes);
        }
        at += bytes;
    }
    // The size field of the first record comes last: until it is there, whoever scans the log after
    // a crash of this process finds zero, the end. The barrier keeps the compiler from joining the
    // two copies; the processor keeps stores in order.
    char* to = file.writable(wrote);
    constexpr std::size_t kSizeField = sizeof(std::int32_t);
    std::memcpy(to + kSizeField, encoded.data + kSizeField,
                static_cast<std::size_t>(encoded.bytes) - kSizeField);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    std::memcpy(to, encoded.data, kSizeField);
    if (has_lost_pages(to, static_cast<std::size_t>(encoded.bytes))) [[unlikely]] {
        poison("a page of " + file.path() + " is lost");
        result = refusal(PutMessageStatus::SERVICE_NOT_AVAILABLE, "the disk failed");
        return true;
    }
    file.publish(wrote + encoded.bytes);
    if (encoded.takes_queue_offset) {
        queue.set_next_offset({number});
    }
    if (encoded.late != nullptr) [[unlikely]] {
        encoded.late->appended();
    }
    end_store_timestamp_.store(now, std::memory_order_release);
    end_.store(position + encoded.bytes, std::memory_order_release);

    result.physical_offset = {position};
    result.queue_offset = queue_offset;
    result.end = {position + encoded.bytes};
    result.store_timestamp = now;
    result.message_count = encoded.count;
    return true;
}

// Puts the next file behind `full` (null: the log has no file). Appends that still fit go on in
// `full` while the file is made.
Status CommitLog::roll(const MappedFileQueue::File& full) {
    std::lock_guard roll_lock(roll_mutex_);
    const HeldSince held(roll_taken_ms_, parts_.clock.now_ms());
    {
        std::lock_guard lock(append_mutex_);
        if (current_ != full) {
            return {};  // another thread was faster
        }
    }
    const std::int64_t start = full ? full->end() : end_.load();
    RMQ_TRY(auto next, parts_.allocate.take(start));
    {
        std::lock_guard lock(append_mutex_);
        if (full) {
            close_file(*full);
        }
        files_.append(next);
        end_.store(start, std::memory_order_release);
        current_ = std::move(next);
    }
    parts_.allocate.want(start + files_.options().file_size);
    return {};
}

// Under append_mutex_. Tells readers to go on in the next file.
void CommitLog::close_file(MappedFile& file) {
    const std::int64_t wrote = file.wrote_position();
    const std::int64_t left = file.size() - wrote;
    if (left > 0) {
        RMQ_ASSERT(left >= layout::kBlankBytes, "an append leaves room for the blank");
        store_be(file.writable(wrote) + layout::kMagicAt, layout::kBlankMagic);
        store_be(file.writable(wrote), static_cast<std::int32_t>(left));
        file.publish(file.size());
    }
}

std::int64_t CommitLog::append_lock_held_ms() const {
    const std::int64_t append = append_taken_ms_.load(std::memory_order_relaxed);
    const std::int64_t roll = roll_taken_ms_.load(std::memory_order_relaxed);
    if (append == 0 && roll == 0) {
        return 0;
    }
    const std::int64_t since = append == 0 || (roll != 0 && roll < append) ? roll : append;
    return std::max<std::int64_t>(parts_.clock.now_ms() - since, 0);
}

bool CommitLog::is_os_page_cache_busy() const {
    return append_lock_held_ms() > parts_.config.os_page_cache_busy_time_out_mills;
}

Status CommitLog::flush() {
    if (is_poisoned()) {
        return Error{Errc::kUnavailable, "an earlier sync of the CommitLog failed"};
    }
    // Before the positions: every record up to this time is then below what is forced.
    const std::int64_t timestamp = end_store_timestamp_.load(std::memory_order_acquire);
    const auto flushed = files_.flush();
    if (!flushed) {
        // What the disk now holds is unknown, and a second sync may succeed without having written
        // the lost pages. So there is no retry, and no acknowledgement ever again.
        poison(flushed.error().remark);
        return flushed.error();
    }
    flushed_.store(*flushed, std::memory_order_release);
    flushed_store_timestamp_.store(timestamp, std::memory_order_release);
    return {};
}

void CommitLog::poison(const std::string& reason) {
    parts_.flags.set(RunningFlags::kNotWriteable);
    poisoned_.store(true, std::memory_order_release);
    log_of("store").error("commit_log_sync_failed writes=refused reason=\"{}\"", reason);
}

PhysicalOffset CommitLog::dispatch_limit() const {
    return dispatch_flushed_only_ ? flushed_offset() : max_offset();
}

MappedSlice CommitLog::read(PhysicalOffset from) const {
    const std::int64_t limit = dispatch_limit().value;
    if (from.value >= limit) {
        return {};
    }
    const auto file = files_.find(from.value);
    return file ? file->slice(from.value - file->start(), limit - from.value) : MappedSlice{};
}

PhysicalOffset CommitLog::next_file_start(PhysicalOffset offset) const {
    const std::int64_t file_size = files_.options().file_size;
    const auto file = files_.find(offset.value);
    return {file ? file->end() : (offset.value / file_size + 1) * file_size};
}

std::optional<MappedSlice> CommitLog::slice(PhysicalOffset offset, std::int64_t size) const {
    const auto file = files_.find(offset.value);
    if (!file || size <= 0) {
        return std::nullopt;
    }
    MappedSlice slice = file->slice(offset.value - file->start(), size);
    if (static_cast<std::int64_t>(slice.bytes.size()) != size) {
        return std::nullopt;
    }
    return slice;
}

std::optional<MappedSlice> CommitLog::record_at(PhysicalOffset offset) const {
    const auto file = files_.find(offset.value);
    if (!file) {
        return std::nullopt;
    }
    MappedSlice slice = file->slice(offset.value - file->start(), file->size());
    const auto record = decode_message(slice.bytes);
    if (!record || record->physical_offset != offset) {
        return std::nullopt;
    }
    slice.bytes = slice.bytes.substr(0, static_cast<std::size_t>(record->total_size));
    return slice;
}

std::int64_t CommitLog::store_timestamp_at(PhysicalOffset offset) const {
    const auto found = record_at(offset);
    if (!found) {
        return -1;
    }
    const auto record = decode_message(found->bytes);
    return record ? record->store_timestamp : -1;
}

}  // namespace rmq::store
