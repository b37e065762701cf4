// SPDX-License-Identifier: Apache-2.0
#include "store/retention.h"

#include "common/log.h"
#include "store/mapped_file_queue.h"
#include "store/message_store_config.h"
#include "store/running_flags.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <utility>

#include <sys/statvfs.h>

namespace rmq::store {

namespace {

constexpr std::int64_t kFirstDeletionMs = 60'000;
constexpr std::int64_t kMsPerHour = 3'600'000;

double percent(std::int32_t configured, int low, int high) {
    return std::clamp(configured, low, high) / 100.0;
}

}  // namespace

double disk_used_ratio(const std::string& path) {
    struct statvfs status {};
    if (::statvfs(path.c_str(), &status) != 0 || status.f_blocks == 0) {
        return -1;
    }
    const std::uint64_t used = status.f_blocks - status.f_bfree;
    const std::uint64_t entire = used + status.f_bavail;
    return entire == 0 ? -1 : static_cast<double>((used * 100 + entire - 1) / entire) / 100.0;
}

bool is_delete_hour(std::string_view delete_when, std::int64_t now_ms) {
    const std::time_t seconds = now_ms / 1000;
    std::tm local{};
    ::localtime_r(&seconds, &local);
    while (!delete_when.empty()) {
        const auto end = delete_when.find(';');
        const std::string_view hour = delete_when.substr(0, end);
        int value = -1;
        std::from_chars(hour.data(), hour.data() + hour.size(), value);
        if (value == local.tm_hour) {
            return true;
        }
        delete_when = end == std::string_view::npos ? "" : delete_when.substr(end + 1);
    }
    return false;
}

Retention::Retention(const MessageStoreConfig& config, MappedFileQueue& files, RunningFlags& flags,
                     const Clock& clock, Hooks hooks)
    : config_(config),
      files_(files),
      flags_(flags),
      clock_(clock),
      hooks_(std::move(hooks)),
      first_deletion_ms_(clock.monotonic_ms() + kFirstDeletionMs),
      next_round_ms_(clock.monotonic_ms() + config.clean_resource_interval) {}

std::int64_t Retention::run_once() {
    const std::int64_t now = clock_.monotonic_ms();
    if (left_in_round_ == 0 && now >= next_round_ms_) {
        next_round_ms_ = now + config_.clean_resource_interval;
        begin_round(clock_.now_ms());
    }
    if (left_in_round_ > 0 && now >= next_delete_ms_) {
        next_delete_ms_ = now + config_.delete_commit_log_files_interval;
        left_in_round_ = delete_one() ? left_in_round_ - 1 : 0;
        if (left_in_round_ == 0) {
            end_round();
        }
    }
    const std::int64_t due = left_in_round_ > 0 ? next_delete_ms_ : next_round_ms_;
    return std::max<std::int64_t>(due - now, 1);
}

void Retention::check_disk() {
    const double log_ratio = hooks_.disk_used_ratio(files_.options().directory);
    const double queue_ratio =
        hooks_.disk_used_ratio(config_.store_path_root_dir + "/consumequeue");
    commit_log_ratio_.store(log_ratio);
    consume_queue_ratio_.store(queue_ratio);
    const double ratio = std::max(log_ratio, queue_ratio);
    const double warning = percent(config_.disk_space_warning_level_ratio, 35, 90);
    const double forcible = percent(config_.disk_space_clean_forcibly_ratio, 30, 85);
    const bool was_full = flags_.has(RunningFlags::kDiskFull);
    if (ratio > warning) {
        flags_.set(RunningFlags::kDiskFull);
    } else if (ratio <= forcible) {
        flags_.clear(RunningFlags::kDiskFull);
    }
    if (was_full != flags_.has(RunningFlags::kDiskFull)) {
        log_of("store").error("disk_full state={} used={} warning_level={}", !was_full, ratio,
                              warning);
    }
    is_immediate_ = ratio > warning || (ratio > forcible && config_.clean_file_forcibly_enable);
    is_above_max_ = ratio > percent(config_.disk_max_used_space_ratio, 10, 95);
}

void Retention::begin_round(std::int64_t now_ms) {
    check_disk();
    const bool is_manual = manual_rounds_.load() > 0;
    if (is_manual) {
        manual_rounds_.fetch_sub(1);
    }
    has_deleted_ = false;
    const bool is_hour = clock_.monotonic_ms() >= first_deletion_ms_ &&
                         is_delete_hour(config_.delete_when.get(), now_ms);
    if (is_manual || is_above_max_ || is_immediate_ || is_hour) {
        left_in_round_ = config_.delete_file_batch_max;
        next_delete_ms_ = 0;
    }
}

// Deletes the oldest file if it may go; false when it may not.
bool Retention::delete_one() {
    const auto file = files_.first();
    if (!file || file == files_.last()) {
        return false;
    }
    const std::int64_t age_ms = clock_.now_ms() - file->last_modified_ms();
    const bool is_expired = age_ms >= config_.file_reserved_time * kMsPerHour;
    if (!is_expired && !is_immediate_) {
        return false;
    }
    if (const auto status = files_.delete_first(file->start()); !status) {
        log_of("store").warn("commit_log_delete_failed reason=\"{}\"", status.error().remark);
        return false;
    }
    log_of("store").info("commit_log_file_deleted path={} age_hours={} expired={}", file->path(),
                         age_ms / kMsPerHour, is_expired);
    has_deleted_ = true;
    return true;
}

void Retention::end_round() {
    if (has_deleted_ && hooks_.on_min_moved) {
        hooks_.on_min_moved({files_.min_position()});
    }
}

}  // namespace rmq::store
