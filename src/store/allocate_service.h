// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"
#include "common/wakeup.h"
#include "store/mapped_file_queue.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace rmq::store {

// Makes the next CommitLog file before it is needed, and faults in the pages just ahead of the
// append position, so that an append meets neither a system call nor a page fault.
// Thread safety: want(), take(), near_end() from any thread; run_once() from the allocate thread.
// Lifecycle: run() on a thread until stop(), then drop_spare(). Source: AllocateMappedFileService.
class AllocateService {
public:
    // Pages are faulted in up to this far ahead: enough for a burst between two turns, little
    // enough not to matter as memory.
    static constexpr std::int64_t kPrefaultBytes = 16 * 1024 * 1024;

    explicit AllocateService(const MappedFileQueue& files);

    // Asks for the file that starts at `start` to be made in the background.
    void want(std::int64_t start);
    // The file that starts at `start`: the spare when it is that one, or made here and now. Its
    // name survives a power loss. May block. Errors: as MappedFile::create.
    Result<MappedFileQueue::File> take(std::int64_t start);
    // Tells where appends have got to; wakes the thread when few faulted-in pages are left.
    void appended(std::int64_t end) {
        if (end > prefault_at_.load(std::memory_order_relaxed)) {
            prefault_at_.store(INT64_MAX, std::memory_order_relaxed);
            wakeup_.signal();
        }
    }

    // Makes the wanted file, faults pages in. Returns whether there was something to do.
    bool run_once();
    void run();
    void stop();
    // Removes the file that was made and never taken, as the original does on a clean stop.
    void drop_spare();

private:
    Result<MappedFileQueue::File> make(std::int64_t start) const;
    bool make_spare();
    bool prefault();
    void prefault_spare();

    const MappedFileQueue& files_;
    Wakeup wakeup_;
    std::atomic<bool> stopping_{false};
    std::atomic<std::int64_t> prefault_at_{0};  // appends beyond this position wake the thread

    std::mutex mutex_;
    std::condition_variable made_;
    std::int64_t wanted_ = -1;     // guarded by mutex_; start of the file to make, -1 none
    std::int64_t making_ = -1;     // guarded by mutex_; start of the file the thread is making
    MappedFileQueue::File spare_;  // guarded by mutex_

    std::int64_t prefaulted_ = 0;  // allocate thread only: CommitLog position
};

}  // namespace rmq::store
