// SPDX-License-Identifier: Apache-2.0
#include "store/timer/timer_log.h"

#include "common/bytes.h"
#include "common/log.h"
#include "common/persistent_file.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace rmq::store {

namespace {

// Of damaged bytes: any delay can be added to it.
constexpr std::int64_t kTimeMax = INT64_MAX / 2;

// Source: TimerMessageStore.isMagicOK
bool is_magic_ok(std::int32_t magic) {
    return (magic | 0xF) == 0xF;
}

void encode(const TimerUnit& unit, char* to) {
    store_be(to, static_cast<std::int32_t>(TimerLog::kUnitBytes));
    store_be(to + 4, unit.prev_pos);
    store_be(to + 12, unit.magic);
    store_be(to + 16, unit.write_time_ms);
    store_be(to + 24, unit.delay_ms);
    store_be(to + 28, unit.physical_offset.value);
    store_be(to + 36, unit.size);
    store_be(to + 40, unit.topic_hash);
    store_be(to + 44, std::int64_t{0});
}

// Nothing when the bytes are no unit.
std::optional<TimerUnit> decode(std::string_view bytes) {
    ByteReader reader(bytes);
    const auto size = reader.read<std::int32_t>();
    TimerUnit unit;
    unit.prev_pos = reader.read<std::int64_t>();
    unit.magic = reader.read<std::int32_t>();
    unit.write_time_ms = reader.read<std::int64_t>();
    unit.delay_ms = reader.read<std::int32_t>();
    unit.physical_offset.value = reader.read<std::int64_t>();
    unit.size = reader.read<std::int32_t>();
    unit.topic_hash = reader.read<std::int32_t>();
    reader.read<std::int64_t>();
    const bool valid = reader.ok() && size == TimerLog::kUnitBytes && is_magic_ok(unit.magic) &&
                       unit.magic != 0 && unit.write_time_ms >= 0 &&
                       unit.write_time_ms <= kTimeMax && unit.slot_time_ms() >= 0 &&
                       unit.size > 0 && unit.physical_offset.value >= 0;
    return valid ? std::optional(unit) : std::nullopt;
}

bool is_blank(std::string_view bytes) {
    return bytes.size() >= static_cast<std::size_t>(TimerLog::kBlankBytes) &&
           load_be<std::int32_t>(bytes.data() + 12) == timer_magic::kBlank;
}

}  // namespace

TimerLog::TimerLog(std::string directory, std::int64_t file_size, FileOps& ops)
    : files_({.directory = std::move(directory),
              .file_size = file_size,
              .what = "timer log",
              .size_key = "mappedFileSizeTimerLog"},
             ops) {}

Status TimerLog::load() {
    return files_.load();
}

std::int64_t TimerLog::end() const {
    const auto last = files_.last();
    return last ? last->start() + last->wrote_position() : 0;
}

Result<MappedFileQueue::File> TimerLog::writable_file() {
    auto last = files_.last();
    if (last && last->size() - last->wrote_position() >= kUnitBytes + kBlankBytes) {
        return last;
    }
    const std::int64_t start = last ? last->end() : 0;
    RMQ_TRY(auto next,
            MappedFile::create({files_.path_of(start), start, files_.options().file_size},
                               files_.ops()));
    RMQ_CHECK(sync_directory(files_.options().directory));
    if (last && !last->is_full()) {
        const std::int64_t left = last->size() - last->wrote_position();
        if (left >= kBlankBytes) {
            char* const to = last->writable(last->wrote_position());
            store_be(to, static_cast<std::int32_t>(left));
            store_be(to + 4, std::int64_t{0});
            store_be(to + 12, timer_magic::kBlank);
        }
        last->publish(last->size());
    }
    files_.append(next);
    return next;
}

Result<std::int64_t> TimerLog::append(const TimerUnit& unit) {
    RMQ_TRY(const auto file, writable_file());
    const std::int64_t position = file->wrote_position();
    encode(unit, file->writable(position));
    file->publish(position + kUnitBytes);
    return file->start() + position;
}

std::optional<TimerUnit> TimerLog::at(std::int64_t position) const {
    const auto file = files_.find(position);
    if (!file) {
        return std::nullopt;
    }
    const std::int64_t offset = position - file->start();
    return decode(file->bytes(offset, std::min(kUnitBytes, file->wrote_position() - offset)));
}

std::int64_t TimerLog::for_each(std::int64_t position, const Visit& visit) const {
    auto file = files_.find(position);
    if (!file) {
        file = position > min_position() ? files_.last() : files_.first();
    }
    std::int64_t end = file ? file->start() : 0;
    while (file) {
        std::int64_t offset = 0;
        for (; offset + kUnitBytes <= file->wrote_position(); offset += kUnitBytes) {
            const auto bytes = file->bytes(offset, kUnitBytes);
            if (is_blank(bytes)) {
                break;
            }
            const auto unit = decode(bytes);
            if (!unit || !visit(file->start() + offset, *unit)) {
                return file->start() + offset;
            }
        }
        end = file->start() + offset;
        auto next = files_.find(file->end());
        if (next) {
            end = next->start();
        }
        file = std::move(next);
    }
    return end;
}

void TimerLog::delete_below(PhysicalOffset min) {
    for (;;) {
        const auto first = files_.first();
        if (!first || first == files_.last()) {
            return;
        }
        // Messages enter in the order of the CommitLog: the last unit has the highest position.
        const std::int64_t size = first->size();
        const std::int64_t last_unit = (size - kBlankBytes) / kUnitBytes * kUnitBytes - kUnitBytes;
        const auto unit = at(first->start() + last_unit);
        if (!unit || unit->physical_offset >= min) {
            return;
        }
        if (const auto deleted = files_.delete_first(first->start()); !deleted) {
            log_of("store").warn("timer_log_file_not_deleted path={} reason=\"{}\"", first->path(),
                                 deleted.error().remark);
            return;
        }
        log_of("store").info("timer_log_file_deleted path={} commit_log_min={}", first->path(),
                             min.value);
    }
}

}  // namespace rmq::store
