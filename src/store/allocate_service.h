// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"
#include "store/mapped_file_queue.h"
#include "store/wakeup.h"

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace rmq::store {

// Makes the next CommitLog file before it is needed, and faults in the pages just ahead of the
// append position, so that an append meets neither a system call nor a page fault.
// Thread safety: want(), take(), wake() from any thread; run_once() from the allocate thread.
// Lifecycle: run() on a thread until stop(), then drop_spare(). Source: AllocateMappedFileService.
class AllocateService {
public:
    // Pages are faulted in up to this far ahead: enough for a burst between two turns, little
    // enough not to matter as memory.
    static constexpr std::int64_t kPrefaultBytes = 16 * 1024 * 1024;

    AllocateService(const MappedFileQueue& files, FileOps& ops);

    // Asks for the file that starts at `start` to be made in the background.
    void want(std::int64_t start);
    // The file that starts at `start`: the spare when it is that one, or made here and now. May
    // block. Errors: as MappedFile::create.
    Result<MappedFileQueue::File> take(std::int64_t start);
    // Says that the append position came near the end of the faulted-in pages.
    void wake() { wakeup_.signal(); }

    // Makes the wanted file, faults pages in. Returns whether there was something to do.
    bool run_once();
    void run();
    void stop();
    // Removes the file that was made and never taken, as the original does on a clean stop.
    void drop_spare();

private:
    bool make_spare();
    bool prefault();

    const MappedFileQueue& files_;
    FileOps& ops_;
    Wakeup wakeup_;

    std::mutex mutex_;
    std::condition_variable made_;
    std::int64_t wanted_ = -1;     // guarded by mutex_; start of the file to make, -1 none
    bool is_making_ = false;       // guarded by mutex_; the thread is making wanted_
    MappedFileQueue::File spare_;  // guarded by mutex_
    bool stopping_ = false;        // guarded by mutex_

    // Allocate thread only: the file and position faulted in so far.
    std::int64_t prefaulted_ = 0;
};

}  // namespace rmq::store
