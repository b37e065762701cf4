// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "common/offsets.h"
#include "common/unique_function.h"
#include "common/wakeup.h"
#include "store/put_message.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

namespace rmq::store {

class CommitLog;
class StoreCheckpoint;
struct MessageStoreConfig;

// Forces the CommitLog to the disk. ASYNC_FLUSH: every flushIntervalCommitLog when at least
// flushCommitLogLeastPages are dirty, and whatever is dirty every flushCommitLogThoroughInterval;
// with wakeFlushWhenPutMessage and without flushCommitLogTimed looked at after each append.
// SYNC_FLUSH: as soon as something was appended; all who wait are released by the one sync that
// covers them (group commit).
// Thread safety: appended(), when_flushed() from any thread; run_once() from the flush thread.
// Lifecycle: set the listener; run() and run_timeouts() on a thread each until stop().
// Source: CommitLog.GroupCommitService, FlushRealTimeService (5.5.0).
class FlushService {
public:
    using Done = UniqueFunction<void(PutMessageStatus)>;

    FlushService(const MessageStoreConfig& config, CommitLog& log, StoreCheckpoint& checkpoint,
                 const Clock& clock);

    // Called on the flush thread after the flushed position moved. Set before the threads start.
    void set_flush_listener(std::function<void()> listener);
    bool is_sync() const { return is_sync_; }

    // Says that the log has grown. Free with ASYNC_FLUSH, unless it wants to be woken.
    void appended() {
        if (is_sync_ || wakes_when_put()) {
            wakeup_.signal();
        }
    }
    // Calls `done` exactly once, with no lock held: PUT_OK when everything before `end` is on the
    // disk, FLUSH_DISK_TIMEOUT after syncFlushTimeout, SERVICE_NOT_AVAILABLE when a sync failed.
    // Inline when that is known already, otherwise from the flush or the timeout thread.
    void when_flushed(PhysicalOffset end, Done done);

    // One turn: forces what is due, then releases who waited for it.
    void run_once();
    // Releases who has waited too long. Not on the flush thread: it may be stuck in the very sync.
    void expire_waiters();
    void run();
    void run_timeouts();
    // Ends both loops. The flush thread forces everything first.
    void stop();

private:
    struct Waiter {
        PhysicalOffset end;
        std::int64_t deadline_ms = 0;  // monotonic
        Done done;
    };

    bool is_due(std::int64_t now_ms);
    bool wakes_when_put() const;
    void flush();
    void release();
    template <class Predicate>
    std::vector<Waiter> take_waiters(Predicate&& is_taken);

    const MessageStoreConfig& config_;
    CommitLog& log_;
    StoreCheckpoint& checkpoint_;
    const Clock& clock_;
    const bool is_sync_;
    std::function<void()> flush_listener_;
    std::int64_t last_thorough_ms_ = 0;  // flush thread only

    Wakeup wakeup_;
    Wakeup timeout_wakeup_;
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::vector<Waiter> waiters_;  // guarded by mutex_; bounded by the requests in flight
};

}  // namespace rmq::store
