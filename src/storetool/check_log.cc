// SPDX-License-Identifier: Apache-2.0
#include "common/message/message_properties.h"
#include "common/parse_number.h"
#include "store/recovery.h"

#include "storetool/check_store.h"
#include "storetool/log_scan.h"

#include <algorithm>

namespace rmq::storetool {

namespace {

constexpr std::int64_t kProgressBytes = 16 * 1024 * 1024;

bool is_zero_behind(const Segments& log, std::int64_t position) {
    for (const Segment& file : log.files()) {
        const std::int64_t from =
            std::clamp<std::int64_t>(position - file.start, 0, file.file.size());
        if (file.file.bytes().find_first_not_of('\0', static_cast<std::size_t>(from)) !=
            std::string_view::npos) {
            return false;
        }
    }
    return true;
}

// The next readable record at or behind `from`; -1 when there is none in any file.
std::int64_t find_record(const Segments& log, std::int64_t from, bool check_crc) {
    for (const Segment& file : log.files()) {
        if (file.end() > from) {
            const std::int64_t found = store::find_record(file.file.bytes(), file.start,
                                                          std::max(from, file.start), check_crc);
            if (found >= 0) {
                return found;
            }
        }
    }
    return -1;
}

void check_files(const StoreDirectory& store, Findings& findings) {
    const auto& files = store.log().files();
    for (const std::string& stranger : store.log().strangers()) {
        findings.add({Severity::kNote, stranger, "not a CommitLog file", "it is left alone"});
    }
    for (std::size_t i = 0; i < files.size(); ++i) {
        const Segment& file = files[i];
        if (file.file.size() == 0 && i + 1 == files.size()) {
            findings.add({Severity::kWarning, file.file.path(), "the last file is empty",
                          "left by a crash while it was made; the next start deletes it"});
        } else if (file.file.size() != files.front().file.size()) {
            findings.add({Severity::kDamage, file.file.path(),
                          "has " + std::to_string(file.file.size()) + " bytes, the first file " +
                              std::to_string(files.front().file.size()),
                          "neither server starts with it: cut off or padded by something else"});
        }
        if (i > 0 && file.start != files[i - 1].end()) {
            findings.add({Severity::kDamage, file.file.path(),
                          "starts at " + std::to_string(file.start) + ", the file before ends at " +
                              std::to_string(files[i - 1].end()),
                          "the files between are missing, and their messages are lost"});
        }
    }
}

void note(LogSummary& summary, const MessageRecord& record) {
    if (summary.records++ == 0) {
        summary.first_store_timestamp = record.store_timestamp;
    }
    summary.last_store_timestamp = record.store_timestamp;
    const auto transaction = record.sys_flag & sys_flag::kTransactionMask;
    if (transaction == sys_flag::kTransactionPrepared ||
        transaction == sys_flag::kTransactionRollback) {
        return;
    }
    QueueInLog& queue = summary.queues[{std::string(record.topic), record.queue_id}];
    const std::int64_t offset = record.queue_offset.value;
    queue.first = queue.records == 0 ? offset : std::min(queue.first, offset);
    std::int64_t messages = 1;
    if ((record.sys_flag & sys_flag::kInnerBatch) != 0) {
        const auto count = find_property(record.properties, property::kInnerNum).value_or("1");
        messages = parse_number<std::int16_t>(count).value_or(1);
    }
    queue.end = std::max(queue.end, offset + messages);
    ++queue.records;
}

}  // namespace

LogScan scan_log(const Segments& log, PhysicalOffset from, bool check_crc,
                 const LogScan::OnRecord& on_record, const LogScan::OnDamage& on_damage) {
    std::int64_t at = from.value;
    LogScan scan{.end = from};
    for (;;) {
        const std::string_view rest = log.bytes_at(at);
        const auto scanned =
            rest.empty() ? store::Scanned{} : store::scan_record(rest, {at}, check_crc);
        if (scanned.step == store::ScanStep::kRecord) {
            at += scanned.record.total_size;
            scan.end = {at};
            if (!on_record(scanned.record)) {
                return scan;
            }
            continue;
        }
        if (scanned.step == store::ScanStep::kBlank) {
            at += static_cast<std::int64_t>(rest.size());
            scan.end = {at};
            continue;
        }
        const std::int64_t next = find_record(log, at, check_crc);
        if (next < 0) {
            scan.has_remains = !is_zero_behind(log, at);
            return scan;
        }
        if (next > at) {
            on_damage({{at}, {next}});
        }
        at = next;
    }
}

LogSummary check_log(const StoreDirectory& store, const CheckOptions& options, Findings& findings) {
    LogSummary summary;
    summary.begin = {store.log().begin()};
    check_files(store, findings);
    const std::int64_t total = store.log().end() - store.log().begin();
    std::int64_t reported = 0;
    Repeated damage(
        Severity::kDamage, "CommitLog",
        "the records there are lost to consumers; recovery after a crash may stop there "
        "and cut off everything behind: keep a copy, then use raptormq store repair");
    const auto scan = scan_log(
        store.log(), summary.begin, options.check_crc,
        [&](const MessageRecord& record) {
            note(summary, record);
            const std::int64_t done = record.physical_offset - summary.begin;
            if (options.progress && done - reported >= kProgressBytes) {
                reported = done;
                options.progress(done, total);
            }
            return true;
        },
        [&](const DamagedStretch& stretch) {
            damage.add("no readable record from " + std::to_string(stretch.begin.value) + " to " +
                       std::to_string(stretch.end.value));
        });
    summary.damaged_stretches = damage.count();
    summary.end = scan.end;
    damage.report(findings);
    if (scan.has_remains) {
        findings.add(
            {Severity::kWarning, "CommitLog at " + std::to_string(scan.end.value),
             "bytes that are no record behind the last one",
             "a record torn by a crash, or what an earlier truncation left; the next start "
             "ends the log there"});
    }
    return summary;
}

}  // namespace rmq::storetool
