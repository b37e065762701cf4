// SPDX-License-Identifier: Apache-2.0
#include "store/mapped_region.h"

#include "common/assert.h"
#include "common/descriptor.h"
#include "store/bus_error_guard.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace rmq::store {

namespace {

Result<char*> map(int fd, std::int64_t bytes, const std::string& path) {
    void* const at =
        ::mmap(nullptr, static_cast<std::size_t>(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        return errno_error("cannot map " + path);
    }
    return static_cast<char*>(at);
}

bool is_zero(const char* bytes, std::int64_t size) {
    return size == 0 || (bytes[0] == 0 &&
                         std::memcmp(bytes, bytes + 1, static_cast<std::size_t>(size - 1)) == 0);
}

}  // namespace

Result<std::shared_ptr<MappedRegion>> MappedRegion::open(const std::string& path,
                                                         std::int64_t bytes) {
    const Descriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!file) {
        return errno_error("cannot open " + path);
    }
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) {
        return errno_error("cannot stat " + path);
    }
    if (status.st_size != bytes) {
        return Error{Errc::kMalformed,
                     path + " has " + std::to_string(status.st_size) + " bytes, configured are " +
                         std::to_string(bytes) +
                         "; restore the file size setting it was made with, or, when it was "
                         "cut short, remove the file"};
    }
    RMQ_TRY(char* const at, map(file.get(), bytes, path));
    return std::shared_ptr<MappedRegion>(new MappedRegion(path, at, bytes));
}

Result<std::shared_ptr<MappedRegion>> MappedRegion::create(const std::string& path,
                                                           std::int64_t bytes) {
    const Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!file) {
        return errno_error("cannot create " + path);
    }
    if (::ftruncate(file.get(), bytes) != 0) {
        return errno_error("cannot size " + path);
    }
    RMQ_TRY(char* const at, map(file.get(), bytes, path));
    return std::shared_ptr<MappedRegion>(new MappedRegion(path, at, bytes));
}

MappedRegion::~MappedRegion() {
    forget_lost_pages(data_, static_cast<std::size_t>(size_));
    ::munmap(data_, static_cast<std::size_t>(size_));
}

Status MappedRegion::allocate(std::int64_t from, std::int64_t bytes) {
    RMQ_ASSERT(from >= 0 && bytes > 0 && from + bytes <= size_, "blocks lie inside the file");
    const Descriptor file(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
    if (!file) {
        return errno_error("cannot open " + path_);
    }
    int result = EINTR;
    while (result == EINTR) {
        result = ::posix_fallocate(file.get(), from, bytes);
    }
    if (result != 0) {
        return errno_error("cannot allocate blocks of " + path_, result);
    }
    return {};
}

Status MappedRegion::sync(std::int64_t from, std::int64_t to) const {
    RMQ_ASSERT(from >= 0 && from <= to && to <= size_, "pages lie inside the file");
    const std::int64_t start = from / kPageBytes * kPageBytes;
    if (::msync(data_ + start, static_cast<std::size_t>(to - start), MS_SYNC) != 0) {
        return errno_error("cannot sync " + path_);
    }
    if (has_lost_pages(data_ + from, static_cast<std::size_t>(to - from))) {
        return errno_error("cannot write all pages of " + path_, EIO);
    }
    return {};
}

Status MappedRegion::clear_from(std::int64_t from) {
    const Descriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) {
        return errno_error("cannot open " + path_);
    }
    std::int64_t first = size_;
    std::int64_t last = from;
    for (std::int64_t at = from; at < size_;) {
        const off_t data = ::lseek(file.get(), at, SEEK_DATA);
        if (data < 0 && errno == ENXIO) {
            break;  // nothing but holes
        }
        // EINVAL: a file system that knows of no holes.
        at = data < 0 ? at : static_cast<std::int64_t>(data);
        const std::int64_t next = std::min((at / kPageBytes + 1) * kPageBytes, size_);
        if (!is_zero(data_ + at, next - at)) {
            std::memset(data_ + at, 0, static_cast<std::size_t>(next - at));
            first = std::min(first, at);
            last = next;
        }
        at = next;
    }
    return first < last ? sync(first, last) : Status{};
}

Status MappedRegion::rename(const std::string& path) {
    if (::rename(path_.c_str(), path.c_str()) != 0) {
        return errno_error("cannot rename " + path_ + " to " + path);
    }
    path_ = path;
    return {};
}

Status MappedRegion::unlink() {
    if (::unlink(path_.c_str()) != 0 && errno != ENOENT) {
        return errno_error("cannot remove " + path_);
    }
    return {};
}

}  // namespace rmq::store
