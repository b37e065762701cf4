// SPDX-License-Identifier: Apache-2.0
#include "store/mapped_file_queue.h"

#include "common/assert.h"
#include "common/log.h"
#include "common/parse_number.h"
#include "common/persistent_file.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

namespace rmq::store {

namespace {

constexpr std::size_t kNameDigits = 20;

std::optional<std::int64_t> parse_name(const std::string& name) {
    const auto start = parse_number<std::int64_t>(name);
    return name.size() == kNameDigits && start >= 0 ? start : std::nullopt;
}

struct Found {
    std::string name;
    std::uintmax_t bytes = 0;
};

// Regular files of the directory by name, as the original sorts them.
Result<std::vector<Found>> list_files(const std::string& directory) {
    std::vector<Found> found;
    std::error_code error;
    std::filesystem::directory_iterator it(directory, error);
    for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
        if (!it->is_directory(error)) {
            found.push_back({it->path().filename().string(), it->file_size(error)});
        }
    }
    if (error) {
        return Error{Errc::kIo, "cannot list " + directory + ": " + error.message()};
    }
    std::sort(found.begin(), found.end(),
              [](const Found& a, const Found& b) { return a.name < b.name; });
    return found;
}

}  // namespace

std::string mapped_file_name(std::int64_t start) {
    const std::string digits = std::to_string(start);
    return std::string(kNameDigits - digits.size(), '0') + digits;
}

MappedFileQueue::MappedFileQueue(Options options, FileOps& ops)
    : options_(std::move(options)), ops_(ops) {
    RMQ_ASSERT(options_.file_size > 0, "a file holds at least one record");
}

std::string MappedFileQueue::path_of(std::int64_t start) const {
    return options_.directory + "/" + mapped_file_name(start);
}

Status MappedFileQueue::load() {
    RMQ_CHECK(create_directories(options_.directory));
    RMQ_TRY(auto found, list_files(options_.directory));
    if (!found.empty() && found.back().bytes == 0) {
        std::error_code error;
        const std::string path = options_.directory + "/" + found.back().name;
        if (!std::filesystem::remove(path, error)) {
            return Error{Errc::kIo, "cannot delete the empty file " + path};
        }
        log_of("store").warn("commit_log_empty_file_deleted path={}", path);
        found.pop_back();
    }
    std::vector<File> files;
    for (const auto& [name, bytes] : found) {
        const std::string path = options_.directory + "/" + name;
        const auto start = parse_name(name);
        if (!start) {
            return Error{Errc::kMalformed,
                         path + " is not a " + options_.what + " file: move it away"};
        }
        if (!files.empty() && files.back()->end() != *start) {
            return Error{Errc::kMalformed, path + " does not follow " + files.back()->path() +
                                               ": a file is missing, or " + options_.size_key +
                                               " was changed; restore it"};
        }
        auto file = MappedFile::open({path, *start, options_.file_size}, ops_);
        if (!file) {
            Error error = file.error();
            if (error.code == Errc::kMalformed) {
                error.remark +=
                    std::string(": set ") + options_.size_key + " to what the files were made with";
            }
            return error;
        }
        files.push_back(std::move(*file));
    }
    std::lock_guard lock(mutex_);
    files_ = std::move(files);
    return {};
}

MappedFileQueue::File MappedFileQueue::find(std::int64_t position) const {
    std::lock_guard lock(mutex_);
    if (files_.empty() || position < files_.front()->start()) {
        return nullptr;
    }
    const auto index =
        static_cast<std::size_t>((position - files_.front()->start()) / options_.file_size);
    return index < files_.size() ? files_[index] : nullptr;
}

MappedFileQueue::File MappedFileQueue::first() const {
    std::lock_guard lock(mutex_);
    return files_.empty() ? nullptr : files_.front();
}

MappedFileQueue::File MappedFileQueue::last() const {
    std::lock_guard lock(mutex_);
    return files_.empty() ? nullptr : files_.back();
}

std::vector<MappedFileQueue::File> MappedFileQueue::files() const {
    std::lock_guard lock(mutex_);
    return files_;
}

std::int64_t MappedFileQueue::min_position() const {
    std::lock_guard lock(mutex_);
    return files_.empty() ? 0 : files_.front()->start();
}

void MappedFileQueue::append(File file) {
    std::lock_guard lock(mutex_);
    RMQ_ASSERT(files_.empty() || files_.back()->end() == file->start(),
               "find() computes the index from the position, so there may be no hole");
    files_.push_back(std::move(file));
}

Result<std::int64_t> MappedFileQueue::flush() {
    std::int64_t position = std::max(flush_from_, min_position());
    while (const File file = find(position)) {
        RMQ_CHECK(file->flush());
        position = file->start() + file->flushed_position();
        if (file->flushed_position() < file->size()) {
            break;
        }
    }
    flush_from_ = position;
    return position;
}

Status MappedFileQueue::truncate(std::int64_t end) {
    std::vector<File> behind;
    File holder;
    {
        std::lock_guard lock(mutex_);
        while (!files_.empty() && files_.back()->start() > end) {
            behind.push_back(std::move(files_.back()));
            files_.pop_back();
        }
        for (const File& file : files_) {
            file->set_positions(std::min(end - file->start(), file->size()));
        }
        holder = files_.empty() ? nullptr : files_.back();
        flush_from_ = holder ? holder->start() : 0;
    }
    for (const File& file : behind) {
        log_of("store").warn("commit_log_file_behind_end_deleted path={} end={}", file->path(),
                             end);
        RMQ_CHECK(file->unlink());
    }
    // Pages that the last process wrote may still be in memory only. What is acknowledged from here
    // on lies behind them, and would be lost with them.
    for (const File& file : files()) {
        RMQ_CHECK(file->flush_whole());
    }
    if (holder) {
        RMQ_CHECK(holder->zero_from(holder->wrote_position()));
    }
    return {};
}

Status MappedFileQueue::delete_first(std::int64_t start) {
    File taken;
    {
        std::lock_guard lock(mutex_);
        if (files_.size() < 2 || files_.front()->start() != start) {
            return Error{Errc::kNotFound, "the oldest file is the last, or another one"};
        }
        taken = std::move(files_.front());
        files_.erase(files_.begin());
    }
    return taken->unlink();
}

}  // namespace rmq::store
