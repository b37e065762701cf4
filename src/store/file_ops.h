// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace rmq::store {

// The system calls on CommitLog files that a full or failing disk makes fail, behind an interface
// so that tests can fail each of them and learn which pages were forced when.
// Thread safety: any thread. Every call returns 0 or an errno value, and may block on the disk.
class FileOps {
public:
    virtual ~FileOps() = default;
    // Reserves disk blocks for [begin, end) of the open file; the bytes read as before.
    virtual int allocate(const std::string& path, int fd, std::int64_t begin, std::int64_t end);
    // Forces [begin, end) of the mapping that starts at `base` to the disk; `begin` is a multiple
    // of the page size.
    virtual int sync(const std::string& path, char* base, std::int64_t begin, std::int64_t end);
};

}  // namespace rmq::store
