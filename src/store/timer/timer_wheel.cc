// SPDX-License-Identifier: Apache-2.0
#include "store/timer/timer_wheel.h"

#include "common/assert.h"
#include "common/bytes.h"
#include "common/descriptor.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace rmq::store {

namespace {

constexpr std::int64_t kPage = 4096;
constexpr std::int64_t kPages = (TimerWheel::kFileBytes + kPage - 1) / kPage;
static_assert(TimerWheel::kFileBytes == 38'707'200, "the original's file length");
static_assert(kPage % TimerWheel::kSlotBytes == 0, "a slot lies in one page");

std::int64_t page_bytes(std::int64_t index) {
    return std::min(kPage, TimerWheel::kFileBytes - index * kPage);
}

bool is_zero(const char* bytes, std::int64_t length) {
    return bytes[0] == 0 &&
           std::memcmp(bytes, bytes + 1, static_cast<std::size_t>(length - 1)) == 0;
}

}  // namespace

TimerWheel::TimerWheel(std::string path, std::int64_t precision_ms)
    : path_(std::move(path)),
      precision_ms_(precision_ms),
      dirty_(static_cast<std::size_t>(kPages), false) {
    RMQ_ASSERT(precision_ms_ > 0, "a step has a length");
    void* const memory =
        ::mmap(nullptr, static_cast<std::size_t>(kFileBytes), PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    RMQ_ASSERT(memory != MAP_FAILED, "address space for one wheel");
    memory_ = static_cast<char*>(memory);
}

TimerWheel::~TimerWheel() {
    ::munmap(memory_, static_cast<std::size_t>(kFileBytes));
}

Status TimerWheel::load() {
    const Descriptor fd(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (fd.get() < 0) {
        return errno_error("cannot open " + path_);
    }
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) {
        return errno_error("cannot stat " + path_);
    }
    if (status.st_size == 0) {
        is_new_ = true;
        return ::ftruncate(fd.get(), kFileBytes) == 0 ? Status{}
                                                      : errno_error("cannot size " + path_);
    }
    if (status.st_size != kFileBytes) {
        return Error{Errc::kMalformed, path_ + " has " + std::to_string(status.st_size) +
                                           " bytes where a timer wheel has " +
                                           std::to_string(kFileBytes) +
                                           ": move it away, it is rebuilt from timerlog"};
    }
    std::string chunk(static_cast<std::size_t>(kPage) * 256, '\0');
    std::lock_guard lock(mutex_);
    for (std::int64_t done = 0; done < kFileBytes;) {
        const ssize_t got = ::pread(fd.get(), chunk.data(), chunk.size(), done);
        if (got <= 0) {
            return got < 0 ? errno_error("cannot read " + path_)
                           : Status(Error{Errc::kIo, path_ + " ends early"});
        }
        // Empty pages are not copied: they would only take memory.
        for (std::int64_t from = 0; from < got; from += kPage) {
            const std::int64_t length = std::min<std::int64_t>(kPage, got - from);
            if (!is_zero(chunk.data() + from, length)) {
                std::memcpy(memory_ + done + from, chunk.data() + from,
                            static_cast<std::size_t>(length));
            }
        }
        done += got;
    }
    return {};
}

char* TimerWheel::at(std::int64_t time_ms) const {
    RMQ_ASSERT(time_ms >= 0, "times before 1970 are refused where they come from");
    return memory_ + time_ms / precision_ms_ % (2 * kSlotsTotal) * kSlotBytes;
}

TimerSlot TimerWheel::decode(const char* from) const {
    return {.time_ms = load_be<std::int64_t>(from) * precision_ms_,
            .first_pos = load_be<std::int64_t>(from + 8),
            .last_pos = load_be<std::int64_t>(from + 16),
            .num = load_be<std::int32_t>(from + 24),
            .magic = load_be<std::int32_t>(from + 28)};
}

TimerSlot TimerWheel::raw_slot(std::int64_t time_ms) const {
    std::lock_guard lock(mutex_);
    return decode(at(time_ms));
}

TimerSlot TimerWheel::slot(std::int64_t time_ms) const {
    const TimerSlot found = raw_slot(time_ms);
    return found.time_ms == floor_ms(time_ms) ? found : TimerSlot{};
}

std::int64_t TimerWheel::next_slot(std::int64_t from_ms, std::int64_t until_ms) const {
    std::lock_guard lock(mutex_);
    for (std::int64_t time = from_ms; time < until_ms; time += precision_ms_) {
        if (load_be<std::int64_t>(at(time)) == time / precision_ms_) {
            return time;
        }
    }
    return until_ms;
}

void TimerWheel::put_slot(const TimerSlot& slot) {
    std::lock_guard lock(mutex_);
    char* const to = at(slot.time_ms);
    store_be(to, slot.time_ms / precision_ms_);
    store_be(to + 8, slot.first_pos);
    store_be(to + 16, slot.last_pos);
    store_be(to + 24, slot.num);
    store_be(to + 28, slot.magic);
    dirty_[static_cast<std::size_t>((to - memory_) / kPage)] = true;
}

std::int64_t TimerWheel::clear_behind(std::int64_t end) {
    std::int64_t lowest = end;
    std::lock_guard lock(mutex_);
    for (std::int64_t offset = 0; offset < kFileBytes; offset += kSlotBytes) {
        const TimerSlot slot = decode(memory_ + offset);
        if (slot.time_ms <= 0 || slot.last_pos < end) {
            continue;
        }
        lowest = std::min(lowest, std::max<std::int64_t>(slot.first_pos, 0));
        std::memset(memory_ + offset, 0, kSlotBytes);
        dirty_[static_cast<std::size_t>(offset / kPage)] = true;
    }
    return lowest;
}

std::int64_t TimerWheel::count_from(std::int64_t from_ms) const {
    const std::int64_t first = from_ms / precision_ms_;
    std::int64_t count = 0;
    std::lock_guard lock(mutex_);
    for (std::int64_t offset = 0; offset < kFileBytes; offset += kSlotBytes) {
        const char* const slot = memory_ + offset;
        const std::int64_t step = load_be<std::int64_t>(slot);
        if (step >= first && step < first + 2 * kSlotsTotal) {
            count += load_be<std::int32_t>(slot + 24);
        }
    }
    return count;
}

std::vector<TimerWheel::Page> TimerWheel::take_dirty() {
    std::vector<Page> pages;
    std::lock_guard lock(mutex_);
    for (std::int64_t index = 0; index < kPages; ++index) {
        if (dirty_[static_cast<std::size_t>(index)]) {
            dirty_[static_cast<std::size_t>(index)] = false;
            pages.push_back({index, std::string(memory_ + index * kPage,
                                                static_cast<std::size_t>(page_bytes(index)))});
        }
    }
    return pages;
}

Status TimerWheel::write(const std::vector<Page>& pages) {
    if (pages.empty()) {
        return {};
    }
    const Descriptor fd(::open(path_.c_str(), O_WRONLY | O_CLOEXEC));
    Status status = fd.get() < 0 ? Status(errno_error("cannot open " + path_)) : Status{};
    for (std::size_t index = 0; status && index < pages.size(); ++index) {
        status = write_at(fd, path_, pages[index].index * kPage, pages[index].bytes);
    }
    if (status) {
        status = sync_data(fd, path_);
    }
    if (!status) {
        mark_dirty(pages);
    }
    return status;
}

void TimerWheel::mark_dirty(const std::vector<Page>& pages) {
    std::lock_guard lock(mutex_);
    for (const auto& page : pages) {
        dirty_[static_cast<std::size_t>(page.index)] = true;
    }
}

}  // namespace rmq::store
