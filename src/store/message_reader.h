// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/offsets.h"
#include "store/get_message.h"
#include "store/log_source.h"
#include "store/message_store_config.h"

#include <atomic>
#include <cstdint>
#include <string_view>

namespace rmq::store {

class ConsumeQueue;
class ConsumeQueueTable;
struct ConsumeQueueEntry;

struct MessageReaderOptions {
    std::int64_t memory_bytes = 0;  // physical RAM; accessMessageInMemoryMaxRatio is a part of it
    // A slave without offsetCheckInSlave leaves the offset of the caller as it is.
    bool corrects_offsets = true;
};

// Physical memory of the machine.
std::int64_t physical_memory_bytes();

// Reads messages of one queue from an offset on: the pull path.
// Two notions of "in memory" are used. For the size limits it is the original's: the record lies
// within accessMessageInMemoryMaxRatio of RAM behind the end of the log. For deciding whether a
// network thread may touch the record it must also have been written by this process, because after
// a restart nothing promises that the pages are there.
// Thread safety: get() from any thread. No lock is held across anything that may block.
// Source: DefaultMessageStore.getMessage (5.5.0).
class MessageReader {
public:
    MessageReader(const MessageStoreConfig& config, const MessageReaderOptions& options,
                  const LogSource& log, const ConsumeQueueTable& queues);

    // End of the log when this process started. Before the threads start.
    void set_start_offset(PhysicalOffset start) { start_ = start; }

    // Never blocks with ColdReads::kRefuse; reads from the disk with kAllow.
    GetMessageResult get(const GetMessageRequest& request) const;

    bool is_cold(PhysicalOffset at) const { return at < start_ || !is_near_end(at); }
    // What counts as cold for the control of cold reads: further behind the end of the log than
    // accessMessageInMemoryHotRatio of RAM. Source: checkInColdAreaByCommitOffset.
    bool is_in_cold_area(PhysicalOffset at) const;
    // The original's estimate: within the in-memory part of the log.
    bool is_near_end(PhysicalOffset at) const;

    // Calls since start, and messages returned.
    struct Counters {
        std::int64_t found = 0;
        std::int64_t miss = 0;
        std::int64_t messages = 0;
    };
    Counters counters() const;

private:
    class Collector;

    GetMessageStatus check_range(const GetMessageRequest& request, GetMessageResult& result) const;
    void collect(const ConsumeQueue& queue, const GetMessageRequest& request,
                 GetMessageResult& result) const;
    std::int64_t part_of_memory(std::int32_t percent) const;
    std::int64_t in_memory_bytes() const;
    QueueOffset corrected(QueueOffset old_offset, QueueOffset new_offset) const;

    const MessageStoreConfig& config_;
    const MessageReaderOptions options_;
    const LogSource& log_;
    const ConsumeQueueTable& queues_;
    PhysicalOffset start_;
    mutable std::atomic<std::int64_t> found_{0};
    mutable std::atomic<std::int64_t> miss_{0};
    mutable std::atomic<std::int64_t> messages_{0};
};

}  // namespace rmq::store
