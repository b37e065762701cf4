// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "common/result.h"
#include "common/unique_function.h"
#include "store/get_message.h"
#include "store/message_arrival.h"
#include "store/message_store_config.h"
#include "store/put_message.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::store {

class FileOps;

struct MessageStoreRuntime {
    PhysicalOffset commit_log_min;
    PhysicalOffset commit_log_max;
    PhysicalOffset flushed;
    std::int64_t dispatch_behind_bytes = 0;
    std::int64_t append_lock_held_ms = 0;  // how long the present holder has had the append lock
    double disk_ratio_commit_log = 0;      // 0…1
    double disk_ratio_consume_queue = 0;
    std::int64_t put_messages = 0;  // since start
    std::int64_t put_bytes = 0;
    std::int64_t put_failures = 0;
    std::int64_t get_found = 0;
    std::int64_t get_miss = 0;
    std::int64_t get_messages = 0;
    std::int64_t earliest_message_timestamp = -1;
    bool writeable = false;
    bool disk_full = false;
};

// Façade of the store: the CommitLog, its queues and indexes, and the threads that serve them
// (dispatch, flush, allocate, maintenance).
// Thread safety: every member from any thread, except load/start/shutdown.
// Lifecycle: construct, load() (recovers; no writes yet), start() (threads), shutdown().
// A PUT_OK means: in the mapping of the CommitLog, survives a crash of this process; with
// SYNC_FLUSH it survives a power loss only once when_flushed() said so.
// Source: DefaultMessageStore (5.5.0).
class MessageStore {
public:
    MessageStore(const MessageStoreConfig& config, const Clock& clock);
    // With the CommitLog's system calls replaced, for tests; `ops` outlives the store.
    MessageStore(const MessageStoreConfig& config, const Clock& clock, FileOps& ops);
    ~MessageStore();
    MessageStore(const MessageStore&) = delete;
    MessageStore& operator=(const MessageStore&) = delete;

    // Set before start().
    void set_arrival_listener(ArrivalListener listener);
    void set_delay_level_millis(DelayLevelMillis delay);
    // Which topics have queue.type=BatchCQ. Set before load(); called from any thread.
    void set_batch_topics(std::function<bool(std::string_view topic)> is_batch_topic);

    // Takes the lock file, loads and recovers. Errors: kBusy when another process has the
    // directory, kPermissionDenied, kIo, kMalformed (a file has the wrong length); the remark names
    // the path and what to do. May take long after a crash; blocks.
    Status load();
    // Whether load() found what a crash left, of the process or of the machine.
    bool had_crashed() const;
    Status start();
    // Stops the threads, flushes, writes the checkpoint, removes `abort`.
    void shutdown();

    // --- writing -------------------------------------------------------------------------------
    PutMessageResult put_message(const MessageToPut& message);
    // Messages of one queue, appended together in one file; all or none.
    PutMessageResult put_messages(std::span<const MessageToPut> messages);
    // True when a put with this WAIT property must be awaited with when_flushed (SYNC_FLUSH).
    bool needs_flush_wait() const;
    // Calls `done` exactly once: PUT_OK when everything before `end` is on disk,
    // FLUSH_DISK_TIMEOUT after syncFlushTimeout, SERVICE_NOT_AVAILABLE when a sync failed. From the
    // flush thread, or inline when already flushed.
    void when_flushed(PhysicalOffset end, UniqueFunction<void(PutMessageStatus)> done);
    bool is_writeable() const;
    bool is_os_page_cache_busy() const;

    // --- reading -------------------------------------------------------------------------------
    GetMessageResult get_message(const GetMessageRequest& request);
    // The record at exactly this CommitLog offset, whatever its size says; nothing when there is no
    // valid record. May touch cold pages: call on a blocking thread when is_cold(offset).
    std::optional<MappedSlice> record_at(PhysicalOffset offset) const;
    bool is_cold(PhysicalOffset offset) const;
    // For the control of cold reads: see MessageReader.
    bool is_in_cold_area(PhysicalOffset offset) const;
    // Up to `max` records whose KEYS or UNIQ_KEY gave `key` (hash matches; callers compare text).
    // Blocks: run it on the blocking pool. Times are store times in ms, inclusive.
    QueryMessageResult query_message(std::string_view topic, std::string_view key, int max,
                                     std::int64_t begin_ms, std::int64_t end_ms);

    // Queue bounds: first readable entry, and the next one to be written. min is -1, max 0 for an
    // unknown queue. max counts only what was dispatched.
    QueueOffset min_offset(std::string_view topic, std::int32_t queue_id) const;
    QueueOffset max_offset(std::string_view topic, std::int32_t queue_id) const;
    // Store time of the message at a queue offset, -1 when there is none. May block.
    std::int64_t store_timestamp_at(std::string_view topic, std::int32_t queue_id,
                                    QueueOffset offset) const;
    // CommitLog position, size and tag code of a queue entry; nothing outside [min, max).
    struct QueueEntry {
        PhysicalOffset physical_offset;
        std::int32_t size = 0;
        std::int64_t tags_code = 0;
    };
    std::optional<QueueEntry> queue_entry(std::string_view topic, std::int32_t queue_id,
                                          QueueOffset offset) const;
    // Source: DefaultMessageStore.getOffsetInQueueByTime. May block.
    QueueOffset search_offset_by_time(std::string_view topic, std::int32_t queue_id,
                                      std::int64_t timestamp_ms, BoundaryType boundary) const;
    // Whether the start of this queue (offset 0) still exists and lies in the hot part of the log:
    // what the answer to QUERY_CONSUMER_OFFSET of a new group depends on.
    bool is_offset_in_memory(std::string_view topic, std::int32_t queue_id,
                             QueueOffset offset) const;

    // --- administration ------------------------------------------------------------------------
    // Drops the queues of one topic (files too). Unknown topics are ignored.
    void delete_topic(std::string_view topic);
    // Drops queues of topics that are not in `retained`; returns how many topics went.
    int clean_unused_topics(const std::set<std::string, std::less<>>& retained);
    void clean_expired_consume_queues();
    void delete_expired_commit_log_files();
    std::vector<std::pair<std::string, std::int32_t>> queues() const;  // topic, queueId
    MessageStoreRuntime runtime() const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace rmq::store
