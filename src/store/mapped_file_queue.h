// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"
#include "store/mapped_file.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace rmq::store {

// Name of the file that begins at `start`: 20 decimal digits. Source: UtilAll.offset2FileName.
std::string mapped_file_name(std::int64_t start);

// The files of the CommitLog (or the TimerLog), oldest first, each beginning where the one before
// it ends. Positions are CommitLog positions. Thread safety: all members from any thread, except
// load/truncate, which run before the threads; append() only under the append lock. The mutex
// inside is held for a few instructions, never over a system call. Source: MappedFileQueue (5.5.0).
class MappedFileQueue {
public:
    struct Options {
        std::string directory;
        std::int64_t file_size = 0;
        const char* what = "CommitLog";  // in error texts
        const char* size_key = "mappedFileSizeCommitLog";
    };
    MappedFileQueue(Options options, FileOps& ops);

    const Options& options() const { return options_; }
    FileOps& ops() const { return ops_; }
    std::string path_of(std::int64_t start) const;

    // Maps what is in the directory, which is made when missing. A last file of length zero (a
    // crash between creating and sizing it) is deleted. Errors: kMalformed when a file has another
    // length or does not follow the one before it, kPermissionDenied, kIo; the remark says which.
    Status load();

    using File = std::shared_ptr<MappedFile>;
    // The file that holds `position`; nullptr when it is deleted or not there yet.
    File find(std::int64_t position) const;
    File first() const;
    File last() const;
    std::vector<File> files() const;
    bool empty() const { return first() == nullptr; }
    // First position still there, 0 when there are no files.
    std::int64_t min_position() const;

    // Adds the file that follows the last one (or any, when there is none).
    void append(File file);
    // Forces [flushed, written) of all files to the disk. Returns the position up to which all is
    // there. Errors: kIo. Blocks.
    Result<std::int64_t> flush();
    // Recovery: ends the queue at `end`. Files behind it are deleted, what is before it is forced
    // to the disk, and the rest of the file that holds it is cleared, so that no stale record can
    // follow the next append. Errors: kIo, kResourceExhausted. Blocks.
    Status truncate(std::int64_t end);
    // Takes the oldest file out, if it begins at `start` and is not the last, and unlinks it.
    // Errors: kNotFound, kIo. May block on the file system; appends go on meanwhile.
    Status delete_first(std::int64_t start);

private:
    const Options options_;
    FileOps& ops_;
    mutable std::mutex mutex_;
    std::vector<File> files_;  // guarded by mutex_
    // Where flush() goes on: all files before this position are on the disk. Flush thread only.
    std::int64_t flush_from_ = 0;
};

}  // namespace rmq::store
