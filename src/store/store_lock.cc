// SPDX-License-Identifier: Apache-2.0
#include "store/store_lock.h"

#include "common/persistent_file.h"

#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

namespace rmq::store {

namespace {

constexpr std::string_view kLockText = "lock";

struct flock first_byte(short type) {
    struct flock region {};
    region.l_type = type;
    region.l_whence = SEEK_SET;
    region.l_start = 0;
    region.l_len = 1;
    return region;
}

// Names the holder, where the kernel can tell (it cannot for open-file-description locks).
std::string holder_text(int fd) {
    struct flock region = first_byte(F_WRLCK);
    if (::fcntl(fd, F_OFD_GETLK, &region) == 0 && region.l_type != F_UNLCK && region.l_pid > 0) {
        return "process " + std::to_string(region.l_pid);
    }
    return "another process";
}

}  // namespace

Status StoreLock::acquire(const std::string& root) {
    const std::string path = root + "/lock";
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd_ < 0) {
        return errno_error("cannot open " + path);
    }
    struct flock region = first_byte(F_WRLCK);
    if (::fcntl(fd_, F_OFD_SETLK, &region) != 0) {
        const bool is_held = errno == EAGAIN || errno == EACCES;
        Error error = errno_error("cannot lock " + path);
        if (is_held) {
            error = Error{Errc::kBusy, "the store " + root + " is in use by " + holder_text(fd_) +
                                           ": stop it, or set another storePathRootDir"};
        }
        release();
        return error;
    }
    if (::pwrite(fd_, kLockText.data(), kLockText.size(), 0) !=
        static_cast<ssize_t>(kLockText.size())) {
        const Error error = errno_error("cannot write " + path);
        release();
        return error;
    }
    return {};
}

void StoreLock::release() {
    if (fd_ >= 0) {
        ::close(fd_);
        fd_ = -1;
    }
}

bool AbortFile::exists() const {
    std::error_code ignored;
    return std::filesystem::exists(path_, ignored);
}

Status AbortFile::create() {
    RMQ_CHECK(write_file(path_ + ".bak", ""));
    // That it exists is what counts; on a full disk there may be room for a name alone.
    if (const Status written = write_file(path_, std::to_string(::getpid()));
        !written && (written.error().code != Errc::kResourceExhausted || !exists())) {
        return written;
    }
    return sync_directory(std::filesystem::path(path_).parent_path().string());
}

Status AbortFile::remove() {
    std::error_code error;
    std::filesystem::remove(path_, error);
    if (error) {
        return Error{Errc::kIo, "cannot delete " + path_ + ": " + error.message()};
    }
    return {};
}

}  // namespace rmq::store
