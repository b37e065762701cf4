// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/timer/timer_cancels.h"
#include "broker/timer/timer_metrics.h"
#include "broker/timer/timer_slot_queue.h"
#include "broker/timer/timer_store.h"
#include "common/clock.h"
#include "common/result.h"
#include "common/service_thread.h"
#include "store/file_ops.h"
#include "store/message_arrival.h"
#include "store/timer/timer_checkpoint.h"
#include "store/timer/timer_log.h"
#include "store/timer/timer_wheel.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

namespace rmq::store {
struct MessageStoreConfig;
}

namespace rmq::broker {

struct TimerRecord;

// A message that left the timer.
struct TimerDelivery {
    std::string_view topic;
    std::int32_t queue_id = 0;
    std::int64_t bytes = 0;       // of its record in the timer's topic
    std::string_view real_topic;  // `topic`, or that of a message which waits on
};

// A message that entered the timer.
struct TimerIntake {
    std::string_view real_topic;
    std::int64_t delay_ms = 0;  // from its birth to when it is due
};

// Delivers messages at a time of their own. They wait in queue 0 of rmq_sys_wheel_timer; each has
// a unit in the TimerLog, and the TimerWheel knows the units of every second ("slot") of the next
// days. What is due later than the window is stored anew when the window ends ("rolls").
//
// A message is delivered at the moment that was asked for, to the millisecond where the message
// tells it, else at the end of its slot; never before, by the wall clock. A slot is over when its
// second is, and everything in it was stored again; only then the checkpoint moves on. At least
// once: a crash delivers again what the last checkpoint (timerFlushIntervalMs) did not know.
// Thread safety: see each member; load() before start().
// Lifecycle: construct, load(), start() (threads "timer" and "timer-flush"), stop() (finishes the
// second under way, joins and flushes). A slave loads it and never starts it. Source:
// TimerMessageStore (5.5.0).
class TimerMessageStore {
public:
    using DeliveryListener = std::function<void(const TimerDelivery&)>;
    using IntakeListener = std::function<void(const TimerIntake&)>;

    // `config`, `clock` and `ops` outlive the service. Files are below storePathRootDir.
    TimerMessageStore(std::unique_ptr<TimerStore> store, const store::MessageStoreConfig& config,
                      const Clock& clock, store::FileOps& ops);
    ~TimerMessageStore();
    TimerMessageStore(const TimerMessageStore&) = delete;
    TimerMessageStore& operator=(const TimerMessageStore&) = delete;

    // Runs on the timer thread after each delivery. Set before start().
    void set_delivery_listener(DeliveryListener listener) { delivered_ = std::move(listener); }

    // Likewise for messages that are taken in.
    void set_intake_listener(IntakeListener listener) { taken_in_ = std::move(listener); }

    // Reads wheel, log and checkpoint, and makes them agree. Errors: kMalformed, kIo,
    // kPermissionDenied, kResourceExhausted; the remark names the path. Blocks.
    Status load();
    void start();
    void stop();

    // One turn: takes new messages into the wheel and delivers what is due, a bounded number of
    // both. Returns milliseconds until the next known event: 0 when more can be done now.
    std::int64_t run_once();
    // Forces log, wheel and checkpoint to the disk, in this order; writes the counts; deletes log
    // files that nothing needs. Blocks. Errors: kIo, …; tried again by the next call.
    Status flush_once();

    // Called by the store's arrival listener; any thread.
    void on_arrivals(std::span<const store::MessageArrival> arrivals);

    // The rest: any thread.
    TimerCancels& cancels() { return cancels_; }
    TimerMetrics& metrics() { return metrics_; }
    const store::TimerWheel& wheel() const { return wheel_; }
    const store::TimerLog& log() const { return log_; }
    const TimerStore& store() const { return *store_; }
    std::int64_t now_ms() const { return clock_.now_ms(); }
    std::int64_t read_time_ms() const { return read_time_ms_.load(); }
    store::TimerCheckpoint checkpoint() const;
    // Whether everything that was due a second ago was delivered.
    bool is_current() const;
    // Messages of the timer's topic that are not taken in, and the age of the newest that is while
    // there are any.
    std::int64_t enqueue_behind() const;
    std::int64_t enqueue_behind_ms() const;
    // Milliseconds since the slot that is served now began, 0 when none is due.
    std::int64_t dequeue_behind_ms() const;
    // timerReadBehind, timerOffsetBehind, timerCongestNum, timerEnqueueTps, timerDequeueTps.
    void add_runtime_info(std::map<std::string, std::string, std::less<>>& table) const;

private:
    // False: the log is full or a delivery was refused; the message stays.
    bool take_in(const TimerEntry& entry, std::int64_t write_time_ms);
    bool take_in_wheel(const TimerEntry& entry, const TimerRecord& record,
                       std::int64_t write_time_ms);
    // Whether more is there to be taken in now.
    bool enqueue();
    std::int64_t dequeue();
    enum class Outcome { kDone, kRetrySoon, kRefused };
    Outcome serve(const TimerRequest& request);
    struct Firing {
        std::int64_t enqueue_ms = 0;  // INT64_MAX: never entered the wheel
        bool is_roll = false;
    };
    Outcome deliver(const TimerRecord& record, const Firing& firing);
    void open_slot(std::int64_t slot_ms);
    std::int64_t window_ms() const;
    QueueOffset recovered_offset(const std::optional<store::TimerUnit>& last_unit,
                                 std::int64_t log_end) const;
    void skip(const TimerEntry& entry, const char* reason) const;
    // The checkpoint as of now, with a new version when it differs from the saved one.
    store::TimerCheckpoint next_checkpoint() const;
    Status save(const store::TimerCheckpoint& next);
    void sample_rates();

    const std::unique_ptr<TimerStore> store_;
    const store::MessageStoreConfig& config_;
    const Clock& clock_;
    store::TimerWheel wheel_;
    store::TimerLog log_;
    TimerCancels cancels_;
    TimerMetrics metrics_;
    TimerSlotQueue slot_;
    DeliveryListener delivered_;
    IntakeListener taken_in_;

    // Written by the timer thread, the offset after the slot that it stands for.
    std::atomic<std::int64_t> queue_offset_{0};
    std::atomic<std::int64_t> read_time_ms_{0};
    // Nothing is delivered before the queue was taken in up to here, as it was at the start: delete
    // markers in it must be known.
    std::int64_t catch_up_to_ = -1;
    // Up to here the log was lost; what was served before that is not served again.
    std::int64_t rebuild_to_ = 0;
    bool is_slot_begun_ = false;    // nothing of the slot can be cancelled any more
    bool is_slot_served_ = false;   // something of it was delivered
    std::int64_t retry_at_ms_ = 0;  // monotonic; after a refusal
    std::int64_t warmed_ms_ = -1;   // slot whose records were read ahead
    // These three: flush thread, or any when that is stopped.
    std::int64_t next_cleaning_ms_ = 0;
    std::int64_t saved_at_ms_ = INT64_MIN / 2;
    std::int64_t saved_dequeued_ = 0;
    std::int64_t served_at_ms_ = 0;  // slot of the newest delivery known then, or a later one
    std::atomic<std::int64_t> taken_in_ms_{0};  // store time of the newest message taken in
    std::atomic<std::int64_t> enqueued_{0};
    std::atomic<std::int64_t> dequeued_{0};

    mutable std::mutex mutex_;
    store::TimerCheckpoint saved_;  // guarded by mutex_
    struct Rates {
        std::int64_t at_ms = 0;
        std::int64_t enqueued = 0;
        std::int64_t dequeued = 0;
        double enqueue_tps = 0;
        double dequeue_tps = 0;
    };
    Rates rates_;  // guarded by mutex_

    std::atomic<std::int64_t> stop_by_ms_{0};  // monotonic
    ServiceThread thread_{"timer"};
    ServiceThread flush_thread_{"timer-flush"};
};

}  // namespace rmq::broker
