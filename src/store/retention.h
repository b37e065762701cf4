// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "common/offsets.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace rmq::store {

class MappedFileQueue;
class RunningFlags;
struct MessageStoreConfig;

// Used share of the disk that holds `path`, 0…1, rounded up to whole percents; -1 when unknown.
// Source: UtilAll.getDiskPartitionSpaceUsedPercent.
double disk_used_ratio(const std::string& path);

// Whether `now_ms` lies, in local time, in one of the hours of a deleteWhen text such as "04" or
// "04;16". Source: UtilAll.isItTimeToDo.
bool is_delete_hour(std::string_view delete_when, std::int64_t now_ms);

// Deletes old CommitLog files whole, oldest first, never the last: those not written for
// fileReservedTime hours, in the hour of deleteWhen or when the disk is above
// diskMaxUsedSpaceRatio; any, when it is above diskSpaceCleanForciblyRatio (with
// cleanFileForciblyEnable) or diskSpaceWarningLevelRatio. Above the last the store refuses writes
// until the disk is at or below the forcible level again.
// Appends and reads go on meanwhile: no lock is held over a system call, and slices of a deleted
// file stay valid.
// Thread safety: request() and the ratios from any thread; the rest from the maintenance thread.
// Source: DefaultMessageStore.CleanCommitLogService (5.5.0).
class Retention {
public:
    struct Hooks {
        // Of a directory; disk_used_ratio, or what a test says.
        std::function<double(const std::string&)> disk_used_ratio;
        // The log's first byte moved: queues and indexes follow. Maintenance thread.
        std::function<void(PhysicalOffset min)> on_min_moved;
    };
    Retention(const MessageStoreConfig& config, MappedFileQueue& files, RunningFlags& flags,
              const Clock& clock, Hooks hooks);

    // One turn: checks the disk and the clock when a round is due, deletes at most one file.
    // Returns the milliseconds until the next turn. May block on the file system.
    std::int64_t run_once();
    // Checks the disk at once, before the threads start: a full disk must refuse the first write.
    void check_disk();
    // Deletes expired files in the next rounds whatever the hour. Source: excuteDeleteFilesManualy.
    void request() { manual_rounds_.store(kManualRounds); }

    double commit_log_ratio() const { return commit_log_ratio_.load(); }
    double consume_queue_ratio() const { return consume_queue_ratio_.load(); }

private:
    static constexpr int kManualRounds = 20;

    void begin_round(std::int64_t now_ms);
    bool delete_one();
    void end_round();

    const MessageStoreConfig& config_;
    MappedFileQueue& files_;
    RunningFlags& flags_;
    const Clock& clock_;
    const Hooks hooks_;

    std::atomic<int> manual_rounds_{0};
    std::atomic<double> commit_log_ratio_{0};
    std::atomic<double> consume_queue_ratio_{0};

    // Maintenance thread only. Times are monotonic.
    const std::int64_t first_deletion_ms_;  // for the hour alone
    std::int64_t next_round_ms_;
    std::int64_t next_delete_ms_ = 0;
    int left_in_round_ = 0;      // files this round may still delete
    bool has_deleted_ = false;   // in this round
    bool is_immediate_ = false;  // unexpired files too
    bool is_above_max_ = false;  // diskMaxUsedSpaceRatio
};

}  // namespace rmq::store
