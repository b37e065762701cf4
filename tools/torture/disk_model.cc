// SPDX-License-Identifier: Apache-2.0
// A disk that can lose power, to be preloaded into a server (LD_PRELOAD).
//
// It takes the place of msync, fsync, fdatasync and syncfs. What the server forces to the disk is
// copied to a shadow file, and that is all the disk there is: after a kill -9, torture.py puts each
// page of each file together from the shadow and from what the kernel still has.
//
//   RMQ_DISK_ROOT    files below this directory are on the modelled disk, with or without its path
//   RMQ_DISK_SHADOW  the directory of the shadow files, "<inode>-<time of birth>", so that a file
//                    keeps its shadow when it gets another name
//   RMQ_DISK_LIES    "1": syncs of CommitLog files succeed and do nothing; a checker that stays
//                    silent then is blind
//
// Names and lengths of files survive, whether their directory was synced or not.
#include <cerrno>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

[[noreturn]] void give_up(const char* what, const std::string& path) {
    std::fprintf(stderr, "disk model: %s %s: %s\n", what, path.c_str(), std::strerror(errno));
    std::abort();
}

bool is_lied_about(const std::string& path) {
    const char* text = std::getenv("RMQ_DISK_LIES");
    return text != nullptr && std::strcmp(text, "1") == 0 &&
           path.find("/commitlog/") != std::string::npos;
}

bool is_modelled(const std::string& path) {
    const char* root = std::getenv("RMQ_DISK_ROOT");
    return root != nullptr && path.compare(0, std::strlen(root), root) == 0;
}

// The shadow file of an open file, made when it is not there.
int open_shadow(int fd, const std::string& path) {
    struct statx status {};
    if (::statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status) != 0) {
        give_up("cannot look at", path);
    }
    char name[80];
    std::snprintf(name, sizeof name, "/%" PRIu64 "-%lld.%09u",
                  static_cast<std::uint64_t>(status.stx_ino),
                  static_cast<long long>(status.stx_btime.tv_sec), status.stx_btime.tv_nsec);
    const std::string shadow = std::string(std::getenv("RMQ_DISK_SHADOW")) + name;
    const int file = ::open(shadow.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0) {
        give_up("cannot open", shadow);
    }
    return file;
}

void write_all(int file, const char* bytes, std::size_t size, std::int64_t at) {
    while (size > 0) {
        const ssize_t done = ::pwrite(file, bytes, size, at);
        if (done <= 0) {
            give_up("cannot write", "a shadow file");
        }
        bytes += done;
        size -= static_cast<std::size_t>(done);
        at += done;
    }
}

// Where a mapped address lies: the file's path and the offset in it.
struct Place {
    std::string path;
    std::int64_t offset = 0;
};

bool find_place(const void* address, Place& place) {
    const auto wanted = reinterpret_cast<std::uintptr_t>(address);
    std::FILE* maps = std::fopen("/proc/self/maps", "re");
    if (maps == nullptr) {
        give_up("cannot read", "/proc/self/maps");
    }
    char line[4096 + 128];
    bool found = false;
    while (!found && std::fgets(line, sizeof line, maps) != nullptr) {
        std::uintptr_t begin = 0, end = 0;
        std::uint64_t offset = 0;
        int path_at = 0;
        if (std::sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %" SCNx64 " %*s %*s %n", &begin, &end,
                        &offset, &path_at) >= 3 &&
            begin <= wanted && wanted < end) {
            place.path.assign(line + path_at);
            place.path.erase(place.path.find_last_not_of('\n') + 1);
            place.offset = static_cast<std::int64_t>(offset + (wanted - begin));
            found = true;
        }
    }
    std::fclose(maps);
    return found;
}

// The file mapped at `address`, open for reading; -1 when it was deleted and nothing is left to
// lose.
int open_mapped(const void* address, Place& place) {
    for (;;) {
        const int file = ::open(place.path.c_str(), O_RDONLY | O_CLOEXEC);
        if (file >= 0 || errno != ENOENT) {
            return file >= 0 ? file : (give_up("cannot open", place.path), -1);
        }
        const std::string former = place.path;  // it may have another name by now
        if (!find_place(address, place) || place.path == former ||
            place.path.find(" (deleted)") != std::string::npos) {
            return -1;
        }
    }
}

// Adds "<path> <begin> <end>" to the list of what is surely on the disk.
void note_sync(const Place& place, std::size_t size) {
    const std::string list = std::string(std::getenv("RMQ_DISK_SHADOW")) + "/syncs";
    const std::string line = place.path + " " + std::to_string(place.offset) + " " +
                             std::to_string(place.offset + static_cast<std::int64_t>(size)) + "\n";
    const int file = ::open(list.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file < 0 || ::write(file, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
        give_up("cannot write", list);
    }
    ::close(file);
}

int sync_whole_file(int fd) {
    char link[64];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    char target[4096];
    const ssize_t length = ::readlink(link, target, sizeof target - 1);
    struct stat status {};
    if (length < 0 || ::fstat(fd, &status) != 0) {
        return -1;
    }
    const std::string path(target, static_cast<std::size_t>(length));
    if (!S_ISREG(status.st_mode) || !is_modelled(path) || is_lied_about(path)) {
        return 0;
    }
    std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
    // The file may be open for writing only.
    const int reader = ::open(link, O_RDONLY | O_CLOEXEC);
    if (reader < 0 ||
        ::pread(reader, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
        give_up("cannot read", path);
    }
    ::close(reader);
    const int shadow = open_shadow(fd, path);
    write_all(shadow, bytes.data(), bytes.size(), 0);
    ::close(shadow);
    return 0;
}

}  // namespace

extern "C" {

int msync(void* address, std::size_t size, int) {
    Place place;
    if (!find_place(address, place) || !is_modelled(place.path) || is_lied_about(place.path)) {
        return 0;
    }
    const int file = open_mapped(address, place);
    if (file < 0) {
        return 0;
    }
    const int shadow = open_shadow(file, place.path);
    write_all(shadow, static_cast<const char*>(address), size, place.offset);
    ::close(shadow);
    ::close(file);
    note_sync(place, size);
    return 0;
}

int fsync(int fd) {
    return sync_whole_file(fd);
}

int fdatasync(int fd) {
    return sync_whole_file(fd);
}

int syncfs(int) {
    const char* root = std::getenv("RMQ_DISK_ROOT");
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
        const int file = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
        if (file >= 0) {
            sync_whole_file(file);
            ::close(file);
        }
    }
    return 0;
}

}  // extern "C"
