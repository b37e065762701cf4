// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "common/offsets.h"
#include "common/result.h"
#include "store/get_message.h"
#include "store/log_source.h"
#include "store/mapped_file_queue.h"
#include "store/put_message.h"
#include "store/running_flags.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>

namespace rmq::store {

class AllocateService;
class ConsumeQueue;
class ConsumeQueueTable;
class LateProperties;
struct MessageStoreConfig;

// The log of all messages: records one behind the other in files of fixed size, see
// common/message/message_layout.h. Owns its files and the append lock.
//
// An append encodes on the calling thread, then under the lock takes the queue offset and the
// position, copies the record into the mapping with its first four bytes last, and publishes the
// end. So a process killed at any instruction leaves either the whole batch or nothing a reader
// takes for a record. PUT_OK promises that the record survives the death of this process; a power
// loss only after flush() passed it.
// Thread safety: append and all reading from any thread; flush from the flush thread; load and
// truncate before the threads start. Source: CommitLog (5.5.0).
class CommitLog final : public LogSource {
public:
    // What a log stands on; all of it outlives the log.
    struct Parts {
        const MessageStoreConfig& config;
        MappedFileQueue& files;
        AllocateService& allocate;
        ConsumeQueueTable& queues;
        RunningFlags& flags;
        const Clock& clock;
    };
    explicit CommitLog(const Parts& parts);

    // --- recovery ------------------------------------------------------------------------------
    // Ends the log at `end`: what is before it counts as written and flushed, what is behind it is
    // gone. Errors: kIo, kResourceExhausted.
    Status truncate(PhysicalOffset end);

    // --- writing -------------------------------------------------------------------------------
    // Appends the messages, all of one queue, together in one file; all or none. No heap
    // allocation but for messages over 1 MiB. Blocks only when the next file is not ready.
    PutMessageResult append(std::span<const MessageToPut> messages);
    // Called after each append with no lock held; must be cheap. Set before the first append.
    void set_append_listener(std::function<void()> listener);
    // How long the present holder has had the append lock; 0 when it is free. M-14.
    std::int64_t append_lock_held_ms() const;
    bool is_os_page_cache_busy() const;

    // --- flushing (flush thread) ---------------------------------------------------------------
    // Forces everything appended so far to the disk and moves flushed_offset(). When that fails the
    // store is poisoned: no append ever succeeds again. Errors: kIo, and kUnavailable from then on.
    Status flush();
    // Store time of the newest record that is on the disk; for the checkpoint.
    std::int64_t flushed_store_timestamp() const { return flushed_store_timestamp_.load(); }
    bool is_poisoned() const { return poisoned_.load(std::memory_order_acquire); }

    // --- reading -------------------------------------------------------------------------------
    // First byte still there, and the end of the last record. Equal in an empty log.
    PhysicalOffset min_offset() const override { return {files_.min_position()}; }
    PhysicalOffset max_offset() const override { return {end_.load(std::memory_order_acquire)}; }
    PhysicalOffset flushed_offset() const { return {flushed_.load(std::memory_order_acquire)}; }
    PhysicalOffset dispatch_limit() const override;
    // The bytes from `from` to the end of its file or dispatch_limit(). Empty at the limit, behind
    // it, and before min_offset().
    MappedSlice read(PhysicalOffset from) const override;
    PhysicalOffset next_file_start(PhysicalOffset offset) const override;
    // Exactly `size` bytes at `offset`; nothing when they are not all in one file and written.
    std::optional<MappedSlice> slice(PhysicalOffset offset, std::int64_t size) const;
    // The record at exactly this offset, by its own size; nothing when there is no valid record.
    std::optional<MappedSlice> record_at(PhysicalOffset offset) const;
    // Store time of the record at `offset`, -1 when there is none.
    std::int64_t store_timestamp_at(PhysicalOffset offset) const;

    const MappedFileQueue& files() const { return files_; }

private:
    struct Encoded;

    PutMessageResult find_late_properties(const MessageToPut& message, LateProperties& late);
    PutMessageResult write(Encoded& encoded, ConsumeQueue& queue);
    bool write_in(MappedFile& file, const Encoded& encoded, ConsumeQueue& queue,
                  PutMessageResult& result);
    Status roll(const MappedFileQueue::File& full);
    void close_file(MappedFile& file);
    void poison(const std::string& reason);

    const Parts parts_;
    MappedFileQueue& files_;
    const bool dispatch_flushed_only_;  // SYNC_FLUSH: readers see only what a power loss spares
    std::function<void()> append_listener_;

    std::mutex roll_mutex_;  // taken before append_mutex_; held while the next file is awaited
    std::mutex append_mutex_;
    MappedFileQueue::File current_;  // guarded by append_mutex_; the last file, or null
    // When the present holder took the lock, 0 when it is free.
    std::atomic<std::int64_t> append_taken_ms_{0};
    std::atomic<std::int64_t> roll_taken_ms_{0};

    std::atomic<std::int64_t> end_{0};
    std::atomic<std::int64_t> end_store_timestamp_{0};
    std::atomic<std::int64_t> flushed_{0};
    std::atomic<std::int64_t> flushed_store_timestamp_{0};
    std::atomic<bool> poisoned_{false};
};

}  // namespace rmq::store
