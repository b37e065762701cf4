// SPDX-License-Identifier: Apache-2.0
#include "store/file_ops.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>

namespace rmq::store {

int FileOps::allocate(const std::string& /*path*/, int fd, std::int64_t begin, std::int64_t end) {
    return ::posix_fallocate(fd, begin, end - begin);
}

int FileOps::sync(const std::string& /*path*/, char* base, std::int64_t begin, std::int64_t end) {
    // On Linux this is fdatasync of the range, and reports earlier failed write-backs of the file.
    return ::msync(base + begin, static_cast<std::size_t>(end - begin), MS_SYNC) == 0 ? 0 : errno;
}

}  // namespace rmq::store
