// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <string>

namespace rmq::store {

// Keeps other processes, the original included, out of a store directory: an exclusive record lock
// on byte 0 of `lock`. Taken before anything is read, as recovery already writes (the original
// locks only after it). An open-file-description lock, which conflicts with the original's process
// lock but is not dropped when some other descriptor of the file is closed. Released with the
// object, and by the kernel when the process dies. Source: DefaultMessageStore.start.
class StoreLock {
public:
    StoreLock() = default;
    ~StoreLock() { release(); }
    StoreLock(const StoreLock&) = delete;
    StoreLock& operator=(const StoreLock&) = delete;

    // Errors: kBusy when somebody else has it, kPermissionDenied, kIo.
    Status acquire(const std::string& root);
    void release();

private:
    int fd_ = -1;
};

// The file `abort`: there while a store runs, so that one found at the start means that the last
// stop was not clean. Holds the process id; an empty `abort.bak` stands beside it, as the original
// leaves it. Source: DefaultMessageStore.createTempFile.
class AbortFile {
public:
    explicit AbortFile(const std::string& root) : path_(root + "/abort") {}
    bool exists() const;
    // Errors: kIo, kPermissionDenied, kResourceExhausted. On the disk when it returns.
    Status create();
    Status remove();

private:
    const std::string path_;
};

}  // namespace rmq::store
