// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/wakeup.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <utility>

namespace rmq {

// The thread of one service: takes turns, and sleeps in between until the next is due or it is
// woken. A wake() during a turn begins another at once.
// Thread safety: wake() and is_stopping() from any thread; the rest from the owner's.
class ServiceThread {
public:
    // Milliseconds until the next turn is due; 0 or less: now.
    using Turn = std::function<std::int64_t()>;

    // `name`: as set_thread_name().
    explicit ServiceThread(std::string name) : name_(std::move(name)) {}
    ~ServiceThread() { stop(); }
    ServiceThread(const ServiceThread&) = delete;
    ServiceThread& operator=(const ServiceThread&) = delete;

    void start(Turn turn);
    void wake() { wakeup_.signal(); }
    bool is_stopping() const { return is_stopping_.load(); }
    // For a turn that waits itself: returns after `ms`, or earlier when woken.
    void pause(std::int64_t ms) { wakeup_.wait(ms); }

    // Ends the thread after the turn that it is at. Returns whether there was one.
    bool stop();

private:
    void run(const Turn& turn);

    const std::string name_;
    Wakeup wakeup_;
    std::atomic<bool> is_stopping_{false};
    std::thread thread_;
};

}  // namespace rmq
