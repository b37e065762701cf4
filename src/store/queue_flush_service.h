// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"

#include <cstdint>

namespace rmq::store {

class ConsumeQueueTable;
class Dispatcher;
class IndexService;
class StoreCheckpoint;
struct MessageStoreConfig;

// Forces consume queues and full index files to the disk, and the checkpoint behind them: every
// flushIntervalConsumeQueue those queues with flushConsumeQueueLeastPages dirty pages, every
// flushConsumeQueueThoroughInterval all of them. Apart from the flush thread, because forcing a
// thousand queues must not hold up a group commit.
// Invariant: the checkpoint's logics fields never run ahead of what is on the disk; they move only
// after a thorough flush in which every queue succeeded, and never again after one that failed, as
// the lost pages would not be written by the next.
// Thread safety: maintenance thread, or any other when that is stopped.
// Source: DefaultMessageStore.FlushConsumeQueueService (5.5.0).
class QueueFlushService {
public:
    struct Parts {
        const MessageStoreConfig& config;
        const Clock& clock;
        ConsumeQueueTable& queues;
        IndexService& index;
        const Dispatcher& dispatcher;
        StoreCheckpoint& checkpoint;
    };
    explicit QueueFlushService(const Parts& parts);

    // One turn. Returns the milliseconds until the next is due. Blocks on the disk.
    std::int64_t run_once();
    // Everything, at shutdown and after recovery.
    void flush_all();

private:
    void flush_queues();
    void flush_index();
    void flush_checkpoint();

    const Parts parts_;
    std::int64_t next_ms_;      // monotonic
    std::int64_t thorough_ms_;  // monotonic; of the last thorough flush
    bool has_failed_ = false;
};

}  // namespace rmq::store
