// SPDX-License-Identifier: Apache-2.0
#include "storetool/store_directory.h"

#include "common/descriptor.h"
#include "common/parse_number.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace rmq::storetool {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kNameDigits = 20;

Result<std::vector<fs::path>> children(const std::string& directory) {
    std::vector<fs::path> found;
    std::error_code error;
    if (!fs::exists(directory, error)) {
        return found;
    }
    for (fs::directory_iterator it(directory, error), end; !error && it != end;
         it.increment(error)) {
        found.push_back(it->path());
    }
    if (error) {
        return Error{Errc::kIo, "cannot list " + directory + ": " + error.message()};
    }
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace

Result<ReadOnlyFile> ReadOnlyFile::open(const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) {
        return errno_error("cannot open " + path);
    }
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) {
        return errno_error("cannot stat " + path);
    }
    const auto size = static_cast<std::size_t>(status.st_size);
    void* data = size == 0 ? nullptr : ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
    if (data == MAP_FAILED) {
        return errno_error("cannot map " + path);
    }
    return ReadOnlyFile(path, {static_cast<const char*>(data), size});
}

ReadOnlyFile::ReadOnlyFile(ReadOnlyFile&& other) noexcept
    : path_(std::move(other.path_)), bytes_(std::exchange(other.bytes_, {})) {}

ReadOnlyFile::~ReadOnlyFile() {
    if (!bytes_.empty()) {
        ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
    }
}

Result<Segments> Segments::open(const std::string& directory) {
    Segments segments;
    RMQ_TRY(const auto paths, children(directory));
    for (const fs::path& path : paths) {
        const std::string name = path.filename().string();
        const auto start = parse_number<std::int64_t>(name);
        if (name.size() != kNameDigits || !start || *start < 0) {
            segments.strangers_.push_back(path.string());
            continue;
        }
        RMQ_TRY(auto file, ReadOnlyFile::open(path.string()));
        segments.files_.push_back({*start, std::move(file)});
    }
    return segments;
}

std::string_view Segments::bytes_at(std::int64_t position) const {
    const auto behind =
        std::upper_bound(files_.begin(), files_.end(), position,
                         [](std::int64_t at, const Segment& file) { return at < file.start; });
    if (behind == files_.begin()) {
        return {};
    }
    const Segment& segment = *std::prev(behind);
    if (position >= segment.end()) {
        return {};
    }
    return segment.file.bytes().substr(static_cast<std::size_t>(position - segment.start));
}

Result<StoreDirectory> StoreDirectory::open(const Paths& paths) {
    std::error_code error;
    if (!fs::is_directory(paths.root, error)) {
        return Error{Errc::kNotFound,
                     paths.root + " is not a directory; name the storePathRootDir"};
    }
    StoreDirectory store(paths.root);
    RMQ_TRY(auto log, Segments::open(paths.commit_log.empty() ? paths.root + "/commitlog"
                                                              : paths.commit_log));
    store.log_ = std::move(log);
    RMQ_CHECK(store.open_queues(paths.root + "/consumequeue", store.queues_));
    RMQ_CHECK(store.open_queues(paths.root + "/batchconsumequeue", store.batch_queues_));
    RMQ_CHECK(store.open_indexes(paths.root + "/index"));
    return store;
}

Status StoreDirectory::open_queues(const std::string& directory,
                                   std::map<QueueKey, Segments>& queues) {
    RMQ_TRY(const auto topics, children(directory));
    for (const fs::path& topic : topics) {
        if (!fs::is_directory(topic)) {
            strangers_.push_back(topic.string());
            continue;
        }
        RMQ_TRY(const auto ids, children(topic.string()));
        for (const fs::path& id : ids) {
            const auto queue_id = parse_number<std::int32_t>(id.filename().string());
            if (!queue_id || !fs::is_directory(id)) {
                strangers_.push_back(id.string());
                continue;
            }
            RMQ_TRY(auto queue, Segments::open(id.string()));
            queues.emplace(QueueKey{topic.filename().string(), *queue_id}, std::move(queue));
        }
    }
    return {};
}

Status StoreDirectory::open_indexes(const std::string& directory) {
    RMQ_TRY(const auto paths, children(directory));
    for (const fs::path& path : paths) {
        if (fs::is_directory(path)) {
            strangers_.push_back(path.string());
            continue;
        }
        RMQ_TRY(auto file, ReadOnlyFile::open(path.string()));
        indexes_.push_back(std::move(file));
    }
    return {};
}

}  // namespace rmq::storetool
