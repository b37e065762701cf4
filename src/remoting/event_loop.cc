// SPDX-License-Identifier: Apache-2.0
#include "remoting/event_loop.h"

#include "common/assert.h"
#include "common/clock.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace rmq {

namespace {

constexpr std::size_t kEventsPerRound = 256;

thread_local EventLoop* current_loop = nullptr;

struct FunctionTask final : LoopTask {
    explicit FunctionTask(UniqueFunction<void()> with) : function(std::move(with)) {}
    void run() override { function(); }
    UniqueFunction<void()> function;
};

std::int64_t read_clock_ms() {
    return SystemClock().monotonic_ms();
}

}  // namespace

EventLoop::EventLoop(unsigned index)
    : index_(index),
      epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      now_ms_(read_clock_ms()) {
    RMQ_ASSERT(epoll_fd_ >= 0 && wake_fd_ >= 0, "a program starts with descriptors to spare");
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.ptr = nullptr;
    const int status = epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event);
    RMQ_ASSERT(status == 0, "a fresh eventfd can be watched");
}

EventLoop::~EventLoop() {
    // Destroying a task may post another one, whose destruction posts nothing.
    for (LoopTask* task = posted_.exchange(nullptr); task != nullptr;
         task = posted_.exchange(nullptr)) {
        while (task != nullptr) {
            std::unique_ptr<LoopTask> owned(task);
            task = task->next_;
        }
    }
    ::close(wake_fd_);
    ::close(epoll_fd_);
}

EventLoop* EventLoop::current() {
    return current_loop;
}

void EventLoop::run() {
    current_loop = this;
    std::array<epoll_event, kEventsPerRound> events;
    while (!stopping_.load(std::memory_order_acquire)) {
        // Pairs with post(): either the poster sees sleeping_, or this sees what was posted.
        sleeping_.store(true, std::memory_order_seq_cst);
        const bool busy = posted_.load(std::memory_order_seq_cst) != nullptr ||
                          !round_end_.empty() || stopping_.load(std::memory_order_seq_cst);
        const int count = epoll_wait(epoll_fd_, events.data(), static_cast<int>(events.size()),
                                     busy ? 0 : wait_timeout_ms());
        sleeping_.store(false, std::memory_order_relaxed);
        now_ms_ = read_clock_ms();
        for (int i = 0; i < count; ++i) {
            const epoll_event& event = events[static_cast<std::size_t>(i)];
            if (event.data.ptr != nullptr) {
                static_cast<EventHandler*>(event.data.ptr)->on_events(event.events);
            }
        }
        run_tasks();
        run_timers();
        run_round_ends();
    }
    run_tasks();
    run_round_ends();
    current_loop = nullptr;
}

void EventLoop::stop() {
    stopping_.store(true, std::memory_order_seq_cst);
    wake();
}

void EventLoop::wake() {
    const std::uint64_t one = 1;
    // Fails only when the counter is full, and then the loop is awake anyway.
    [[maybe_unused]] const auto written = ::write(wake_fd_, &one, sizeof one);
}

void EventLoop::post(std::unique_ptr<LoopTask> task) {
    LoopTask* const node = task.release();
    node->next_ = posted_.load(std::memory_order_relaxed);
    while (!posted_.compare_exchange_weak(node->next_, node, std::memory_order_seq_cst,
                                          std::memory_order_relaxed)) {
    }
    if (sleeping_.load(std::memory_order_seq_cst) &&
        sleeping_.exchange(false, std::memory_order_seq_cst)) {
        wake();
    }
}

void EventLoop::post(UniqueFunction<void()> task) {
    post(std::make_unique<FunctionTask>(std::move(task)));
}

void EventLoop::run_tasks() {
    LoopTask* newest_first = posted_.exchange(nullptr, std::memory_order_acquire);
    LoopTask* oldest_first = nullptr;
    while (newest_first != nullptr) {
        LoopTask* const next = newest_first->next_;
        newest_first->next_ = oldest_first;
        oldest_first = newest_first;
        newest_first = next;
    }
    while (oldest_first != nullptr) {
        const std::unique_ptr<LoopTask> task(oldest_first);
        oldest_first = oldest_first->next_;
        task->run();
    }
}

int EventLoop::wait_timeout_ms() const {
    if (timers_.empty()) {
        return -1;
    }
    constexpr std::int64_t kLongest = 60'000;
    const std::int64_t left = timers_.front().deadline_ms - read_clock_ms();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, kLongest));
}

void EventLoop::add_timer(Timer timer) {
    timers_.push_back(std::move(timer));
    std::push_heap(timers_.begin(), timers_.end(),
                   [](const Timer& a, const Timer& b) { return a.deadline_ms > b.deadline_ms; });
}

void EventLoop::run_timers() {
    while (!timers_.empty() && timers_.front().deadline_ms <= now_ms_) {
        std::pop_heap(timers_.begin(), timers_.end(),
                      [](const Timer& a, const Timer& b) { return a.deadline_ms > b.deadline_ms; });
        Timer timer = std::move(timers_.back());
        timers_.pop_back();
        timer.task();
        if (timer.period_ms > 0) {
            timer.deadline_ms = now_ms_ + timer.period_ms;
            add_timer(std::move(timer));
        }
    }
}

void EventLoop::run_after(std::chrono::milliseconds delay, UniqueFunction<void()> task) {
    // One more millisecond, since now_ms_ is rounded down.
    const std::int64_t delay_ms = std::max<std::int64_t>(delay.count(), 0) + 1;
    add_timer({read_clock_ms() + delay_ms, 0, std::move(task)});
}

void EventLoop::run_every(std::chrono::milliseconds period, UniqueFunction<void()> task) {
    const std::int64_t period_ms = std::max<std::int64_t>(period.count(), 1);
    add_timer({read_clock_ms() + period_ms, period_ms, std::move(task)});
}

void EventLoop::at_round_end(std::shared_ptr<RoundEndHandler> handler) {
    round_end_.push_back(std::move(handler));
}

void EventLoop::keep_until_round_end(std::shared_ptr<const void> object) {
    kept_.push_back(std::move(object));
}

void EventLoop::run_round_ends() {
    // One pass: what a handler adds for itself is left for the next round, which will not wait.
    round_end_running_.swap(round_end_);
    for (const auto& handler : round_end_running_) {
        handler->on_round_end();
    }
    round_end_running_.clear();
    kept_.clear();
}

Status EventLoop::add(int fd, std::uint32_t epoll_events, EventHandler& handler) {
    epoll_event event{};
    event.events = epoll_events;
    event.data.ptr = &handler;
    if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) {
        return errno_error("cannot watch a descriptor");
    }
    return {};
}

void EventLoop::modify(int fd, std::uint32_t epoll_events, EventHandler& handler) {
    epoll_event event{};
    event.events = epoll_events;
    event.data.ptr = &handler;
    const int status = epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event);
    RMQ_ASSERT(status == 0, "the descriptor was added before");
}

void EventLoop::remove(int fd) {
    epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
}

}  // namespace rmq
