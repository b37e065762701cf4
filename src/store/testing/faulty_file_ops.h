// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/file_ops.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <string>

namespace rmq::store::testing {

// File operations that fail on demand, and that remember what a power loss would spare.
//
// Fault model of lose_pages(): the disk holds, for each page of 4 KiB of a CommitLog file, either
// the bytes of the last completed sync that covered it (zeros when there was none) or the bytes
// that are in memory, page by page as a coin falls. File names and lengths survive: the store syncs
// the directory before it uses a new file.
// Thread safety: faults may be set from any thread; the shadow is only right with one writer that
// does not append during a sync.
class FaultyFileOps : public FileOps {
public:
    int allocate(const std::string& path, int fd, std::int64_t begin, std::int64_t end) override;
    int sync(const std::string& path, char* base, std::int64_t begin, std::int64_t end) override;

    // errno values to return instead of doing the work; 0 does it.
    std::atomic<int> allocate_error{0};
    std::atomic<int> sync_error{0};
    std::atomic<int> sync_count{0};
    // With this set, sync() waits while it is true: a disk that hangs.
    std::atomic<bool> sync_hangs{false};

    // Rewrites every file that was ever synced or allocated here, which nobody may have mapped for
    // writing any more. Returns how many pages went back.
    int lose_pages(std::mt19937_64& random);

private:
    std::mutex mutex_;
    std::map<std::string, std::string> synced_;  // guarded by mutex_; path -> bytes on the disk
};

}  // namespace rmq::store::testing
