// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/offsets.h"
#include "common/result.h"
#include "store/batch_queue_unit.h"
#include "store/get_message.h"
#include "store/unit_files.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::store {

class MappedRegion;

// One entry of a consume queue. Big-endian on the disk:
//
//   offset  bytes  field
//        0      8  CommitLog position of the record
//        8      4  totalSize of the record
//       12      8  tagsCode: hash of TAGS sign-extended, or the deliver time in the delay topic
//
// Entry n lives at byte n * 20 of the queue's files. Source: ConsumeQueue (5.5.0).
struct ConsumeQueueEntry {
    static constexpr std::int64_t kBytes = 20;

    PhysicalOffset physical_offset;
    std::int32_t size = 0;
    std::int64_t tags_code = 0;

    // Stands for an entry that was never written because the queue's first record was not number 0.
    bool is_filler() const { return physical_offset.value == 0 && size == INT32_MAX; }
};

// Precondition: `at` has ConsumeQueueEntry::kBytes bytes.
ConsumeQueueEntry decode_consume_queue_entry(const char* at);

struct ConsumeQueueOptions {
    std::string root;                             // …/consumequeue
    std::int64_t entries_per_file = 300'000;      // mappedFileSizeConsumeQueue / 20, rounded up
    std::string batch_root{};                     // …/batchconsumequeue
    std::int64_t batch_units_per_file = 300'000;  // mapperFileSizeBatchConsumeQueue / 46
    // Topics with queue.type=BatchCQ; empty: none.
    std::function<bool(std::string_view topic)> is_batch_topic{};
    // Counts the light queues that exist; null: nobody asks.
    std::atomic<std::int32_t>* light_queue_count = nullptr;
};

// The two formats of a queue. Source: CQType.
enum class QueueType { kSimple, kBatch };

// Consecutive entries of one file, with what keeps them mapped.
struct ConsumeQueueWindow {
    std::shared_ptr<const MappedRegion> owner;
    std::string_view bytes;  // a multiple of the unit size; empty: no data there
    QueueType type = QueueType::kSimple;

    std::int64_t unit_bytes() const {
        return type == QueueType::kBatch ? BatchQueueUnit::kBytes : ConsumeQueueEntry::kBytes;
    }
};

// The entries of one topic-queue, oldest to newest, in files of a fixed number of entries. Costs no
// mapping, descriptor or disk space until an entry is put or read.
// Thread safety: put() on one thread at a time (dispatch, or recovery before the threads start);
// everything else from any thread. Lifecycle: load(), recover(), then put and read; the object
// outlives its files (see ConsumeQueueTable).
// A put that succeeded is visible to every reader and survives a crash of this process; it survives
// a power loss after flush(). Source: ConsumeQueue (5.5.0).
class ConsumeQueue {
public:
    ConsumeQueue(const ConsumeQueueOptions& options, std::string_view topic, std::int32_t queue_id);
    ~ConsumeQueue();
    ConsumeQueue(const ConsumeQueue&) = delete;
    ConsumeQueue& operator=(const ConsumeQueue&) = delete;

    const std::string& topic() const { return topic_; }
    std::int32_t queue_id() const { return queue_id_; }
    // Of the simple format.
    std::string directory() const;

    // --- recovery (before any other thread knows the queue) ------------------------------------
    // Finds the files of this format. An empty or all-zero last file is deleted. Errors: kMalformed
    // when a file has another length than configured, kIo, kPermissionDenied.
    Status load(QueueType type = QueueType::kSimple);
    // Finds the end: the first entry from the third file from the end on that is not written.
    // Later files are dropped. No entry reaches behind the log's last file, and none is missing in
    // front while the log has its first byte. Blocks on reading. Errors: kIo.
    struct LogBounds {
        PhysicalOffset begin{1};
        PhysicalOffset end{INT64_MAX};
    };
    Status recover() { return recover(LogBounds{}); }
    Status recover(const LogBounds& log);
    // After recover(): entries behind max_physical_offset() are lost, although their records may be
    // there, and must be put again.
    UnitFiles::Damage damage() const { return files_.damage(); }
    // Drops every entry at or behind this CommitLog position, and clears the bytes of the rest of
    // the last file. Errors: kIo.
    Status truncate(PhysicalOffset end);

    // --- writing -------------------------------------------------------------------------------
    enum class PutOutcome {
        kWritten,
        kRepeated,  // the queue already covers this record; nothing written
    };
    // Appends the entry of a record. A record at or below max_physical_offset() is a repeat. The
    // first record of an empty queue may have any number: the entries before it in its file become
    // filler. A later gap (which only a damaged queue has) is closed with copies of the entry, so
    // that positions stay equal to numbers; clients drop the copies by their queue offset.
    // `inner` is used by a batch queue alone: what its unit says beside the entry. (The original
    // writes no unit for a record that is no inner batch, so that nobody ever gets it.)
    // A number that cannot be is logged, and the record left out.
    // Errors: kResourceExhausted (disk full; retry later), kIo.
    struct Inner {
        std::int64_t store_timestamp = 0;
        std::int16_t count = 1;
    };
    Result<PutOutcome> put(const ConsumeQueueEntry& entry, QueueOffset number,
                           const Inner& inner = {0, 1});
    // Forces what was put to the disk when at least `least_pages` pages of 4 KiB are dirty; 0
    // forces whatever there is. Errors: kIo. Blocks.
    Status flush(int least_pages);
    // The same in two steps, for one who forces many queues at once: what is to be forced, and that
    // it was.
    UnitFiles::Dirty dirty(int least_pages) const;
    void flushed(const UnitFiles::Dirty& dirty);

    // --- retention -----------------------------------------------------------------------------
    // Ends recovery: next_offset() and start_offset() become the end; mappings made on the way are
    // dropped, so that a queue costs nothing until it is used.
    void finish_recovery(PhysicalOffset commit_log_min);
    // Moves min_offset() to the first entry at or behind the CommitLog's first byte.
    void correct_min_offset(PhysicalOffset commit_log_min);
    // Deletes the files, except the last, whose last entry lies before the CommitLog's first byte;
    // then corrects the minimum. Returns how many went.
    int delete_expired_files(PhysicalOffset commit_log_min);
    // Deletes the files and the directory. The queue is then as new: not existing, offsets 0.
    void destroy();

    // --- reading -------------------------------------------------------------------------------
    // Whether the queue has files or had a put. A queue that does not exist is not listed.
    bool exists() const { return exists_.load(std::memory_order_acquire); }
    // First readable entry and the next one to be written; equal when there is nothing to read.
    QueueOffset min_offset() const { return {min_offset_.load(std::memory_order_acquire)}; }
    QueueOffset max_offset() const { return {max_offset_.load(std::memory_order_acquire)}; }
    // The end when this process started: entries before it may not be in memory.
    QueueOffset start_offset() const { return {start_offset_.load(std::memory_order_relaxed)}; }
    // CommitLog position behind the last record put; -1 when nothing was ever put.
    PhysicalOffset max_physical_offset() const {
        return {max_physical_offset_.load(std::memory_order_acquire)};
    }
    QueueType type() const { return type_.load(std::memory_order_acquire); }
    // The entries from `from` to the end of its file or of the queue, of a batch queue from the
    // batch that holds `from`. Empty outside [first, max). The first read of a file maps it (a few
    // µs); pages may have to come from the disk.
    ConsumeQueueWindow read(QueueOffset from) const;
    std::optional<ConsumeQueueEntry> entry(QueueOffset number) const;
    // Number of the first entry of the file behind the one that would hold `number`. A batch queue
    // gives `number`: where its files begin, is not to be computed.
    QueueOffset next_file_start(QueueOffset number) const;
    // Of a batch queue: see batch_offset_by_time().
    QueueOffset batch_offset_at(std::int64_t timestamp_ms, BoundaryType boundary) const;
    // --- the number the next put_message of this queue gets --------------------------------------
    // Read and advanced by the append path under the CommitLog's append lock; set by recovery and
    // reset by delete_topic. Relaxed: the append lock orders it.
    QueueOffset next_offset() const { return {next_offset_.load(std::memory_order_relaxed)}; }
    void set_next_offset(QueueOffset next) {
        next_offset_.store(next.value, std::memory_order_relaxed);
    }

private:
    UnitFiles::Layout layout(QueueType type) const;
    // All below: mutex_ is held.
    Status recover_simple(PhysicalOffset log_end);
    Status recover_batch(PhysicalOffset log_end);
    PhysicalOffset record_end(std::int64_t unit) const;
    QueueOffset offset_behind(std::int64_t unit) const;
    Status start(const ConsumeQueueEntry& entry, QueueOffset number, const Inner& inner);
    Status append(const ConsumeQueueEntry& entry);
    Status append_batch(const ConsumeQueueEntry& entry, QueueOffset number, const Inner& inner);
    void correct_min_offset_locked(PhysicalOffset commit_log_min);
    void set_exists(bool exists);

    const std::string topic_;
    const std::int32_t queue_id_;
    const ConsumeQueueOptions& options_;

    mutable std::mutex mutex_;
    UnitFiles files_;                                  // guarded by mutex_
    std::atomic<QueueType> type_{QueueType::kSimple};  // changes only while there are no files

    std::atomic<bool> exists_{false};
    std::atomic<std::int64_t> min_offset_{0};
    std::atomic<std::int64_t> max_offset_{0};
    std::atomic<std::int64_t> start_offset_{0};
    std::atomic<std::int64_t> max_physical_offset_{-1};
    std::atomic<std::int64_t> next_offset_{0};
};

}  // namespace rmq::store
