// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/offsets.h"
#include "store/get_message.h"
#include "store/put_message.h"

#include <memory>
#include <optional>

namespace rmq::store {
class MessageStore;
}

namespace rmq::broker {

// An entry of queue 0 of rmq_sys_wheel_timer.
struct TimerEntry {
    PhysicalOffset physical_offset;
    std::int32_t size = 0;
};

// What the timer needs of a store, narrow so that tests can make one fail. Queue offsets are those
// of rmq_sys_wheel_timer, queue 0. Thread safety: any thread.
class TimerStore {
public:
    virtual ~TimerStore() = default;
    virtual QueueOffset min_offset() const = 0;
    virtual QueueOffset max_offset() const = 0;
    // Nothing outside the queue.
    virtual std::optional<TimerEntry> entry(QueueOffset offset) const = 0;
    // The record there; nothing when it is gone. May block on the disk.
    virtual std::optional<store::MappedSlice> record(PhysicalOffset offset) const = 0;
    virtual store::PutMessageStatus put(const store::MessageToPut& message) = 0;
    virtual PhysicalOffset commit_log_min() const = 0;
    virtual PhysicalOffset commit_log_max() const = 0;
};

// The real one. `store` outlives it.
std::unique_ptr<TimerStore> make_timer_store(store::MessageStore& store);

}  // namespace rmq::broker
