// SPDX-License-Identifier: Apache-2.0
#include "store/allocate_service.h"

#include "common/log.h"
#include "common/persistent_file.h"

#include <algorithm>
#include <utility>

namespace rmq::store {

AllocateService::AllocateService(const MappedFileQueue& files) : files_(files) {}

void AllocateService::want(std::int64_t start) {
    {
        std::lock_guard lock(mutex_);
        if (making_ == start || (spare_ && spare_->start() == start)) {
            return;
        }
        wanted_ = start;
    }
    wakeup_.signal();
}

Result<MappedFileQueue::File> AllocateService::take(std::int64_t start) {
    {
        std::unique_lock lock(mutex_);
        made_.wait(lock, [&] { return making_ != start; });
        if (spare_ && spare_->start() == start) {
            return std::exchange(spare_, nullptr);
        }
        if (wanted_ == start) {
            wanted_ = -1;
        }
    }
    return make(start);
}

Result<MappedFileQueue::File> AllocateService::make(std::int64_t start) const {
    RMQ_TRY(auto file,
            MappedFile::create({files_.path_of(start), start, files_.options().file_size},
                               files_.ops()));
    RMQ_CHECK(sync_directory(files_.options().directory));
    return file;
}

bool AllocateService::run_once() {
    const bool made = make_spare();
    return prefault() || made;
}

bool AllocateService::make_spare() {
    std::int64_t start = -1;
    {
        std::lock_guard lock(mutex_);
        start = std::exchange(wanted_, -1);
        if (start < 0) {
            return false;
        }
        making_ = start;
    }
    auto made = make(start);
    if (!made) {
        // take() tries again when the file is needed, and reports what it then finds.
        log_of("store").warn("allocate_ahead_failed start={} reason=\"{}\"", start,
                             made.error().remark);
    }
    {
        std::lock_guard lock(mutex_);
        making_ = -1;
        if (made) {
            spare_ = std::move(*made);
        }
    }
    made_.notify_all();
    return true;
}

bool AllocateService::prefault() {
    const auto file = files_.last();
    if (!file) {
        return false;
    }
    const std::int64_t written = file->start() + file->wrote_position();
    const std::int64_t target = std::min(written + kPrefaultBytes, file->end());
    const std::int64_t from = std::clamp(prefaulted_, written, target);
    if (from < target) {
        file->prefault(from - file->start(), target - file->start());
    }
    prefaulted_ = std::max(prefaulted_, target);
    std::int64_t wake_at = prefaulted_ - kPrefaultBytes / 2;
    if (target == file->end()) {
        prefault_spare();
        wake_at = std::max(wake_at, file->end());
    }
    prefault_at_.store(wake_at, std::memory_order_relaxed);
    return from < target;
}

// The current file is faulted in to its end; goes on at the start of the next.
void AllocateService::prefault_spare() {
    MappedFileQueue::File next;
    {
        std::lock_guard lock(mutex_);
        next = spare_;
    }
    if (next && prefaulted_ <= next->start()) {
        next->prefault(0, kPrefaultBytes);
        prefaulted_ = std::min(next->start() + kPrefaultBytes, next->end());
    }
}

void AllocateService::run() {
    while (!stopping_.load()) {
        if (!run_once()) {
            wakeup_.wait(-1);
        }
    }
}

void AllocateService::stop() {
    stopping_.store(true);
    wakeup_.signal();
}

void AllocateService::drop_spare() {
    std::lock_guard lock(mutex_);
    wanted_ = -1;
    if (spare_) {
        if (const auto status = spare_->unlink(); !status) {
            log_of("store").warn("spare_file_left reason=\"{}\"", status.error().remark);
        }
        spare_ = nullptr;
    }
}

}  // namespace rmq::store
