// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/message/message_record.h"
#include "common/offsets.h"
#include "common/result.h"
#include "common/wakeup.h"
#include "store/log_source.h"
#include "store/message_arrival.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

namespace rmq::store {

class ConsumeQueueTable;
class IndexService;

struct DispatcherOptions {
    std::string_view delay_topic = "SCHEDULE_TOPIC_XXXX";
    bool message_index_enable = true;
    // Messages get entries in the light queues that they name too.
    bool enable_multi_dispatch = false;
    // A master steps over bytes that are no record; a slave waits for its master to send them anew.
    bool is_master = true;
};

// Carries every record of the CommitLog to its consume queue and the index, then tells the long
// polls. One thread runs run() (or a test calls run_once()); recovery calls dispatch() for the
// records that it scans, so both go the same way.
// Thread safety: wake(), position(), stop() from any thread; the rest from the dispatch thread, or
// before it starts. Lifecycle: set the listener and the position, run() on a thread, stop().
// A record behind position() is readable through get_message. Source: ReputMessageService (5.5.0).
class Dispatcher {
public:
    Dispatcher(const DispatcherOptions& options, const LogSource& log, ConsumeQueueTable& queues,
               IndexService* index);

    void set_arrival_listener(ArrivalListener listener);
    void set_delay_level_millis(DelayLevelMillis delay);
    // Where run_once() goes on. Recovery sets it to the end of what it dispatched.
    void set_position(PhysicalOffset position);
    PhysicalOffset position() const { return {position_.load(std::memory_order_acquire)}; }
    std::int64_t behind_bytes() const;
    // Store time of the newest record put in the queues, 0 at first. For the checkpoint.
    std::int64_t last_store_timestamp() const { return store_timestamp_.load(); }
    // True after a queue could not be written; the store then refuses writes until it succeeds.
    bool has_queue_error() const { return queue_error_.load(); }

    // One record: its queue entry (transaction type NOT or COMMIT) and its index entries.
    // Repeating is harmless. Errors: kResourceExhausted, kIo: the queue cannot be written and the
    // record must be tried again. An index that cannot be written is logged and does not hold up
    // messages.
    Status dispatch(const MessageRecord& record);

    // Dispatches what is readable, at most one file or a few hundred records, and notifies.
    // Returns the bytes passed; 0 when there was nothing to do or a queue cannot be written.
    std::int64_t run_once();

    // Says that dispatch_limit() may have moved. Costs one uncontended atomic exchange while the
    // dispatch thread is awake; call it after the append lock is free.
    void wake();
    // While messages stream in that nobody waits for, looks for more every kGatherTime instead of
    // being woken for each: a wake-up costs the sender more than its append.
    static constexpr std::chrono::microseconds kGatherTime{250};
    // Runs until stop(); with everything up to the limit dispatched when stop() was called.
    void run();
    void stop();

private:
    struct LightQueues {
        std::string_view names;    // joined by commas
        std::string_view offsets;  // one for each
        bool any() const { return !names.empty() && !offsets.empty(); }
    };

    std::int64_t deliver_time(const MessageRecord& record, std::string_view level_text,
                              std::int64_t tags_code) const;
    Status dispatch(const MessageRecord& record, std::vector<MessageArrival>* arrivals);
    Status dispatch_light(const MessageRecord& record, const LightQueues& light,
                          std::int64_t tags_code, std::vector<MessageArrival>* arrivals);
    PhysicalOffset dispatch_slice(PhysicalOffset from, std::string_view bytes);
    void gather();
    PhysicalOffset after_bad_record(PhysicalOffset at, std::string_view rest) const;

    const DispatcherOptions options_;
    const LogSource& log_;
    ConsumeQueueTable& queues_;
    IndexService* const index_;
    ArrivalListener listener_;
    DelayLevelMillis delay_millis_;
    std::vector<MessageArrival> arrivals_;  // of the running run_once; views into its slice
    bool is_awaited_ = false;               // somebody waited for the last arrivals

    std::atomic<std::int64_t> position_{0};
    std::atomic<std::int64_t> store_timestamp_{0};
    std::atomic<bool> queue_error_{false};
    std::atomic<bool> stopping_{false};
    Wakeup wakeup_;
    std::mutex gather_mutex_;
    std::condition_variable gather_end_;
};

}  // namespace rmq::store
