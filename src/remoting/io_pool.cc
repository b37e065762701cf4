// SPDX-License-Identifier: Apache-2.0
#include "remoting/io_pool.h"

#include "common/assert.h"
#include "common/thread_name.h"
#include "remoting/io_thread.h"

namespace rmq {

IoPool::IoPool(unsigned threads, std::string thread_name) : impl_(std::make_unique<Impl>()) {
    RMQ_ASSERT(threads > 0, "a pool without threads serves nobody");
    impl_->thread_name = std::move(thread_name);
    for (unsigned k = 0; k < threads; ++k) {
        impl_->lanes.push_back(std::make_unique<IoThread>(k));
    }
}

IoPool::~IoPool() {
    stop();
}

void IoPool::start() {
    RMQ_ASSERT(!impl_->running && impl_->threads.empty(), "a pool starts once");
    impl_->running = true;
    for (const auto& lane : impl_->lanes) {
        const std::string name = impl_->thread_name + "-" + std::to_string(lane->loop.index());
        // An exception here is a bug; noexcept turns it into an abort at its source.
        impl_->threads.emplace_back([&loop = lane->loop, name]() noexcept {
            set_thread_name(name);
            loop.run();
        });
    }
}

void IoPool::stop() {
    for (const auto& lane : impl_->lanes) {
        lane->loop.stop();
    }
    for (std::thread& thread : impl_->threads) {
        if (thread.joinable()) {
            thread.join();
        }
    }
    impl_->running = false;
}

unsigned IoPool::size() const {
    return static_cast<unsigned>(impl_->lanes.size());
}

void IoPool::post(unsigned k, UniqueFunction<void()> task) {
    impl_->lanes[k]->loop.post(std::move(task));
}

void IoPool::every(unsigned k, std::chrono::milliseconds period, UniqueFunction<void()> task) {
    impl_->lanes[k]->loop.run_every(period, std::move(task));
}

int IoPool::current() {
    const EventLoop* const loop = EventLoop::current();
    return loop == nullptr ? -1 : static_cast<int>(loop->index());
}

}  // namespace rmq
