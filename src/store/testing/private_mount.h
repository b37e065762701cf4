// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <string>

#include <sched.h>
#include <sys/mount.h>

namespace rmq::store::testing {

// Puts a file system in memory of that many bytes on the directory, for this process and its
// children alone. Precondition: the process has one thread. False without the right to, with the
// reason on stderr.
inline bool mount_small_disk(const std::string& directory, long bytes) {
    if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
        std::perror("no mount namespace");
        return false;
    }
    const std::string options = "size=" + std::to_string(bytes);
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", directory.c_str(), "tmpfs", 0, options.c_str()) != 0) {
        std::perror("no mount");
        return false;
    }
    return true;
}

}  // namespace rmq::store::testing
