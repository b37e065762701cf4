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
        if (is_start(*files[index], start)) {
            return index;
        }
    }
    return 0;
}

// A record that fails a check although the checkpoint says it was on the disk is damage, not the
// torn end of the log: cutting there would delete every acknowledged message behind it. It is
// stepped over when its frame is whole and a valid record follows it in this file. Of the records
// of the checkpoint's own millisecond some may have come after the sync.
std::int64_t damaged_size(std::string_view rest, PhysicalOffset position,
                          const RecoveryStart& start) {
    const auto damaged = decode_message(rest);
    if (!damaged || damaged->physical_offset != position || damaged->store_timestamp == 0 ||
        damaged->store_timestamp >= start.flushed_timestamp) {
        return 0;
    }
    const Scanned next = scan_record(rest.substr(static_cast<std::size_t>(damaged->total_size)),
                                     position + damaged->total_size, start.check_crc);
    return next.step == ScanStep::kEnd ? 0 : damaged->total_size;
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
        has_lost_sector(rest, *record, position)) {
        return {};
    }
    return {ScanStep::kRecord, *record};
}

PhysicalOffset find_scan_start(const MappedFileQueue& files, const RecoveryStart& start) {
    const Files all = files.files();
    return {all.empty() ? 0 : all[first_file(all, start)]->start()};
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
            if (start.is_abnormal || position >= start.queues_end) {
                RMQ_CHECK(dispatch(scanned.record));
                ++report.dispatched_count;
            }
            position = position + scanned.record.total_size;
        } else if (scanned.step == ScanStep::kBlank) {
            position = {all[index]->end()};
            if (++index == all.size()) {
                break;
            }
        } else if (const std::int64_t size = damaged_size(rest, position, start); size > 0) {
            log_of("store").error("recovery_damaged_record position={} size={} kept=true",
                                  position.value, size);
            ++report.damaged_count;
            position = position + size;
        } else {
            break;
        }
    }
    report.end = position;
    return report;
}

}  // namespace rmq::store
