// SPDX-License-Identifier: Apache-2.0
#include "common/descriptor.h"

#include <cerrno>

#include <unistd.h>

namespace rmq {

Descriptor::~Descriptor() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

Status write_at(const Descriptor& file, const std::string& path, std::int64_t position,
                std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::pwrite(file.get(), bytes.data(), bytes.size(), position);
        if (written < 0 && errno != EINTR) {
            return errno_error("cannot write " + path);
        }
        const auto done = static_cast<std::size_t>(written < 0 ? 0 : written);
        bytes.remove_prefix(done);
        position += static_cast<std::int64_t>(done);
    }
    return {};
}

Status sync_file_system(const Descriptor& directory, const std::string& path) {
    return ::syncfs(directory.get()) == 0 ? Status{}
                                          : errno_error("cannot sync the file system of " + path);
}

Status sync_data(const Descriptor& file, const std::string& path) {
    return ::fdatasync(file.get()) == 0 ? Status{} : errno_error("cannot sync " + path);
}

}  // namespace rmq
