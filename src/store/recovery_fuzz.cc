// SPDX-License-Identifier: Apache-2.0
// Any bytes as a CommitLog of two small files that a server starts on.

#include "common/assert.h"
#include "common/log.h"
#include "common/testing/temp_dir.h"
#include "store/mapped_file_queue.h"
#include "store/recovery.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace {

using namespace rmq;
using namespace rmq::store;

constexpr std::int64_t kFileSize = 4096;
constexpr std::int64_t kFiles = 2;

// The two files, mapped once.
class Log {
public:
    Log() : files_({dir_.path(), kFileSize}, ops_) {
        log_of("store").silence();
        for (std::int64_t i = 0; i < kFiles; ++i) {
            auto file =
                MappedFile::create({files_.path_of(i * kFileSize), i * kFileSize, kFileSize}, ops_);
            RMQ_ASSERT(file, "the temporary directory can be written");
            files_.append(*file);
        }
    }

    const MappedFileQueue& files() const { return files_; }

    void fill(std::string_view bytes) {
        for (std::int64_t i = 0; i < kFiles; ++i) {
            char* const to = files_.find(i * kFileSize)->writable(0);
            const std::size_t copied = bytes.copy(to, kFileSize);
            std::memset(to + copied, 0, kFileSize - copied);
            bytes.remove_prefix(copied);
        }
    }

    // What truncating at the end that a recovery found leaves.
    void clear_from(std::int64_t end) {
        for (std::int64_t i = 0; i < kFiles; ++i) {
            const std::int64_t keep = std::clamp<std::int64_t>(end - i * kFileSize, 0, kFileSize);
            std::memset(files_.find(i * kFileSize)->writable(keep), 0,
                        static_cast<std::size_t>(kFileSize - keep));
        }
    }

private:
    const rmq::testing::TempDir dir_;
    FileOps ops_;
    MappedFileQueue files_;
};

// Recovers, with every record checked that is given to the queues.
RecoveryReport recover(const Log& log, const RecoveryStart& start) {
    PhysicalOffset previous_end{-1};
    std::int64_t count = 0;
    const auto report =
        recover_commit_log(log.files(), start, [&](const MessageRecord& record) -> Status {
            const std::int64_t at = record.physical_offset.value;
            RMQ_ASSERT(record.physical_offset >= previous_end, "records come in their order");
            RMQ_ASSERT(record.total_size > 0 && at >= 0, "a record lies in the log");
            RMQ_ASSERT(at / kFileSize == (at + record.total_size - 1) / kFileSize,
                       "and in one file");
            previous_end = record.physical_offset + record.total_size;
            ++count;
            return {};
        });
    RMQ_ASSERT(report, "bytes never fail a recovery");
    RMQ_ASSERT(count == report->dispatched_count && count <= report->record_count, "all counted");
    RMQ_ASSERT(report->scanned_from <= report->end && report->end.value <= kFiles * kFileSize,
               "the end lies in the log");
    RMQ_ASSERT(previous_end <= report->end, "nothing lies behind the end");
    return *report;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Log log;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    for (const bool is_abnormal : {true, false}) {
        // Nothing was ever flushed: whatever is no record is the end.
        RecoveryStart start;
        start.is_abnormal = is_abnormal;
        log.fill(input);
        const RecoveryReport report = recover(log, start);
        RMQ_ASSERT(report.damaged_count == 0, "what was never flushed is no damage");
        log.clear_from(report.end.value);
        const RecoveryReport again = recover(log, start);
        RMQ_ASSERT(again.end == report.end && again.record_count == report.record_count,
                   "a second start finds the same");
        // All was flushed: damage is stepped over, so no fewer records are found.
        log.fill(input);
        start.flushed_timestamp = INT64_MAX;
        RMQ_ASSERT(recover(log, start).record_count >= report.record_count,
                   "what lies behind damage is kept");
        start.flushed_position = {
            std::min<std::int64_t>(static_cast<std::int64_t>(size), kFiles * kFileSize)};
        const RecoveryReport kept = recover(log, start);
        RMQ_ASSERT(kept.record_count >= report.record_count && kept.end >= start.flushed_position,
                   "what was on the disk stays a part of the log");
    }
    return 0;
}
