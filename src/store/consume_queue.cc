// SPDX-License-Identifier: Apache-2.0
#include "store/consume_queue.h"

#include "common/assert.h"
#include "common/bytes.h"
#include "common/log.h"
#include "common/parse_number.h"
#include "common/persistent_file.h"
#include "store/mapped_region.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

namespace rmq::store {

namespace {

constexpr std::int64_t kUnit = ConsumeQueueEntry::kBytes;
constexpr std::int64_t kPageBytes = 4096;
constexpr ConsumeQueueEntry kFiller{{0}, INT32_MAX, 0};

void encode_entry(const ConsumeQueueEntry& entry, char* at) {
    store_be(at, entry.physical_offset.value);
    store_be(at + 8, entry.size);
    store_be(at + 12, entry.tags_code);
}

bool is_written(const ConsumeQueueEntry& entry) {
    return entry.physical_offset.value >= 0 && entry.size > 0;
}

bool lies_before(const ConsumeQueueEntry& entry, PhysicalOffset minimum) {
    return entry.is_filler() || entry.physical_offset < minimum;
}

bool is_zero(const char* at, std::int64_t bytes) {
    return bytes == 0 ||
           (*at == 0 && std::memcmp(at, at + 1, static_cast<std::size_t>(bytes - 1)) == 0);
}

// Parses the 20 digits of a mapped file's name; -1 for anything else.
std::int64_t start_of_name(const std::string& name) {
    return name.size() == 20 ? parse_number<std::int64_t>(name).value_or(-1) : -1;
}

}  // namespace

ConsumeQueueEntry decode_consume_queue_entry(const char* at) {
    return {
        {load_be<std::int64_t>(at)}, load_be<std::int32_t>(at + 8), load_be<std::int64_t>(at + 12)};
}

ConsumeQueue::ConsumeQueue(const ConsumeQueueOptions& options, std::string_view topic,
                           std::int32_t queue_id)
    : topic_(topic),
      queue_id_(queue_id),
      options_(options),
      entries_per_file_(options.entries_per_file) {}

ConsumeQueue::~ConsumeQueue() = default;

std::string ConsumeQueue::directory() const {
    return options_.root + "/" + topic_ + "/" + std::to_string(queue_id_);
}

std::string ConsumeQueue::file_path(std::int64_t start_bytes) const {
    const std::string digits = std::to_string(start_bytes);
    return directory() + "/" + std::string(20 - digits.size(), '0') + digits;
}

// --- recovery ------------------------------------------------------------------------------------

Status ConsumeQueue::load() {
    std::lock_guard lock(mutex_);
    std::error_code error;
    std::vector<std::int64_t> starts;
    for (std::filesystem::directory_iterator it(directory(), error), end; !error && it != end;
         it.increment(error)) {
        const std::int64_t start = start_of_name(it->path().filename().string());
        if (start >= 0 && it->is_regular_file(error)) {
            starts.push_back(start);
        }
    }
    if (error && error != std::errc::no_such_file_or_directory) {
        return Error{Errc::kIo, "cannot list " + directory() + ": " + error.message()};
    }
    std::sort(starts.begin(), starts.end());
    for (const std::int64_t start : starts) {
        const auto size =
            static_cast<std::int64_t>(std::filesystem::file_size(file_path(start), error));
        if (start == starts.back() && size == 0 && !error) {
            std::filesystem::remove(file_path(start), error);
            break;
        }
        if (error || size != file_bytes()) {
            return Error{Errc::kMalformed,
                         file_path(start) + " has " + std::to_string(size) +
                             " bytes, configured are " + std::to_string(file_bytes()) +
                             "; restore mappedFileSizeConsumeQueue or remove the file"};
        }
        files_.push_back({start, nullptr});
    }
    exists_.store(!files_.empty(), std::memory_order_release);
    return {};
}

// Number of written entries at the start of a file; `last_end` becomes the end of the last record.
// Entries whose position goes backwards are leftovers of a truncation by an older program.
Result<std::int64_t> ConsumeQueue::valid_entries(File& file, PhysicalOffset& last_end) const {
    RMQ_TRY(MappedRegion* const region, map(file));
    PhysicalOffset previous{-1};
    for (std::int64_t i = 0; i < entries_per_file_; ++i) {
        const ConsumeQueueEntry entry = decode_consume_queue_entry(region->data() + i * kUnit);
        if (!is_written(entry) || entry.physical_offset < previous) {
            return i;
        }
        previous = entry.physical_offset;
        if (!entry.is_filler()) {
            last_end = entry.physical_offset + entry.size;
        }
    }
    return entries_per_file_;
}

Status ConsumeQueue::recover() {
    std::lock_guard lock(mutex_);
    constexpr std::size_t kFilesScanned = 3;
    PhysicalOffset last_end{-1};
    std::int64_t end = 0;
    std::size_t index = files_.size() < kFilesScanned ? 0 : files_.size() - kFilesScanned;
    for (; index > 0; --index) {
        RMQ_TRY(MappedRegion* const region, map(files_[index]));
        if (is_written(decode_consume_queue_entry(region->data()))) {
            break;
        }
    }
    // What a killed process wrote may not be on the disk yet: the next flush covers it.
    flushed_bytes_ = files_.empty() ? 0 : files_[index].start_bytes;
    for (; index < files_.size(); ++index) {
        PhysicalOffset file_end{-1};
        RMQ_TRY(const std::int64_t count, valid_entries(files_[index], file_end));
        if (file_end.value >= 0) {
            last_end = file_end;
            end = files_[index].start_bytes / kUnit + count;
        }
        // A file of nothing but filler is as good as none: its records are gone.
        if (file_end.value < 0 || count < entries_per_file_) {
            break;
        }
    }
    max_offset_.store(end, std::memory_order_release);
    max_physical_offset_.store(last_end.value, std::memory_order_release);
    while (!files_.empty() && files_.back().start_bytes >= end * kUnit) {
        if (const Status status = drop_last_file(); !status) {
            return status;
        }
    }
    return clear_behind_end();
}

Status ConsumeQueue::truncate(PhysicalOffset end) {
    std::lock_guard lock(mutex_);
    if (max_physical_offset_.load() <= end.value) {
        return {};
    }
    while (!files_.empty()) {
        File& last = files_.back();
        RMQ_TRY(MappedRegion* const region, map(last));
        const std::int64_t start = last.start_bytes / kUnit;
        std::int64_t count = max_offset_.load() - start;
        const auto entry = [&](std::int64_t i) {
            return decode_consume_queue_entry(region->data() + i * kUnit);
        };
        while (count > 0 && !entry(count - 1).is_filler() &&
               entry(count - 1).physical_offset >= end) {
            --count;
        }
        if (count > 0 && !entry(count - 1).is_filler()) {
            const ConsumeQueueEntry last_kept = entry(count - 1);
            max_offset_.store(start + count, std::memory_order_release);
            max_physical_offset_.store((last_kept.physical_offset + last_kept.size).value,
                                       std::memory_order_release);
            return clear_behind_end();
        }
        if (const Status status = drop_last_file(); !status) {
            return status;
        }
        max_offset_.store(files_.empty() ? 0 : start, std::memory_order_release);
    }
    max_physical_offset_.store(-1, std::memory_order_release);
    min_offset_.store(0, std::memory_order_release);
    exists_.store(false, std::memory_order_release);
    return {};
}

Status ConsumeQueue::drop_last_file() {
    std::error_code error;
    std::filesystem::remove(file_path(files_.back().start_bytes), error);
    if (error) {
        return Error{Errc::kIo, "cannot remove " + file_path(files_.back().start_bytes) + ": " +
                                    error.message()};
    }
    files_.pop_back();
    allocated_bytes_ = 0;
    exists_.store(!files_.empty(), std::memory_order_release);
    return {};
}

// Later recoveries, also those of the original, take the first entry that is not written for the
// end; leftovers behind it must not look written once the queue has grown up to them.
Status ConsumeQueue::clear_behind_end() {
    flushed_bytes_ = std::min(flushed_bytes_, max_offset_.load() * kUnit);
    if (files_.empty() || max_offset_.load() * kUnit == files_.back().start_bytes + file_bytes()) {
        return {};
    }
    RMQ_TRY(MappedRegion* const region, map(files_.back()));
    const std::int64_t end = max_offset_.load() * kUnit - files_.back().start_bytes;
    if (is_zero(region->data() + end, kUnit)) {
        return {};
    }
    for (std::int64_t at = end; at < file_bytes();) {
        const std::int64_t next = std::min((at / kPageBytes + 1) * kPageBytes, file_bytes());
        if (!is_zero(region->data() + at, next - at)) {
            std::memset(region->data() + at, 0, static_cast<std::size_t>(next - at));
        }
        at = next;
    }
    return region->sync(end, file_bytes());
}

void ConsumeQueue::finish_recovery(PhysicalOffset commit_log_min) {
    std::lock_guard lock(mutex_);
    correct_min_offset_locked(commit_log_min);
    const std::int64_t end = max_offset_.load();
    start_offset_.store(end, std::memory_order_relaxed);
    next_offset_.store(end, std::memory_order_relaxed);
    for (File& file : files_) {
        file.region.reset();
    }
}

// --- writing -------------------------------------------------------------------------------------

Result<ConsumeQueue::PutOutcome> ConsumeQueue::put(const ConsumeQueueEntry& entry,
                                                   QueueOffset number) {
    std::lock_guard lock(mutex_);
    const std::int64_t end_physical = entry.physical_offset.value + entry.size;
    if (end_physical <= max_physical_offset_.load(std::memory_order_relaxed)) {
        return PutOutcome::kRepeated;
    }
    const std::int64_t max = max_offset_.load(std::memory_order_relaxed);
    if (files_.empty()) {
        const std::int64_t file_start = number.value / entries_per_file_ * entries_per_file_;
        if (const Status status = roll(file_start, number.value - file_start, entry); !status) {
            return status.error();
        }
        flushed_bytes_ = file_start * kUnit;
        min_offset_.store(number.value, std::memory_order_release);
        max_offset_.store(number.value, std::memory_order_release);
    } else if (number.value != 0 && number.value < max) {
        // Source: ConsumeQueue.putMessagePositionInfo: numbered below the end, so it is there.
        log_of("store").warn("consume_queue_repeated topic={} queue_id={} number={} end={}", topic_,
                             queue_id_, number.value, max);
        return PutOutcome::kRepeated;
    } else if (number.value > max) {
        log_of("store").error("consume_queue_gap topic={} queue_id={} number={} end={}", topic_,
                              queue_id_, number.value, max);
        for (std::int64_t at = max; at < number.value; ++at) {
            if (const Status status = append(entry); !status) {
                return status.error();
            }
        }
    }
    if (const Status status = append(entry); !status) {
        return status.error();
    }
    max_physical_offset_.store(end_physical, std::memory_order_release);
    exists_.store(true, std::memory_order_release);
    return PutOutcome::kWritten;
}

Status ConsumeQueue::append(const ConsumeQueueEntry& entry) {
    const std::int64_t position = max_offset_.load(std::memory_order_relaxed) * kUnit;
    if (position == files_.back().start_bytes + file_bytes()) {
        if (const Status status = roll(position / kUnit, 0, entry); !status) {
            return status;
        }
    } else {
        RMQ_TRY(MappedRegion* const region, map(files_.back()));
        const std::int64_t at = position - files_.back().start_bytes;
        if (at + kUnit > allocated_bytes_) {
            if (const Status status = ensure_allocated(*region, at + kUnit); !status) {
                return status;
            }
        }
        encode_entry(entry, region->data() + at);
    }
    max_offset_.store(position / kUnit + 1, std::memory_order_release);
    return {};
}

// The file gets its name when its first entry is in it: the original takes an all-zero last file
// for a queue with one record at position 0. The name it is made under is one the original skips.
Status ConsumeQueue::roll(std::int64_t start_number, std::int64_t filler,
                          const ConsumeQueueEntry& entry) {
    if (const Status status = create_directories(directory()); !status) {
        return status;
    }
    const std::string draft = options_.root + "/" + topic_ + "/.new-" + std::to_string(queue_id_);
    RMQ_TRY(auto region, MappedRegion::create(draft, file_bytes()));
    allocated_bytes_ = 0;
    if (const Status status = ensure_allocated(*region, (filler + 1) * kUnit); !status) {
        allocated_bytes_ = files_.empty() ? 0 : file_bytes();
        return status;
    }
    for (std::int64_t i = 0; i < filler; ++i) {
        encode_entry(kFiller, region->data() + i * kUnit);
    }
    encode_entry(entry, region->data() + filler * kUnit);
    if (const Status status = region->rename(file_path(start_number * kUnit)); !status) {
        return status;
    }
    files_.push_back({start_number * kUnit, std::move(region)});
    return {};
}

Status ConsumeQueue::ensure_allocated(MappedRegion& region, std::int64_t end_bytes) {
    const std::int64_t from = std::min(allocated_bytes_, end_bytes - kUnit);
    const std::int64_t to = std::min(
        (end_bytes + kAllocationBytes - 1) / kAllocationBytes * kAllocationBytes, file_bytes());
    if (const Status status = region.allocate(from, to - from); !status) {
        return status;
    }
    allocated_bytes_ = to;
    return {};
}

Status ConsumeQueue::flush(int least_pages) {
    struct Part {
        std::shared_ptr<MappedRegion> region;
        std::string path;
        std::int64_t from;
        std::int64_t to;
    };
    std::vector<Part> parts;
    std::int64_t target = 0;
    {
        std::lock_guard lock(mutex_);
        target = max_offset_.load() * kUnit;
        const std::int64_t dirty = target / kPageBytes - flushed_bytes_ / kPageBytes;
        if (target <= flushed_bytes_ || (least_pages > 0 && dirty < least_pages)) {
            return {};
        }
        for (const File& file : files_) {
            const std::int64_t from = std::max(flushed_bytes_, file.start_bytes);
            const std::int64_t to = std::min(target, file.start_bytes + file_bytes());
            if (from < to) {
                parts.push_back({file.region, file_path(file.start_bytes), from - file.start_bytes,
                                 to - file.start_bytes});
            }
        }
    }
    for (Part& part : parts) {
        if (!part.region) {  // written before a restart and not used since
            RMQ_TRY(part.region, MappedRegion::open(part.path, file_bytes()));
        }
        if (const Status status = part.region->sync(part.from, part.to); !status) {
            return status;
        }
    }
    std::lock_guard lock(mutex_);
    flushed_bytes_ = std::max(flushed_bytes_, std::min(target, max_offset_.load() * kUnit));
    return {};
}

// --- retention -----------------------------------------------------------------------------------

void ConsumeQueue::correct_min_offset(PhysicalOffset commit_log_min) {
    std::lock_guard lock(mutex_);
    correct_min_offset_locked(commit_log_min);
}

void ConsumeQueue::correct_min_offset_locked(PhysicalOffset commit_log_min) {
    const std::int64_t max = max_offset_.load();
    std::int64_t low = files_.empty() ? max : files_.front().start_bytes / kUnit;
    std::int64_t high = max;
    while (low < high) {
        const std::int64_t middle = low + (high - low) / 2;
        const auto entry = entry_at(middle);
        if (!entry) {
            return;  // cannot be read now: the old minimum stays
        }
        if (lies_before(*entry, commit_log_min)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    min_offset_.store(low, std::memory_order_release);
}

int ConsumeQueue::delete_expired_files(PhysicalOffset commit_log_min) {
    std::lock_guard lock(mutex_);
    int deleted = 0;
    while (files_.size() > 1) {
        const auto last = entry_at(files_.front().start_bytes / kUnit + entries_per_file_ - 1);
        std::error_code error;
        if (!last || !lies_before(*last, commit_log_min) ||
            (std::filesystem::remove(file_path(files_.front().start_bytes), error), error)) {
            break;
        }
        files_.erase(files_.begin());
        ++deleted;
    }
    correct_min_offset_locked(commit_log_min);
    return deleted;
}

void ConsumeQueue::destroy() {
    std::lock_guard lock(mutex_);
    std::error_code error;
    std::filesystem::remove_all(directory(), error);
    if (error) {
        log_of("store").warn("consume_queue_not_removed directory={} cause={}", directory(),
                             error.message());
    }
    files_.clear();
    allocated_bytes_ = 0;
    flushed_bytes_ = 0;
    exists_.store(false, std::memory_order_release);
    min_offset_.store(0, std::memory_order_release);
    max_offset_.store(0, std::memory_order_release);
    start_offset_.store(0, std::memory_order_relaxed);
    next_offset_.store(0, std::memory_order_relaxed);
    max_physical_offset_.store(-1, std::memory_order_release);
}

// --- reading -------------------------------------------------------------------------------------

ConsumeQueue::File* ConsumeQueue::file_of(std::int64_t position) const {
    if (files_.empty() || position < files_.front().start_bytes) {
        return nullptr;
    }
    const auto index =
        static_cast<std::size_t>((position - files_.front().start_bytes) / file_bytes());
    if (index < files_.size() && files_[index].start_bytes <= position &&
        position < files_[index].start_bytes + file_bytes()) {
        return &files_[index];
    }
    const auto found = std::find_if(files_.begin(), files_.end(), [&](const File& file) {
        return file.start_bytes <= position && position < file.start_bytes + file_bytes();
    });
    return found == files_.end() ? nullptr : &*found;
}

Result<MappedRegion*> ConsumeQueue::map(File& file) const {
    if (!file.region) {
        RMQ_TRY(file.region, MappedRegion::open(file_path(file.start_bytes), file_bytes()));
    }
    return file.region.get();
}

std::optional<ConsumeQueueEntry> ConsumeQueue::entry_at(std::int64_t number) const {
    File* const file = file_of(number * kUnit);
    if (file == nullptr) {
        return std::nullopt;
    }
    const auto region = map(*file);
    if (!region) {
        log_of("store").error("consume_queue_unreadable {}", region.error().remark);
        return std::nullopt;
    }
    return decode_consume_queue_entry((*region)->data() + number * kUnit - file->start_bytes);
}

ConsumeQueueWindow ConsumeQueue::read(QueueOffset from) const {
    std::lock_guard lock(mutex_);
    const std::int64_t end = max_offset_.load(std::memory_order_relaxed) * kUnit;
    const std::int64_t position = from.value * kUnit;
    File* const file = from.value < 0 || position >= end ? nullptr : file_of(position);
    if (file == nullptr) {
        return {};
    }
    const auto region = map(*file);
    if (!region) {
        log_of("store").error("consume_queue_unreadable {}", region.error().remark);
        return {};
    }
    const std::int64_t bytes = std::min(end, file->start_bytes + file_bytes()) - position;
    return {file->region,
            {(*region)->data() + position - file->start_bytes, static_cast<std::size_t>(bytes)}};
}

std::optional<ConsumeQueueEntry> ConsumeQueue::entry(QueueOffset number) const {
    const ConsumeQueueWindow window = read(number);
    if (window.bytes.empty()) {
        return std::nullopt;
    }
    return decode_consume_queue_entry(window.bytes.data());
}

QueueOffset ConsumeQueue::next_file_start(QueueOffset number) const {
    return {(number.value / entries_per_file_ + 1) * entries_per_file_};
}

}  // namespace rmq::store
