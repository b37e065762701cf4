// SPDX-License-Identifier: Apache-2.0
#include "common/persistent_file.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

namespace rmq {

namespace {

// Closes on scope exit.
class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }

private:
    int fd_;
};

Status write_all(int fd, std::string_view text, const std::string& path) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return errno_error("cannot write " + path);
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) {
        return errno_error("cannot read " + path);
    }
    std::string text;
    char chunk[65536];
    for (;;) {
        const ssize_t got = ::read(file.get(), chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return errno_error("cannot read " + path);
        }
        if (got == 0) {
            return text;
        }
        text.append(chunk, static_cast<std::size_t>(got));
    }
}

Status create_directories(const std::string& path) {
    std::error_code failure;
    std::filesystem::create_directories(path, failure);
    if (failure) {
        errno = failure.value();  // NOLINT(tidy): std::error_code
        return errno_error("cannot create directory " + path);
    }
    return {};
}

Status sync_directory(const std::string& path) {
    const Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory) {
        return errno_error("cannot open directory " + path);
    }
    if (::fsync(directory.get()) != 0) {
        return errno_error("cannot sync directory " + path);
    }
    return {};
}

Status write_file(const std::string& path, std::string_view text) {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!file) {
        return errno_error("cannot create " + path);
    }
    return write_all(file.get(), text, path);
}

Status replace_with_backup(const std::string& path, std::string_view text) {
    const std::string directory = parent_of(path);
    RMQ_CHECK(create_directories(directory));
    if (::rename(path.c_str(), (path + ".bak").c_str()) != 0 && errno != ENOENT) {
        return errno_error("cannot rename " + path + " to " + path + ".bak");
    }
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!file) {
        return errno_error("cannot create " + path);
    }
    RMQ_CHECK(write_all(file.get(), text, path));
    if (::fsync(file.get()) != 0) {
        return errno_error("cannot sync " + path);
    }
    return sync_directory(directory);
}

Result<std::string> load_with_backup(const std::string& path) {
    auto text = read_file(path);
    if (text && !text->empty()) {
        return text;
    }
    if (!text && text.error().code != Errc::kNotFound) {
        return text;
    }
    return read_file(path + ".bak");
}

}  // namespace rmq
