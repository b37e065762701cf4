// SPDX-License-Identifier: Apache-2.0
#include "store/mapped_file.h"

#include "common/assert.h"
#include "common/descriptor.h"
#include "store/bus_error_guard.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace rmq::store {

namespace {

std::int64_t page_floor(std::int64_t position) {
    return position / kPageBytes * kPageBytes;
}

std::int64_t page_ceiling(std::int64_t position) {
    return page_floor(position + kPageBytes - 1);
}

// `error`: an errno value.
Error file_error(const char* what, const std::string& path, int error) {
    return errno_error(std::string("cannot ") + what + " " + path, error);
}

}  // namespace

MappedFile::MappedFile(Spec spec, FileOps& ops, char* data, std::int64_t position)
    : spec_(std::move(spec)), ops_(ops), data_(data), wrote_(position), flushed_(position) {}

MappedFile::~MappedFile() {
    forget_lost_pages(data_, static_cast<std::size_t>(spec_.size));
    ::munmap(data_, static_cast<std::size_t>(spec_.size));
}

Result<std::shared_ptr<MappedFile>> MappedFile::map(const Spec& spec, FileOps& ops, int fd,
                                                    std::int64_t position) {
    void* data = ::mmap(nullptr, static_cast<std::size_t>(spec.size), PROT_READ | PROT_WRITE,
                        MAP_SHARED, fd, 0);
    if (data == MAP_FAILED) {
        return file_error("map", spec.path, errno);
    }
    return std::shared_ptr<MappedFile>(
        new MappedFile(spec, ops, static_cast<char*>(data), position));
}

Result<std::shared_ptr<MappedFile>> MappedFile::create(const Spec& spec, FileOps& ops) {
    const Descriptor fd(::open(spec.path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (fd.get() < 0) {
        return file_error("create", spec.path, errno);
    }
    // The length comes first: a crash between here and the end of the allocation then leaves a
    // file that loads, not one of a wrong length that stops the next start.
    int error = ::ftruncate(fd.get(), spec.size) == 0 ? 0 : errno;
    if (error == 0) {
        error = ops.allocate(spec.path, fd.get(), 0, spec.size);
    }
    if (error == 0) {
        auto mapped = map(spec, ops, fd.get(), 0);
        if (mapped) {
            return mapped;
        }
        error = ENOMEM;
    }
    ::unlink(spec.path.c_str());
    return file_error("allocate", spec.path, error);
}

Result<std::shared_ptr<MappedFile>> MappedFile::open(const Spec& spec, FileOps& ops) {
    const Descriptor fd(::open(spec.path.c_str(), O_RDWR | O_CLOEXEC));
    if (fd.get() < 0) {
        return file_error("open", spec.path, errno);
    }
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) {
        return file_error("stat", spec.path, errno);
    }
    if (status.st_size != spec.size) {
        return Error{Errc::kMalformed, spec.path + " has " + std::to_string(status.st_size) +
                                           " bytes where the configured file size is " +
                                           std::to_string(spec.size)};
    }
    return map(spec, ops, fd.get(), spec.size);
}

void MappedFile::set_positions(std::int64_t position) {
    flushed_.store(position, std::memory_order_release);
    wrote_.store(position, std::memory_order_release);
}

std::string_view MappedFile::bytes(std::int64_t position, std::int64_t bytes) const {
    RMQ_ASSERT(position >= 0 && position <= size(), "a position is inside its file");
    return {data_ + position,
            static_cast<std::size_t>(std::clamp<std::int64_t>(bytes, 0, size() - position))};
}

MappedSlice MappedFile::slice(std::int64_t position, std::int64_t bytes) const {
    const std::int64_t length = std::min(bytes, wrote_position() - position);
    if (position < 0 || length <= 0) {
        return {};
    }
    return {shared_from_this(), {data_ + position, static_cast<std::size_t>(length)}};
}

Status MappedFile::flush() {
    const std::int64_t from = flushed_position();
    if (has_lost_pages(data_ + from, static_cast<std::size_t>(wrote_position() - from))) {
        return file_error("write all pages of", path(), EIO);
    }
    return sync(from);
}

Status MappedFile::sync(std::int64_t from) {
    const std::int64_t wrote = wrote_position();
    if (wrote == from) {
        return {};
    }
    if (const int error = ops_.sync(path(), data_, page_floor(from), wrote); error != 0) {
        return file_error("sync", path(), error);
    }
    flushed_.store(wrote, std::memory_order_release);
    return {};
}

Status MappedFile::zero_from(std::int64_t position) {
    if (position >= size()) {
        return {};
    }
    const Descriptor fd(::open(path().c_str(), O_RDWR | O_CLOEXEC));
    if (fd.get() < 0) {
        return file_error("open", path(), errno);
    }
    const std::int64_t whole_pages = std::min(page_ceiling(position), size());
    if (const int error = ops_.allocate(path(), fd.get(), page_floor(position), size());
        error != 0) {
        return file_error("allocate", path(), error);
    }
    std::memset(data_ + position, 0, static_cast<std::size_t>(whole_pages - position));
    if (whole_pages < size() &&
        ::fallocate(fd.get(), FALLOC_FL_ZERO_RANGE, whole_pages, size() - whole_pages) != 0) {
        std::memset(data_ + whole_pages, 0, static_cast<std::size_t>(size() - whole_pages));
    }
    if (const int error = ops_.sync(path(), data_, page_floor(position), size()); error != 0) {
        return file_error("sync", path(), error);
    }
    return {};
}

void MappedFile::prefault(std::int64_t begin, std::int64_t end) {
    const std::int64_t from = page_floor(begin);
    const std::int64_t to = std::min(page_ceiling(end), size());
    if (from < to) {
        // Fails on kernels before 5.14; then the append takes the faults itself.
        ::madvise(data_ + from, static_cast<std::size_t>(to - from), MADV_POPULATE_WRITE);
    }
}

Status MappedFile::unlink() {
    if (::unlink(path().c_str()) != 0 && errno != ENOENT) {
        return file_error("delete", path(), errno);
    }
    return {};
}

std::int64_t MappedFile::last_modified_ms() const {
    struct stat status {};
    if (::stat(path().c_str(), &status) != 0) {
        return -1;
    }
    return static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1000 +
           status.st_mtim.tv_nsec / 1'000'000;
}

}  // namespace rmq::store
