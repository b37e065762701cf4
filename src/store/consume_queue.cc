// SPDX-License-Identifier: Apache-2.0
#include "store/consume_queue.h"

#include "common/bytes.h"
#include "common/light_queue.h"
#include "common/log.h"

#include <algorithm>

namespace rmq::store {

namespace {

constexpr std::int64_t kUnit = ConsumeQueueEntry::kBytes;
// More messages than a queue ever gets, and more than one that was damaged ever lost.
constexpr std::int64_t kNumberMax = std::int64_t{1} << 48;
constexpr std::int64_t kGapMax = 10'000'000;
constexpr ConsumeQueueEntry kFiller{{0}, INT32_MAX, 0};

struct EncodedEntry {
    explicit EncodedEntry(const ConsumeQueueEntry& entry) {
        store_be(bytes, entry.physical_offset.value);
        store_be(bytes + 8, entry.size);
        store_be(bytes + 12, entry.tags_code);
    }
    char bytes[kUnit];
};

bool is_written(const ConsumeQueueEntry& entry) {
    return entry.physical_offset.value >= 0 && entry.size > 0 &&
           entry.physical_offset.value <= INT64_MAX - INT32_MAX;
}

bool lies_before(const ConsumeQueueEntry& entry, PhysicalOffset minimum) {
    return entry.is_filler() || entry.physical_offset < minimum;
}

}  // namespace

ConsumeQueueEntry decode_consume_queue_entry(const char* at) {
    return {
        {load_be<std::int64_t>(at)}, load_be<std::int32_t>(at + 8), load_be<std::int64_t>(at + 12)};
}

ConsumeQueue::ConsumeQueue(const ConsumeQueueOptions& options, std::string_view topic,
                           std::int32_t queue_id)
    : topic_(topic), queue_id_(queue_id), options_(options), files_(layout(QueueType::kSimple)) {}

ConsumeQueue::~ConsumeQueue() = default;

std::string ConsumeQueue::directory() const {
    return layout(QueueType::kSimple).directory;
}

UnitFiles::Layout ConsumeQueue::layout(QueueType type) const {
    const bool is_batch = type == QueueType::kBatch;
    const std::string topic = (is_batch ? options_.batch_root : options_.root) + "/" + topic_;
    const std::string id = std::to_string(queue_id_);
    return {topic + "/" + id, topic + "/.new-" + id, is_batch ? BatchQueueUnit::kBytes : kUnit,
            is_batch ? options_.batch_units_per_file : options_.entries_per_file,
            is_batch ? "mapperFileSizeBatchConsumeQueue" : "mappedFileSizeConsumeQueue"};
}

void ConsumeQueue::set_exists(bool exists) {
    const bool existed = exists_.exchange(exists, std::memory_order_acq_rel);
    if (existed != exists && options_.light_queue_count != nullptr && is_light_queue(topic_)) {
        options_.light_queue_count->fetch_add(exists ? 1 : -1, std::memory_order_relaxed);
    }
}

// --- recovery ------------------------------------------------------------------------------------

Status ConsumeQueue::load(QueueType type) {
    std::lock_guard lock(mutex_);
    if (!files_.empty()) {
        log_of("store").error("consume_queue_of_both_types topic={} queue_id={} used={}", topic_,
                              queue_id_, layout(this->type()).directory);
        return {};
    }
    files_.set_layout(layout(type));
    type_.store(type, std::memory_order_release);
    if (const Status status = files_.load(); !status) {
        return status;
    }
    set_exists(!files_.empty());
    return {};
}

Status ConsumeQueue::recover(const LogBounds& log) {
    std::lock_guard lock(mutex_);
    if (log.begin.value == 0 && !files_.empty() && files_.begin() > 0) {
        files_.lose_all();  // they would have to begin with number 0
    }
    const Status status =
        type() == QueueType::kBatch ? recover_batch(log.end) : recover_simple(log.end);
    set_exists(!files_.empty());
    if (status && files_.damage() != UnitFiles::Damage::kNone) {
        log_of("store").error("consume_queue_damaged topic={} queue_id={} kept_entries={}", topic_,
                              queue_id_, files_.end());
    }
    return status;
}

// Entries whose position goes backwards are leftovers of a truncation by an older program. A file
// of nothing but filler is as good as none: its records are gone.
Status ConsumeQueue::recover_simple(PhysicalOffset log_end) {
    PhysicalOffset last_end{-1};
    const auto scan = [&](const char* units) -> std::int64_t {
        PhysicalOffset file_end{-1};
        PhysicalOffset previous{-1};
        std::int64_t count = 0;
        for (; count < options_.entries_per_file; ++count, units += kUnit) {
            const ConsumeQueueEntry entry = decode_consume_queue_entry(units);
            if (!is_written(entry) || entry.physical_offset < previous ||
                (!entry.is_filler() && entry.physical_offset + entry.size > log_end)) {
                break;
            }
            previous = entry.physical_offset;
            if (!entry.is_filler()) {
                file_end = entry.physical_offset + entry.size;
            }
        }
        last_end = std::max(last_end, file_end);
        return file_end.value < 0 ? 0 : count;
    };
    const Status status = files_.recover(
        [](const char* unit) { return is_written(decode_consume_queue_entry(unit)); }, scan);
    max_offset_.store(files_.end(), std::memory_order_release);
    max_physical_offset_.store(last_end.value, std::memory_order_release);
    return status;
}

Status ConsumeQueue::recover_batch(PhysicalOffset log_end) {
    BatchQueueUnit last;
    const auto scan = [&](const char* units) -> std::int64_t {
        std::int64_t count = 0;
        for (; count < options_.batch_units_per_file; ++count, units += BatchQueueUnit::kBytes) {
            const BatchQueueUnit unit = decode_batch_queue_unit(units);
            if (!unit.is_written() || unit.physical_offset < last.physical_offset ||
                unit.physical_offset + unit.size > log_end ||
                (last.size > 0 && unit.base < last.end())) {
                break;
            }
            last = unit;
        }
        return count;
    };
    const Status status = files_.recover(
        [](const char* unit) { return decode_batch_queue_unit(unit).is_written(); }, scan);
    const bool has_any = last.size > 0;
    max_offset_.store(has_any ? last.end().value : 0, std::memory_order_release);
    max_physical_offset_.store(has_any ? (last.physical_offset + last.size).value : -1,
                               std::memory_order_release);
    return status;
}

// Of the record of a unit that is there; -1 of a filler.
PhysicalOffset ConsumeQueue::record_end(std::int64_t unit) const {
    const char* const bytes = files_.unit(unit);
    const ConsumeQueueEntry entry = bytes ? decode_consume_queue_entry(bytes) : kFiller;
    return entry.is_filler() ? PhysicalOffset{-1} : entry.physical_offset + entry.size;
}

QueueOffset ConsumeQueue::offset_behind(std::int64_t unit) const {
    return type() == QueueType::kBatch ? decode_batch_queue_unit(files_.unit(unit)).end()
                                       : QueueOffset{unit + 1};
}

// Both formats begin with position and size.
Status ConsumeQueue::truncate(PhysicalOffset end) {
    std::lock_guard lock(mutex_);
    if (max_physical_offset_.load() <= end.value) {
        return {};
    }
    std::int64_t count = files_.end();
    for (; count > files_.begin(); --count) {
        const char* const bytes = files_.unit(count - 1);
        if (bytes == nullptr) {
            return Error{Errc::kIo, "a consume queue of " + topic_ + " cannot be read"};
        }
        const ConsumeQueueEntry entry = decode_consume_queue_entry(bytes);
        if (entry.is_filler() || entry.physical_offset < end) {
            break;
        }
    }
    const PhysicalOffset kept = count > files_.begin() ? record_end(count - 1) : PhysicalOffset{-1};
    if (kept.value >= 0) {
        max_offset_.store(offset_behind(count - 1).value, std::memory_order_release);
        max_physical_offset_.store(kept.value, std::memory_order_release);
        return files_.truncate(count);
    }
    max_offset_.store(0, std::memory_order_release);
    min_offset_.store(0, std::memory_order_release);
    max_physical_offset_.store(-1, std::memory_order_release);
    set_exists(false);
    return files_.truncate(0);
}

void ConsumeQueue::finish_recovery(PhysicalOffset commit_log_min) {
    std::lock_guard lock(mutex_);
    correct_min_offset_locked(commit_log_min);
    const std::int64_t end = max_offset_.load();
    start_offset_.store(end, std::memory_order_relaxed);
    next_offset_.store(end, std::memory_order_relaxed);
    files_.unmap();
}

// --- writing -------------------------------------------------------------------------------------

Result<ConsumeQueue::PutOutcome> ConsumeQueue::put(const ConsumeQueueEntry& entry,
                                                   QueueOffset number, const Inner& inner) {
    std::lock_guard lock(mutex_);
    const std::int64_t end_physical = entry.physical_offset.value + entry.size;
    if (end_physical <= max_physical_offset_.load(std::memory_order_relaxed)) {
        return PutOutcome::kRepeated;
    }
    const std::int64_t max = max_offset_.load(std::memory_order_relaxed);
    if (number.value < 0 || number.value > kNumberMax ||
        (!files_.empty() && number.value - max > kGapMax)) {
        // A damaged record: no CRC covers its number.
        log_of("store").error("consume_queue_number_refused topic={} queue_id={} number={} end={}",
                              topic_, queue_id_, number.value, max);
        return PutOutcome::kRepeated;
    }
    Status status;
    if (files_.empty()) {
        status = start(entry, number, inner);
    } else if (number.value != 0 && number.value < max) {
        // Source: ConsumeQueue.putMessagePositionInfo: numbered below the end, so it is there.
        log_of("store").warn("consume_queue_repeated topic={} queue_id={} number={} end={}", topic_,
                             queue_id_, number.value, max);
        return PutOutcome::kRepeated;
    } else if (type() == QueueType::kBatch) {
        status = append_batch(entry, number, inner);
    } else {
        if (number.value > max) {
            log_of("store").error("consume_queue_gap topic={} queue_id={} number={} end={}", topic_,
                                  queue_id_, number.value, max);
        }
        // Number 0 behind a later one goes to the end, as in the original.
        for (std::int64_t at = max; status && at < std::max(number.value, max); ++at) {
            status = append(entry);
        }
        if (status) {
            status = append(entry);
        }
    }
    if (!status) {
        return status.error();
    }
    max_physical_offset_.store(end_physical, std::memory_order_release);
    if (!exists_.load(std::memory_order_relaxed)) {
        set_exists(true);
    }
    return PutOutcome::kWritten;
}

// The first entry: the topic's type now is the queue's.
Status ConsumeQueue::start(const ConsumeQueueEntry& entry, QueueOffset number, const Inner& inner) {
    const bool is_batch = options_.is_batch_topic && options_.is_batch_topic(topic_);
    const QueueType type = is_batch ? QueueType::kBatch : QueueType::kSimple;
    files_.set_layout(layout(type));
    type_.store(type, std::memory_order_release);
    if (is_batch) {
        if (const Status status = append_batch(entry, number, inner); !status) {
            return status;
        }
    } else if (const Status status = files_.start(number.value, EncodedEntry(kFiller).bytes,
                                                  EncodedEntry(entry).bytes);
               !status) {
        return status;
    } else {
        max_offset_.store(number.value + 1, std::memory_order_release);
    }
    min_offset_.store(number.value, std::memory_order_release);
    return {};
}

Status ConsumeQueue::append(const ConsumeQueueEntry& entry) {
    if (const Status status = files_.append(EncodedEntry(entry).bytes); !status) {
        return status;
    }
    max_offset_.store(files_.end(), std::memory_order_release);
    return {};
}

Status ConsumeQueue::append_batch(const ConsumeQueueEntry& entry, QueueOffset number,
                                  const Inner& inner) {
    BatchQueueUnit unit;
    unit.physical_offset = entry.physical_offset;
    unit.size = entry.size;
    unit.tags_code = entry.tags_code;
    unit.store_timestamp = inner.store_timestamp;
    unit.base = number;
    unit.count = inner.count;
    char bytes[BatchQueueUnit::kBytes];
    encode_batch_queue_unit(unit, bytes);
    const Status status = files_.empty() ? files_.start(0, nullptr, bytes) : files_.append(bytes);
    if (status) {
        max_offset_.store(unit.end().value, std::memory_order_release);
    }
    return status;
}

UnitFiles::Dirty ConsumeQueue::dirty(int least_pages) const {
    std::lock_guard lock(mutex_);
    return files_.dirty(least_pages);
}

void ConsumeQueue::flushed(const UnitFiles::Dirty& dirty) {
    std::lock_guard lock(mutex_);
    files_.flushed(dirty);
}

Status ConsumeQueue::flush(int least_pages) {
    UnitFiles::Dirty unsynced = dirty(least_pages);
    if (unsynced.parts.empty()) {
        return {};
    }
    RMQ_CHECK(UnitFiles::sync(unsynced));
    flushed(unsynced);
    return {};
}

// --- retention -----------------------------------------------------------------------------------

void ConsumeQueue::correct_min_offset(PhysicalOffset commit_log_min) {
    std::lock_guard lock(mutex_);
    correct_min_offset_locked(commit_log_min);
}

void ConsumeQueue::correct_min_offset_locked(PhysicalOffset commit_log_min) {
    const std::int64_t max = max_offset_.load();
    if (type() == QueueType::kBatch) {
        const std::int64_t first = first_batch_unit_from(files_, commit_log_min);
        if (first >= 0) {
            const char* const unit = files_.unit(first);
            min_offset_.store(unit == nullptr ? max : decode_batch_queue_unit(unit).base.value,
                              std::memory_order_release);
        }
        return;
    }
    std::int64_t low = files_.empty() ? max : files_.begin();
    std::int64_t high = max;
    while (low < high) {
        const std::int64_t middle = low + (high - low) / 2;
        const char* const entry = files_.unit(middle);
        if (entry == nullptr) {
            return;  // cannot be read now: the old minimum stays
        }
        if (lies_before(decode_consume_queue_entry(entry), commit_log_min)) {
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
    while (const char* const last = files_.last_unit_of_first_file()) {
        if (!lies_before(decode_consume_queue_entry(last), commit_log_min) ||
            !files_.delete_first_file()) {
            break;
        }
        ++deleted;
    }
    correct_min_offset_locked(commit_log_min);
    return deleted;
}

void ConsumeQueue::destroy() {
    std::lock_guard lock(mutex_);
    files_.destroy();
    set_exists(false);
    min_offset_.store(0, std::memory_order_release);
    max_offset_.store(0, std::memory_order_release);
    start_offset_.store(0, std::memory_order_relaxed);
    next_offset_.store(0, std::memory_order_relaxed);
    max_physical_offset_.store(-1, std::memory_order_release);
}

// --- reading -------------------------------------------------------------------------------------

ConsumeQueueWindow ConsumeQueue::read(QueueOffset from) const {
    std::lock_guard lock(mutex_);
    const QueueType type = this->type();
    std::int64_t unit = from.value;
    if (type == QueueType::kBatch) {
        unit = from.value < 0 ? -1 : find_batch_unit(files_, from);
    }
    UnitFiles::Window window = files_.window(unit);
    return {std::move(window.owner), window.bytes, type};
}

std::optional<ConsumeQueueEntry> ConsumeQueue::entry(QueueOffset number) const {
    const ConsumeQueueWindow window = read(number);
    if (window.bytes.empty()) {
        return std::nullopt;
    }
    return decode_consume_queue_entry(window.bytes.data());
}

QueueOffset ConsumeQueue::next_file_start(QueueOffset number) const {
    if (type() == QueueType::kBatch) {
        return number;
    }
    const std::int64_t per_file = options_.entries_per_file;
    return {(number.value / per_file + 1) * per_file};
}

QueueOffset ConsumeQueue::batch_offset_at(std::int64_t timestamp_ms, BoundaryType boundary) const {
    std::lock_guard lock(mutex_);
    const std::int64_t found = batch_offset_by_time(files_, timestamp_ms, boundary);
    return {std::clamp(found, min_offset_.load(), max_offset_.load())};
}

}  // namespace rmq::store
