// SPDX-License-Identifier: Apache-2.0
#include "store/index_file.h"

#include "common/assert.h"
#include "common/bytes.h"
#include "common/java_string.h"
#include "store/mapped_region.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace rmq::store {

namespace {

constexpr std::int64_t kAllocationBytes = 1024 * 1024;
// A time that a damaged header may give: any difference can be added to it.
constexpr std::int64_t kTimeMax = INT64_MAX / 2;

// Slots are read by searches while the dispatcher changes them.
std::int32_t load_slot(char* at) {
    return static_cast<std::int32_t>(__builtin_bswap32(
        std::atomic_ref(*reinterpret_cast<std::uint32_t*>(at)).load(std::memory_order_acquire)));
}

void store_slot(char* at, std::int32_t value) {
    std::atomic_ref(*reinterpret_cast<std::uint32_t*>(at))
        .store(__builtin_bswap32(static_cast<std::uint32_t>(value)), std::memory_order_release);
}

}  // namespace

std::int32_t index_key_hash(std::string_view topic, std::string_view key) {
    return index_key_hash(java_string_hash(key, java_string_hash("#", java_string_hash(topic))));
}

IndexFile::IndexFile(const IndexFileShape& shape, std::shared_ptr<MappedRegion> region)
    : shape_(shape), region_(std::move(region)) {}

IndexFile::~IndexFile() = default;

Result<std::unique_ptr<IndexFile>> IndexFile::open(const std::string& path,
                                                   const IndexFileShape& shape) {
    RMQ_TRY(auto region, MappedRegion::open(path, shape.file_bytes()));
    std::unique_ptr<IndexFile> file(new IndexFile(shape, std::move(region)));
    file->read_header();
    return file;
}

Result<std::unique_ptr<IndexFile>> IndexFile::create(const std::string& path,
                                                     const IndexFileShape& shape,
                                                     PhysicalOffset end_offset,
                                                     std::int64_t end_timestamp) {
    RMQ_TRY(auto region, MappedRegion::create(path, shape.file_bytes()));
    std::unique_ptr<IndexFile> file(new IndexFile(shape, std::move(region)));
    if (const Status status = file->ensure_allocated(shape.entries_at()); !status) {
        (void)file->unlink();
        return status.error();
    }
    file->begin_offset_ = end_offset.value;
    file->end_offset_ = end_offset.value;
    file->begin_timestamp_ = end_timestamp;
    file->end_timestamp_ = end_timestamp;
    file->write_header();
    return file;
}

const std::string& IndexFile::path() const {
    return region_->path();
}

void IndexFile::read_header() {
    const char* const at = region_->data();
    begin_timestamp_ = std::clamp<std::int64_t>(load_be<std::int64_t>(at), 0, kTimeMax);
    end_timestamp_ = std::clamp<std::int64_t>(load_be<std::int64_t>(at + 8), 0, kTimeMax);
    begin_offset_ = load_be<std::int64_t>(at + 16);
    end_offset_ = load_be<std::int64_t>(at + 24);
    slot_count_ = static_cast<std::int32_t>(
        std::clamp<std::int64_t>(load_be<std::int32_t>(at + 32), 0, shape_.slots));
    count_ = std::clamp<std::int64_t>(load_be<std::int32_t>(at + 36), 1, shape_.entries);
}

void IndexFile::write_header() {
    char* const at = region_->data();
    store_be(at, begin_timestamp_.load(std::memory_order_relaxed));
    store_be(at + 8, end_timestamp_.load(std::memory_order_relaxed));
    store_be(at + 16, begin_offset_);
    store_be(at + 24, end_offset_.load(std::memory_order_relaxed));
    store_be(at + 32, slot_count_);
    store_be(at + 36, static_cast<std::int32_t>(count_.load(std::memory_order_relaxed)));
}

const char* IndexFile::entry(std::int64_t number) const {
    return region_->data() + shape_.entries_at() + number * IndexFileShape::kEntryBytes;
}

char* IndexFile::slot(std::int32_t key_hash) const {
    return region_->data() + IndexFileShape::kHeaderBytes +
           key_hash % shape_.slots * IndexFileShape::kSlotBytes;
}

// Up to 999 ms before the store time of the entry's record.
std::int64_t IndexFile::time_of(std::int64_t number) const {
    return begin_timestamp() + load_be<std::int32_t>(entry(number) + 12) * std::int64_t{1000};
}

Status IndexFile::ensure_allocated(std::int64_t end_bytes) {
    if (end_bytes <= allocated_bytes_) {
        return {};
    }
    const std::int64_t to =
        std::min((end_bytes + kAllocationBytes - 1) / kAllocationBytes * kAllocationBytes,
                 shape_.file_bytes());
    if (const Status status = region_->allocate(allocated_bytes_, to - allocated_bytes_); !status) {
        return status;
    }
    allocated_bytes_ = to;
    return {};
}

std::int32_t IndexFile::time_difference(std::int64_t store_timestamp) const {
    const std::int64_t begin = begin_timestamp_.load(std::memory_order_relaxed);
    if (begin <= 0) {
        return 0;
    }
    return static_cast<std::int32_t>(
        std::clamp<std::int64_t>((store_timestamp - begin) / 1000, 0, INT32_MAX));
}

Status IndexFile::put(std::int32_t key_hash, PhysicalOffset at, std::int64_t store_timestamp) {
    RMQ_ASSERT(!is_full(), "the service rolls to a new file first");
    const std::int64_t number = count_.load(std::memory_order_relaxed);
    const std::int64_t entry_at = shape_.entries_at() + number * IndexFileShape::kEntryBytes;
    if (const Status status = ensure_allocated(entry_at + IndexFileShape::kEntryBytes); !status) {
        return status;
    }
    char* const head = slot(key_hash);
    std::int32_t previous = load_slot(head);
    if (previous <= 0 || previous > number) {
        previous = 0;
    }
    if (number <= 1) {
        // The original measures a later file's first entry against the file before it, and so puts
        // it into the future; measured against its own time, a search finds it.
        begin_offset_ = at.value;
        begin_timestamp_.store(store_timestamp);
    }
    char* const to = region_->data() + entry_at;
    store_be(to, key_hash);
    store_be(to + 4, at.value);
    store_be(to + 12, time_difference(store_timestamp));
    store_be(to + 16, previous);
    slot_count_ += previous == 0 ? 1 : 0;
    end_offset_.store(at.value);
    end_timestamp_.store(store_timestamp);
    count_.store(number + 1, std::memory_order_release);
    write_header();
    store_slot(head, static_cast<std::int32_t>(number));
    return {};
}

bool IndexFile::is_time_matched(std::int64_t begin_ms, std::int64_t end_ms) const {
    return begin_ms <= end_timestamp() && end_ms >= begin_timestamp();
}

void IndexFile::select(std::int32_t key_hash, std::size_t max, std::int64_t begin_ms,
                       std::int64_t end_ms, std::vector<PhysicalOffset>& found) const {
    std::int64_t number = load_slot(slot(key_hash));
    const std::int64_t begin = begin_timestamp();
    // Numbers fall along a chain; one that does not is damage, and ends the walk. The first may be
    // the count itself, in a file of the original that was killed between slot and header.
    std::int64_t above = std::min(count() + 1, shape_.entries);
    while (number > 0 && number < above && found.size() < max) {
        const char* const at = entry(number);
        const std::int64_t seconds = load_be<std::int32_t>(at + 12);
        const std::int64_t time = begin + seconds * 1000;
        if (seconds < 0) {
            return;
        }
        if (load_be<std::int32_t>(at) == key_hash && time >= begin_ms && time <= end_ms) {
            found.push_back({load_be<std::int64_t>(at + 4)});
        }
        if (time < begin_ms) {
            return;
        }
        above = number;
        number = load_be<std::int32_t>(at + 16);
    }
}

Status IndexFile::flush() {
    const bool was_full = is_full();
    const std::int64_t used = shape_.entries_at() + count() * IndexFileShape::kEntryBytes;
    if (const Status status = region_->sync(0, std::min(used, shape_.file_bytes())); !status) {
        return status;
    }
    complete_on_disk_.store(was_full);
    return {};
}

Result<bool> IndexFile::keep_before(std::int64_t safe_timestamp) {
    constexpr std::int64_t kTimeSlackMs = 1000;
    std::int64_t low = 1;
    std::int64_t high = count();
    while (low < high) {
        const std::int64_t middle = low + (high - low) / 2;
        if (time_of(middle) + kTimeSlackMs <= safe_timestamp) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 1) {
        return false;
    }
    // The slots are made anew from the entries: a slot's page may be newer than its entry's.
    if (const Status status = ensure_allocated(shape_.entries_at()); !status) {
        return status.error();
    }
    std::memset(region_->data() + IndexFileShape::kHeaderBytes, 0,
                static_cast<std::size_t>(shape_.slots * IndexFileShape::kSlotBytes));
    slot_count_ = 0;
    for (std::int64_t number = 1; number < low; ++number) {
        const auto key_hash = load_be<std::int32_t>(entry(number));
        if (key_hash < 0) {
            return false;  // no entry that anybody wrote
        }
        slot_count_ += load_slot(slot(key_hash)) == 0 ? 1 : 0;
        store_slot(slot(key_hash), static_cast<std::int32_t>(number));
    }
    count_ = low;
    end_timestamp_ = time_of(low - 1);
    end_offset_ = load_be<std::int64_t>(entry(low - 1) + 4);
    write_header();
    return true;
}

Status IndexFile::unlink() {
    return region_->unlink();
}

}  // namespace rmq::store
