// SPDX-License-Identifier: Apache-2.0
#include "store/testing/faulty_file_ops.h"

#include "common/assert.h"
#include "common/persistent_file.h"
#include "store/mapped_file.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string_view>

#include <sys/stat.h>

namespace rmq::store::testing {

int FaultyFileOps::allocate(const std::string& path, int fd, std::int64_t begin, std::int64_t end) {
    if (allocate_error != 0) {
        return allocate_error;
    }
    {
        std::lock_guard lock(mutex_);
        auto& synced = synced_[path];
        struct stat status {};
        if (::fstat(fd, &status) == 0 && status.st_blocks == 0) {
            synced.clear();  // made anew: nothing of an earlier file of this name
        }
        synced.resize(std::max(synced.size(), static_cast<std::size_t>(end)));
    }
    return FileOps::allocate(path, fd, begin, end);
}

int FaultyFileOps::sync(const std::string& path, char* base, std::int64_t begin, std::int64_t end) {
    ++sync_count;
    sync_hangs.wait(true);
    if (sync_error != 0) {
        return sync_error;
    }
    std::lock_guard lock(mutex_);
    auto& synced = synced_[path];
    synced.resize(std::max(synced.size(), static_cast<std::size_t>(end)));
    const auto page_end = (end + kPageBytes - 1) / kPageBytes * kPageBytes;
    const auto to = std::min(page_end, static_cast<std::int64_t>(synced.size()));
    synced.replace(static_cast<std::size_t>(begin), static_cast<std::size_t>(to - begin),
                   base + begin, static_cast<std::size_t>(to - begin));
    return 0;  // the real disk is not asked: its memory of the pages is `synced_`
}

int FaultyFileOps::lose_pages(std::mt19937_64& random) {
    std::lock_guard lock(mutex_);
    int lost = 0;
    for (auto& [path, synced] : synced_) {
        if (!std::filesystem::exists(path)) {
            continue;
        }
        auto text = read_file(path);
        RMQ_ASSERT(text, "the file is there");
        for (std::size_t at = 0; at < text->size(); at += kPageBytes) {
            const std::size_t size = std::min<std::size_t>(kPageBytes, text->size() - at);
            if (text->compare(at, size, synced, at, size) != 0 && random() % 2 == 0) {
                text->replace(at, size, synced, at, size);
                ++lost;
            }
        }
        // In place: the disk's bytes change, not the file.
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.write(text->data(), static_cast<std::streamsize>(text->size()));
        synced = *text;
    }
    return lost;
}

}  // namespace rmq::store::testing
