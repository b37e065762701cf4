// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/unique_function.h"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace rmq {

// A bounded queue served by a few threads that may block: cold reads and administrative scans run
// here so that no network thread ever waits for the disk.
// Thread safety: post() from any thread. Lifecycle: threads start in the constructor; stop() (and
// the destructor) runs what is queued and joins.
class BlockingPool {
public:
    BlockingPool(std::string thread_name, unsigned threads, std::size_t queue_max);
    ~BlockingPool();
    BlockingPool(const BlockingPool&) = delete;
    BlockingPool& operator=(const BlockingPool&) = delete;

    // False when the queue is full or the pool is stopped; `work` is then left untouched, so the
    // caller still owns the Responder inside and answers SYSTEM_BUSY.
    [[nodiscard]] bool post(UniqueFunction<void()>& work);
    void stop();
    std::size_t queued() const;

private:
    void run();

    const std::size_t queue_max_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<UniqueFunction<void()>> queue_;  // guarded by mutex_
    bool stopping_ = false;                     // guarded by mutex_
    std::vector<std::thread> threads_;
};

}  // namespace rmq
