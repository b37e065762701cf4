// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace rmq {

// Owns a file descriptor, or none (-1): closes it on every way out.
class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor();

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }

private:
    int fd_;
};

// Writes all of `bytes` at `position`. `path` is for the remark. May block on the disk.
// Errors: kResourceExhausted when the disk is full, kIo.
Status write_at(const Descriptor& file, const std::string& path, std::int64_t position,
                std::string_view bytes);

// syncfs: everything of the file system that `directory` lies on, mapped pages too. Tells of every
// failed write since `directory` was opened. Errors: kIo, kResourceExhausted. Blocks.
Status sync_file_system(const Descriptor& directory, const std::string& path);

// fdatasync. Errors: kIo, kResourceExhausted.
Status sync_data(const Descriptor& file, const std::string& path);

}  // namespace rmq
