// SPDX-License-Identifier: Apache-2.0
#include "store/queue_flush_service.h"

#include "common/log.h"
#include "store/checkpoint.h"
#include "store/consume_queue_table.h"
#include "store/dispatcher.h"
#include "store/index_service.h"
#include "store/message_store_config.h"

#include <algorithm>

namespace rmq::store {

QueueFlushService::QueueFlushService(const Parts& parts)
    : parts_(parts),
      next_ms_(parts.clock.monotonic_ms() + parts.config.flush_interval_consume_queue),
      thorough_ms_(parts.clock.monotonic_ms()) {}

std::int64_t QueueFlushService::run_once() {
    const std::int64_t now = parts_.clock.monotonic_ms();
    if (now >= next_ms_) {
        next_ms_ = now + parts_.config.flush_interval_consume_queue;
        if (now - thorough_ms_ >= parts_.config.flush_consume_queue_thorough_interval) {
            thorough_ms_ = now;
            flush_queues();
        } else if (!parts_.queues.flush(parts_.config.flush_consume_queue_least_pages)) {
            has_failed_ = true;
        }
        if (parts_.index.flush(IndexService::FlushScope::kFullFiles)) {
            flush_index();
        }
        flush_checkpoint();
    }
    return std::max<std::int64_t>(next_ms_ - now, 1);
}

void QueueFlushService::flush_all() {
    flush_queues();
    flush_checkpoint();
}

// All queues and the index, then the checkpoint's fields, with values from before the flush: what
// the index lost after a crash is in the part of the log that recovery scans.
void QueueFlushService::flush_queues() {
    const std::int64_t timestamp = parts_.dispatcher.last_store_timestamp();
    const PhysicalOffset position = parts_.dispatcher.position();
    if (const auto status = parts_.queues.flush(0); !status) {
        has_failed_ = true;
        log_of("store").error("consume_queue_sync_failed checkpoint=stays reason=\"{}\"",
                              status.error().remark);
    }
    if (parts_.index.flush(IndexService::FlushScope::kAll)) {
        parts_.index.set_safe_timestamp(timestamp);
        flush_index();
    }
    if (has_failed_) {
        return;
    }
    if (timestamp > 0) {
        parts_.checkpoint.set(StoreCheckpoint::kLogicsMsgTimestamp, timestamp);
    }
    parts_.checkpoint.set(StoreCheckpoint::kLogicsPhysicalOffset, position.value);
}

void QueueFlushService::flush_index() {
    if (const std::int64_t timestamp = parts_.index.safe_timestamp(); timestamp > 0) {
        parts_.checkpoint.set(StoreCheckpoint::kIndexMsgTimestamp, timestamp);
    }
}

void QueueFlushService::flush_checkpoint() {
    if (const auto status = parts_.checkpoint.flush(); !status) {
        log_of("store").warn("checkpoint_flush_failed reason=\"{}\"", status.error().remark);
    }
}

}  // namespace rmq::store
