// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/descriptor.h"
#include "common/message/message_record.h"
#include "common/offsets.h"
#include "common/result.h"
#include "store/consume_queue.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::store {

// Every consume queue of the store, by topic and queue id, and with it the number that the next
// message of the queue gets.
//
// How an append uses it: `ConsumeQueue& queue = table.queue(topic, id)` before the append lock
// (wait-free when the queue is known, no allocation), and inside the lock next_offset() and
// set_next_offset().
//
// Invariant: a ConsumeQueue, once made, stays at its address until the table goes; deleting a topic
// empties its queues and resets their numbers. So handles never dangle, and lookups take no lock.
// The memory of deleted queues (about 300 bytes each) is bounded by what the broker lets clients
// create. Thread safety: all members from any thread, except load/recover/truncate, which run
// before the threads. Source: ConsumeQueueStore, TopicQueueTable (5.5.0).
class ConsumeQueueTable {
public:
    explicit ConsumeQueueTable(ConsumeQueueOptions options);
    ~ConsumeQueueTable();
    ConsumeQueueTable(const ConsumeQueueTable&) = delete;
    ConsumeQueueTable& operator=(const ConsumeQueueTable&) = delete;

    // --- load and recovery ---------------------------------------------------------------------
    // Which topics' queues get the batch format when they get their first entry. Before load().
    void set_batch_topics(std::function<bool(std::string_view topic)> is_batch_topic);
    bool is_batch_topic(std::string_view topic) const {
        return options_.is_batch_topic && options_.is_batch_topic(topic);
    }
    // Walks consumequeue/<topic>/<queueId>/ and batchconsumequeue/. Errors: as ConsumeQueue::load.
    Status load();
    // Recovers every queue; `log`: as ConsumeQueue::recover. Errors: kIo.
    struct Recovered {
        PhysicalOffset end{-1};           // largest record end over all queues; -1: no queue
        PhysicalOffset rebuild_from{-1};  // a damaged queue lacks entries from here on; -1: none
    };
    // Torn ends lack nothing from before `torn_from`, which was on the disk before a power loss.
    Result<Recovered> recover(const ConsumeQueue::LogBounds& log, PhysicalOffset torn_from = {0});
    // After recovery: a record that is in the log belongs into a queue that exists, and that ends
    // before it. -1: no; otherwise where the queue ends.
    PhysicalOffset lacks(const MessageRecord& record) const;
    // Drops what lies at or behind the end of the CommitLog. Errors: kIo.
    Status truncate(PhysicalOffset end);
    // Sets every next_offset() to the queue's end and corrects the minima. After recovery, and once
    // everything in the log was dispatched.
    void assign_next_offsets(PhysicalOffset commit_log_min);
    // Deletes all queues: there is no CommitLog.
    void destroy_all();

    // --- lookup --------------------------------------------------------------------------------
    // The queue if it exists; nullptr otherwise. Wait-free, no allocation.
    ConsumeQueue* find(std::string_view topic, std::int32_t queue_id) const;
    // The queue, made (empty, no files, not yet existing) when it is not known.
    ConsumeQueue& queue(std::string_view topic, std::int32_t queue_id);
    // Existing queues of names with %LMQ%. Source: ConsumeQueueStore.getLmqNum.
    std::int32_t light_queue_count() const {
        return light_queue_count_.load(std::memory_order_relaxed);
    }
    // Existing queues, in no order. Calls with no lock held.
    void for_each(const std::function<void(ConsumeQueue&)>& visit) const;

    // --- maintenance ---------------------------------------------------------------------------
    // Forces queues to the disk, see ConsumeQueue::flush. The first error is returned, after all
    // were tried. Blocks. Many queues are forced with their file system as a whole: a sync of each
    // would take milliseconds. Thread safety: one thread at a time.
    Status flush(int least_pages);
    // Returns the number of deleted files.
    int delete_expired_files(PhysicalOffset commit_log_min);
    // Removes the queues of one topic with their files, and its directory.
    void delete_topic(std::string_view topic);
    // Removes every topic that is not in `retained`, except system topics. Returns how many.
    int clean_unused(const std::set<std::string, std::less<>>& retained);
    // Removes queues whose newest record is older than the CommitLog's first byte, except those of
    // system topics. Source: ConsumeQueueStore.cleanExpired.
    int clean_expired(PhysicalOffset commit_log_min);

private:
    struct Index;

    ConsumeQueue* lookup(std::string_view topic, std::int32_t queue_id, std::uint64_t hash) const;
    void insert(ConsumeQueue& queue, std::uint64_t hash);
    Status load(const std::string& root, QueueType type);
    Status sync_file_systems();

    ConsumeQueueOptions options_;  // fixed once the store was loaded
    // Those of the roots that exist, by path; open since the first flush, as each tells of failed
    // writes only since then. Used by flush().
    std::map<std::string, Descriptor> directories_;
    std::atomic<std::int32_t> light_queue_count_{0};
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<ConsumeQueue>> queues_;  // guarded by mutex_; only grows
    std::vector<std::unique_ptr<Index>> indexes_;        // guarded by mutex_; all ever published
    std::atomic<Index*> index_{nullptr};                 // the newest of indexes_
};

}  // namespace rmq::store
