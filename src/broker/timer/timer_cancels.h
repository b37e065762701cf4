// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace rmq::broker {

// Cancellations on their way: known here from before their delete marker is stored until the
// timer has taken it in, so that the answer to a cancellation is the truth even when the slot
// begins meanwhile.
// Thread safety: any thread. Lifecycle: a value of TimerMessageStore.
class TimerCancels {
public:
    // Before the marker is stored. False: the slot has begun, it is too late.
    bool begin(std::int64_t slot_ms, std::string_view key);
    // After it was stored, or was not.
    void finish(std::string_view key, bool is_stored);

    enum class State { kNone, kPending, kCancelled };
    // Whether a message with this unique key may be delivered. kPending: ask again in a moment.
    State state(std::string_view key) const;

    // From now on nothing of this slot or an earlier one can be cancelled.
    void begin_slot(std::int64_t slot_ms);
    // The timer has seen the marker, which speaks for itself from here on.
    void taken_in(std::string_view key);

private:
    mutable std::mutex mutex_;
    std::map<std::string, State, std::less<>> entries_;  // guarded by mutex_
    std::int64_t begun_ms_ = INT64_MIN;                  // guarded by mutex_
    std::atomic<std::size_t> size_{0};                   // of entries_, for the common case 0
};

}  // namespace rmq::broker
