// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace rmq::store {

// Memory pages, the unit in which files are written and lost. Source: MappedFile.OS_PAGE_SIZE.
inline constexpr std::int64_t kPageBytes = 4096;

// A whole file mapped for reading and writing, for the files that grow in small steps: consume
// queues and indexes. The file has its full length from the start; its blocks are allocated by
// allocate() before anything is written there, so that a full disk is an error and not a SIGBUS.
// No descriptor stays open. Shared ownership: readers of a queue may hold the mapping while
// retention unlinks the file; the mapping goes with the last of them.
// Thread safety: the bytes are the owner's to order; rename() and allocate() from one thread.
class MappedRegion {
public:
    // Maps an existing file of exactly `bytes` bytes. Errors: kNotFound, kMalformed (other length),
    // kPermissionDenied, kIo.
    static Result<std::shared_ptr<MappedRegion>> open(const std::string& path, std::int64_t bytes);
    // Makes (or empties) the file, gives it its length and maps it; no blocks are allocated yet.
    static Result<std::shared_ptr<MappedRegion>> create(const std::string& path,
                                                        std::int64_t bytes);
    ~MappedRegion();
    MappedRegion(const MappedRegion&) = delete;
    MappedRegion& operator=(const MappedRegion&) = delete;

    char* data() { return data_; }
    const char* data() const { return data_; }
    std::int64_t size() const { return size_; }
    std::string_view bytes() const { return {data_, static_cast<std::size_t>(size_)}; }
    const std::string& path() const { return path_; }

    // Reserves disk blocks for [from, from + bytes). Errors: kResourceExhausted, kIo. May block.
    Status allocate(std::int64_t from, std::int64_t bytes);
    // Writes the pages of [from, to) to the disk. Errors: kIo. Blocks.
    Status sync(std::int64_t from, std::int64_t to) const;
    // Makes every byte from `from` on zero, and syncs what was not. Reads only what the file system
    // holds data for. Errors: kIo. Blocks.
    Status clear_from(std::int64_t from);
    // Moves the file to another name in the same file system. Errors: kIo.
    Status rename(const std::string& path);
    // Removes the name; the mapping stays usable. A missing file is a success. Errors: kIo.
    Status unlink();

private:
    MappedRegion(std::string path, char* data, std::int64_t size)
        : path_(std::move(path)), data_(data), size_(size) {}

    std::string path_;
    char* data_;
    std::int64_t size_;
};

}  // namespace rmq::store
