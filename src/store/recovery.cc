// SPDX-License-Identifier: Apache-2.0
#include "store/recovery.h"

#include "common/bytes.h"
#include "common/crc32.h"
#include "common/log.h"
#include "common/message/message_layout.h"
#include "store/mapped_file_queue.h"

#include <algorithm>
#include <vector>

namespace rmq::store {

namespace {

constexpr std::int64_t kSectorBytes = 512;
// How far the next record is looked for where every end of a log may be damage.
constexpr std::int64_t kSearchMax = 16 * 1024 * 1024;

using Files = std::vector<MappedFileQueue::File>;

bool is_all_zero(std::string_view bytes) {
    return bytes.find_first_not_of('\0') == std::string_view::npos;
}

// Whether some sector holds nothing but zeros of the field `field` of a record. `at` is the
// field's position in the CommitLog, whose files begin on sector boundaries.
bool has_zero_sector(std::string_view field, std::int64_t at) {
    std::int64_t from = 0;
    const auto size = static_cast<std::int64_t>(field.size());
    while (from < size) {
        const std::int64_t sector_end = ((at + from) / kSectorBytes + 1) * kSectorBytes - at;
        const std::int64_t to = std::min(sector_end, size);
        if (is_all_zero(field.substr(static_cast<std::size_t>(from),
                                     static_cast<std::size_t>(to - from)))) {
            return true;
        }
        from = to;
    }
    return false;
}

std::string_view rest_of(const MappedFile& file, std::int64_t position) {
    return file.bytes(position - file.start(), file.end() - position);
}

// Whether a scan may begin with this file.
bool is_start(const MappedFile& file, const RecoveryStart& start) {
    const Scanned first = scan_record(rest_of(file, file.start()), {file.start()}, start.check_crc);
    if (first.step != ScanStep::kRecord || first.record.store_timestamp == 0) {
        return false;
    }
    const PhysicalOffset begin = first.record.physical_offset;
    if (!start.is_abnormal) {
        return begin <= start.queues_end;
    }
    const bool is_queued =
        start.logics_physical_offset.value <= 0 || begin <= start.logics_physical_offset;
    return is_queued && first.record.store_timestamp <= start.min_timestamp;
}

std::size_t first_file(const Files& files, const RecoveryStart& start) {
    for (std::size_t index = files.size(); index-- > 0;) {
        const bool is_early_enough =
            start.rebuild_from.value < 0 || files[index]->start() <= start.rebuild_from.value;
        if (is_early_enough && is_start(*files[index], start)) {
            return index;
        }
    }
    return 0;
}

bool needs_dispatch(PhysicalOffset position, const RecoveryStart& start) {
    return start.is_abnormal || position >= start.queues_end ||
           (start.rebuild_from.value >= 0 && position >= start.rebuild_from);
}

// Whether a record proves that what lies before it was on the disk once: the log is forced in its
// order. Of the records of the checkpoint's own millisecond some may have come after the sync; one
// older than its predecessor is a leftover of a truncation by another program.
bool was_flushed(const MessageRecord& record, std::int64_t last_timestamp,
                 const RecoveryStart& start) {
    return record.store_timestamp > 0 && record.store_timestamp >= last_timestamp &&
           record.store_timestamp < start.flushed_timestamp;
}

// Where the log goes on behind bytes that are no record; -1: here is its torn end. Cutting at
// damage would delete every acknowledged message behind it.
std::int64_t behind_damage(const Files& files, std::size_t index, std::int64_t position,
                           std::int64_t last_timestamp, const RecoveryStart& start) {
    const MappedFile& file = *files[index];
    const bool is_known = start.flushed_position.value > 0;
    if (is_known ? position >= start.flushed_position.value : start.flushed_timestamp <= 0) {
        return -1;
    }
    const std::int64_t searched = is_known ? file.size() : position - file.start() + kSearchMax;
    const std::int64_t next =
        find_record(file.bytes(0, searched), file.start(), position + 1, start.check_crc);
    if (is_known) {
        const std::int64_t end = std::min(file.end(), start.flushed_position.value);
        return next >= 0 ? std::min(next, end) : end;
    }
    if (next < 0 && index + 1 == files.size()) {
        return -1;
    }
    const MappedFile& holder = next < 0 ? *files[index + 1] : file;
    const std::int64_t at = next < 0 ? holder.start() : next;
    const Scanned scanned = scan_record(rest_of(holder, at), {at}, start.check_crc);
    return scanned.step == ScanStep::kRecord && was_flushed(scanned.record, last_timestamp, start)
               ? at
               : -1;
}

}  // namespace

bool has_lost_sector(std::string_view record_bytes, const MessageRecord& record,
                     PhysicalOffset position) {
    const auto at = [&](std::string_view field) {
        return position.value + (field.data() - record_bytes.data());
    };
    const auto ends_in_zero = [](std::string_view field) {
        return !field.empty() && field.back() == '\0';
    };
    return ends_in_zero(record.topic) || ends_in_zero(record.properties) ||
           has_zero_sector(record.topic, at(record.topic)) ||
           has_zero_sector(record.properties, at(record.properties));
}

Scanned scan_record(std::string_view rest, PhysicalOffset position, bool check_crc) {
    ByteReader reader(rest);
    const auto size = reader.read<std::int32_t>();
    const auto magic = reader.read<std::int32_t>();
    if (!reader.ok()) {
        return {};
    }
    if (magic == layout::kBlankMagic && size > 0) {
        return {ScanStep::kBlank, {}};
    }
    const auto record = decode_message(rest, check_crc ? VerifyCrc::kYes : VerifyCrc::kNo);
    if (!record || record->physical_offset != position || record->topic.empty() ||
        has_lost_sector(rest, *record, position) ||
        (check_crc &&
         seal_of(rest.substr(0, static_cast<std::size_t>(record->total_size))) == Seal::kWrong)) {
        return {};
    }
    return {ScanStep::kRecord, *record};
}

PhysicalOffset find_scan_start(const MappedFileQueue& files, const RecoveryStart& start) {
    const Files all = files.files();
    return {all.empty() ? 0 : all[first_file(all, start)]->start()};
}

std::int64_t find_record(std::string_view file, std::int64_t start, std::int64_t from,
                         bool check_crc) {
    constexpr auto kSmallest = static_cast<std::size_t>(layout::kFixedBytes);
    for (auto at = static_cast<std::size_t>(from - start); at + kSmallest <= file.size(); ++at) {
        const std::size_t zeros = file.find_first_not_of('\0', at);
        if (zeros == std::string_view::npos) {
            return -1;
        }
        // The first byte of a length below 16 MiB is 0, so a record may begin up to four earlier.
        at = std::max(at, zeros < 4 ? at : zeros - 4);
        if (at + kSmallest > file.size()) {
            return -1;
        }
        const char* const here = file.data() + at;
        const auto magic = load_be<std::int32_t>(here + layout::kMagicAt);
        const PhysicalOffset position{start + static_cast<std::int64_t>(at)};
        if ((magic == layout::kMagicV1 || magic == layout::kMagicV2) &&
            load_be<std::int64_t>(here + layout::kPhysicalOffsetAt) == position.value &&
            scan_record(file.substr(at), position, check_crc).step == ScanStep::kRecord) {
            return position.value;
        }
    }
    return -1;
}

Result<RecoveryReport> recover_commit_log(
    const MappedFileQueue& files, const RecoveryStart& start,
    const std::function<Status(const MessageRecord&)>& dispatch) {
    RecoveryReport report;
    const Files all = files.files();
    if (all.empty()) {
        return report;
    }
    std::size_t index = first_file(all, start);
    PhysicalOffset position{all[index]->start()};
    report.scanned_from = position;
    for (;;) {
        const std::string_view rest = rest_of(*all[index], position.value);
        const Scanned scanned = scan_record(rest, position, start.check_crc);
        if (scanned.step == ScanStep::kRecord) {
            ++report.record_count;
            report.last_store_timestamp = scanned.record.store_timestamp;
            if (needs_dispatch(position, start)) {
                RMQ_CHECK(dispatch(scanned.record));
                ++report.dispatched_count;
            } else if (start.check_queued &&
                       start.queues_end - position < RecoveryStart::kCheckedBytes) {
                start.check_queued(scanned.record);
            }
            position = position + scanned.record.total_size;
        } else if (scanned.step == ScanStep::kBlank) {
            position = {all[index]->end()};
            if (++index == all.size()) {
                break;
            }
        } else if (const std::int64_t next = behind_damage(all, index, position.value,
                                                           report.last_store_timestamp, start);
                   next >= 0) {
            log_of("store").error("recovery_damaged_stretch from={} to={} kept=true",
                                  position.value, next);
            ++report.damaged_count;
            position = {next};
            if (next == all[index]->end() && ++index == all.size()) {
                break;
            }
        } else {
            break;
        }
    }
    report.end = position;
    return report;
}

}  // namespace rmq::store
