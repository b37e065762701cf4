// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"
#include "common/unique_function.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

namespace rmq {

// Gets the readiness of one file descriptor, on the loop's thread.
class EventHandler {
public:
    virtual void on_events(std::uint32_t epoll_events) = 0;

protected:
    ~EventHandler() = default;
};

// Work that is done once at the end of a round of the loop, for example writing all replies that
// the round produced.
class RoundEndHandler {
public:
    virtual void on_round_end() = 0;

protected:
    ~RoundEndHandler() = default;
};

// A piece of work handed to a loop; the node of its queue.
class LoopTask {
public:
    virtual ~LoopTask() = default;
    virtual void run() = 0;

private:
    friend class EventLoop;
    LoopTask* next_ = nullptr;
};

// One level-triggered epoll instance with the tasks, timers and round ends of one thread. A round
// is: wait, events, tasks, timers, round ends.
// Thread safety: post() and stop() from any thread; everything else on the loop's thread, or from
// any one thread while run() is not running.
class EventLoop {
public:
    explicit EventLoop(unsigned index);
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    // Returns after stop(). What was posted before stop() has then run.
    void run();
    void stop();

    unsigned index() const { return index_; }
    // The loop that runs on the calling thread, or nullptr.
    static EventLoop* current();
    bool is_current() const { return current() == this; }

    // Runs the task later, in order of posting. Tasks posted from one round to the next cost at
    // most one wake-up together. Tasks still queued when the loop dies are destroyed unrun.
    void post(std::unique_ptr<LoopTask> task);
    void post(UniqueFunction<void()> task);

    // Once after `delay`, rounded up to milliseconds.
    void run_after(std::chrono::milliseconds delay, UniqueFunction<void()> task);
    void run_every(std::chrono::milliseconds period, UniqueFunction<void()> task);

    // Monotonic, read once per round.
    std::int64_t now_ms() const { return now_ms_; }

    // The handler outlives its registration. Errors: kResourceExhausted, kIo.
    Status add(int fd, std::uint32_t epoll_events, EventHandler& handler);
    void modify(int fd, std::uint32_t epoll_events, EventHandler& handler);
    void remove(int fd);

    // Calls the handler once at the end of this round and keeps it alive until then.
    void at_round_end(std::shared_ptr<RoundEndHandler> handler);
    // Keeps an object alive that later events of this round may still point to.
    void keep_until_round_end(std::shared_ptr<const void> object);

private:
    struct Timer {
        std::int64_t deadline_ms;
        std::int64_t period_ms;  // 0: once
        UniqueFunction<void()> task;
    };

    int wait_timeout_ms() const;
    void run_tasks();
    void run_timers();
    void run_round_ends();
    void add_timer(Timer timer);
    void wake();

    const unsigned index_;
    int epoll_fd_ = -1;
    int wake_fd_ = -1;  // an eventfd, edge-triggered, so never read
    std::int64_t now_ms_ = 0;
    std::vector<Timer> timers_;  // a heap, earliest first
    std::vector<std::shared_ptr<RoundEndHandler>> round_end_;
    std::vector<std::shared_ptr<RoundEndHandler>> round_end_running_;
    std::vector<std::shared_ptr<const void>> kept_;

    alignas(64) std::atomic<LoopTask*> posted_{nullptr};  // newest first
    std::atomic<bool> sleeping_{false};                   // true: a poster has to write to wake_fd_
    std::atomic<bool> stopping_{false};
};

}  // namespace rmq
