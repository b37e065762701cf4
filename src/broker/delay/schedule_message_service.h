// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/delay/delay_level_table.h"
#include "common/clock.h"
#include "common/result.h"
#include "common/service_thread.h"
#include "remoting/protocol/body/data_version.h"
#include "store/get_message.h"
#include "store/message_arrival.h"
#include "store/put_message.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::store {
class MessageStore;
}

namespace rmq::broker {

// A queue entry of the schedule topic.
struct DelayEntry {
    PhysicalOffset physical_offset;
    std::int64_t due_ms = 0;  // its tagsCode
};

// What the service needs of a store, narrow so that tests can make one fail. Queue ids are those of
// the schedule topic. Thread safety: max_offset() from any thread, the rest from one.
class DelayStore {
public:
    virtual ~DelayStore() = default;
    virtual QueueOffset min_offset(std::int32_t queue_id) const = 0;
    virtual QueueOffset max_offset(std::int32_t queue_id) const = 0;
    // Nothing outside the queue.
    virtual std::optional<DelayEntry> entry(std::int32_t queue_id, QueueOffset offset) const = 0;
    // The record there; nothing when it is gone. May block on the disk.
    virtual std::optional<store::MappedSlice> record(PhysicalOffset offset) const = 0;
    virtual store::PutMessageStatus put(const store::MessageToPut& message) = 0;
};

// The real one. `store` outlives it.
std::unique_ptr<DelayStore> make_delay_store(store::MessageStore& store);

// A message that left the schedule topic.
struct DelayDelivery {
    std::string_view topic;
    std::int32_t queue_id = 0;
    std::int64_t bytes = 0;  // of its new record
};

// Delivers delayed messages: those of level n wait in queue n - 1 of SCHEDULE_TOPIC_XXXX, in the
// order of their due times, which their queue entries carry.
// Never early by the wall clock, and late only by a thread wake-up: the thread sleeps until the
// next due time and is woken when an earlier one arrives. At least once: a crash between a delivery
// and the next persist of the positions delivers again.
// Thread safety: on_arrivals() and the reading members from any thread; load() before start().
// Lifecycle: construct, load(), start() (thread "schedule"), stop() (joins and persists); a slave
// never starts it. Source: ScheduleMessageService (5.5.0).
class ScheduleMessageService {
public:
    using DeliveryListener = std::function<void(const DelayDelivery&)>;

    struct Options {
        DelayLevelTable levels{};
        std::string path{};  // <store>/config/delayOffset.json
        std::int64_t flush_interval_ms = 10'000;
    };

    // `clock` outlives the service.
    ScheduleMessageService(std::unique_ptr<DelayStore> store, const Clock& clock, Options options);
    ~ScheduleMessageService();
    ScheduleMessageService(const ScheduleMessageService&) = delete;
    ScheduleMessageService& operator=(const ScheduleMessageService&) = delete;

    // Runs on the schedule thread after each delivery. Set before start().
    void set_delivery_listener(DeliveryListener listener) { delivered_ = std::move(listener); }

    // Reads the positions and moves those outside their queue to its nearest end. Errors:
    // kMalformed, kIo, kPermissionDenied; the remark names the path.
    Status load();
    void start();
    void stop();

    // Delivers what is due, a bounded number per level. Returns milliseconds until the next known
    // due time: 0 when more is due now, kIdle when nothing waits.
    static constexpr std::int64_t kIdle = INT64_MAX;
    std::int64_t run_once();

    // Called by the store's arrival listener.
    void on_arrivals(std::span<const store::MessageArrival> arrivals);

    // Writes the positions when they changed. May block on the disk. Errors: kIo, …
    Status persist();

    const DelayLevelTable& levels() const { return options_.levels; }
    // {"dataVersion":{…},"offsetTable":{1:12,2:0}}: the file and the answer to 45.
    std::string encode() const;
    // scheduleMessageOffset_<level> = "delivered,queue end" for each level with a position.
    void add_runtime_info(std::map<std::string, std::string, std::less<>>& table) const;

private:
    struct Level {
        QueueOffset next;
        bool has_position = false;  // appears in the file
        std::int64_t retry_at_ms = 0;
    };

    // Milliseconds until this level needs to be looked at again, as run_once().
    std::int64_t run_level(std::int32_t level);
    // False when the put was refused: the message stays.
    bool deliver(const DelayEntry& entry);
    void advance(Level& level, QueueOffset next);
    QueueOffset within_queue(std::int32_t queue_id, QueueOffset position) const;

    const std::unique_ptr<DelayStore> store_;
    const Clock& clock_;
    const Options options_;
    DeliveryListener delivered_;

    mutable std::mutex mutex_;
    std::vector<Level> table_;  // by level - 1; changed by one thread, under mutex_
    DataVersion data_version_;  // guarded by mutex_
    bool changed_ = false;      // guarded by mutex_: since the last persist
    std::int64_t next_persist_ms_ = 0;

    // Until when, by the wall clock, the thread means to sleep: later arrivals need not wake it.
    std::atomic<std::int64_t> asleep_until_ms_{INT64_MIN};
    ServiceThread thread_{"schedule"};
};

}  // namespace rmq::broker
