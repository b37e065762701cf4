// SPDX-License-Identifier: Apache-2.0
#include "common/persistent_file.h"

#include "common/descriptor.h"
#include "common/log.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

namespace rmq {

namespace {

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
        return errno_error("cannot create directory " + path,
                           failure.value());  // NOLINT(tidy): std::error_code
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

Status sync_file(const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) {
        return errno_error("cannot open " + path);
    }
    if (::fsync(file.get()) != 0) {
        return errno_error("cannot sync " + path);
    }
    return sync_directory(parent_of(path));
}

Status write_file(const std::string& path, std::string_view text) {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!file) {
        return errno_error("cannot create " + path);
    }
    return write_at(file, path, 0, text);
}

Status overwrite_file(const std::string& path, std::string_view bytes) {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    if (!file) {
        return errno_error("cannot open " + path);
    }
    RMQ_CHECK(write_at(file, path, 0, bytes));
    return sync_data(file, path);
}

Status replace_with_backup(const std::string& path, std::string_view text, Replacement how) {
    const std::string directory = parent_of(path);
    const std::string temporary = path + ".tmp";
    RMQ_CHECK(create_directories(directory));
    const Descriptor file(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!file) {
        return errno_error("cannot create " + temporary);
    }
    Status written = write_at(file, temporary, 0, text);
    if (written && how.syncs) {
        written = sync_data(file, temporary);
    }
    if (!written) {
        ::unlink(temporary.c_str());  // a part of it takes room that a full disk does not have
        return written;
    }
    if (how.keeps_current && ::rename(path.c_str(), (path + ".bak").c_str()) != 0 &&
        errno != ENOENT) {
        return errno_error("cannot rename " + path + " to " + path + ".bak");
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
        return errno_error("cannot rename " + temporary + " to " + path);
    }
    return how.syncs ? sync_directory(directory) : Status{};
}

Result<std::string> load_with_backup(const std::string& path,
                                     const std::function<bool(const std::string&)>& is_readable) {
    bool is_there = false;
    for (const std::string& candidate : {path, path + ".bak"}) {
        auto text = read_file(candidate);
        if (text && !text->empty()) {
            if (is_readable(*text)) {
                return text;
            }
            is_there = true;
            log_of("common").error("file_unreadable path={} tried_next=bak", candidate);
        } else if (!text && text.error().code != Errc::kNotFound) {
            return text;
        }
    }
    if (is_there) {
        return Error{Errc::kMalformed, path + " cannot be read, and " + path +
                                           ".bak neither: restore one of them from a copy, or "
                                           "move both away to begin anew"};
    }
    return Error{Errc::kNotFound, "there is no " + path};
}

}  // namespace rmq
