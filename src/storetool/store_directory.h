// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/offsets.h"
#include "common/result.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rmq::storetool {

// A file mapped for reading only; unmapped at the end. A value that can be moved.
class ReadOnlyFile {
public:
    // An empty file has no bytes. Errors: kNotFound, kPermissionDenied, kIo; the remark names it.
    static Result<ReadOnlyFile> open(const std::string& path);
    ReadOnlyFile(ReadOnlyFile&& other) noexcept;
    ReadOnlyFile& operator=(ReadOnlyFile&&) = delete;
    ~ReadOnlyFile();

    const std::string& path() const { return path_; }
    std::string_view bytes() const { return bytes_; }
    std::int64_t size() const { return static_cast<std::int64_t>(bytes_.size()); }

private:
    ReadOnlyFile(std::string path, std::string_view bytes)
        : path_(std::move(path)), bytes_(bytes) {}

    std::string path_;
    std::string_view bytes_;
};

// Files that each say in their names (20 digits) at which byte of a whole they start.
struct Segment {
    std::int64_t start = 0;
    ReadOnlyFile file;

    std::int64_t end() const { return start + file.size(); }
};
class Segments {
public:
    // The files of one directory, by name; others are named in `strangers`. A directory that is
    // not there is empty. Errors: of ReadOnlyFile::open().
    static Result<Segments> open(const std::string& directory);

    const std::vector<Segment>& files() const { return files_; }
    const std::vector<std::string>& strangers() const { return strangers_; }
    std::int64_t begin() const { return files_.empty() ? 0 : files_.front().start; }
    std::int64_t end() const { return files_.empty() ? 0 : files_.back().end(); }
    // From `position` to the end of its file; empty outside.
    std::string_view bytes_at(std::int64_t position) const;

private:
    std::vector<Segment> files_;
    std::vector<std::string> strangers_;
};

using QueueKey = std::pair<std::string, std::int32_t>;  // topic, queueId

// A store directory, ours or the original's, opened for reading. Nothing in it is changed, not even
// its lock file: look at a stopped broker's directory, or expect the end to move.
// Thread safety: const members may be called from any thread.
class StoreDirectory {
public:
    struct Paths {
        std::string root;
        std::string commit_log;  // empty: <root>/commitlog
    };
    // Errors: kNotFound when there is no such directory, or those of the files.
    static Result<StoreDirectory> open(const Paths& paths);

    const std::string& root() const { return root_; }
    const Segments& log() const { return log_; }
    // Of consumequeue/<topic>/<queueId>.
    const std::map<QueueKey, Segments>& queues() const { return queues_; }
    // Of batchconsumequeue/<topic>/<queueId>, in units of store::BatchQueueUnit.
    const std::map<QueueKey, Segments>& batch_queues() const { return batch_queues_; }
    const std::vector<ReadOnlyFile>& indexes() const { return indexes_; }
    // What lies in consumequeue or index and is neither a queue nor an index.
    const std::vector<std::string>& strangers() const { return strangers_; }

private:
    explicit StoreDirectory(std::string root) : root_(std::move(root)) {}
    Status open_queues(const std::string& directory, std::map<QueueKey, Segments>& queues);
    Status open_indexes(const std::string& directory);

    std::string root_;
    Segments log_;
    std::map<QueueKey, Segments> queues_;
    std::map<QueueKey, Segments> batch_queues_;
    std::vector<ReadOnlyFile> indexes_;
    std::vector<std::string> strangers_;
};

}  // namespace rmq::storetool
