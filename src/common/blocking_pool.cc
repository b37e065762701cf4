// SPDX-License-Identifier: Apache-2.0
#include "common/blocking_pool.h"

#include "common/thread_name.h"

namespace rmq {

BlockingPool::BlockingPool(std::string thread_name, unsigned threads, std::size_t queue_max)
    : queue_max_(queue_max) {
    for (unsigned i = 0; i < threads; ++i) {
        threads_.emplace_back([this, name = thread_name + "-" + std::to_string(i)] {
            set_thread_name(name);
            run();
        });
    }
}

BlockingPool::~BlockingPool() {
    stop();
}

bool BlockingPool::post(UniqueFunction<void()>& work) {
    {
        std::lock_guard lock(mutex_);
        if (stopping_ || queue_.size() >= queue_max_) {
            return false;
        }
        queue_.push_back(std::move(work));
    }
    wake_.notify_one();
    return true;
}

void BlockingPool::stop() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    for (auto& thread : threads_) {
        if (thread.joinable()) {
            thread.join();
        }
    }
}

std::size_t BlockingPool::queued() const {
    std::lock_guard lock(mutex_);
    return queue_.size();
}

void BlockingPool::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        if (queue_.empty()) {
            return;
        }
        auto work = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        work();
        lock.lock();
    }
}

}  // namespace rmq
