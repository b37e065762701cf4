// SPDX-License-Identifier: Apache-2.0
#include "store/unit_files.h"

#include "common/assert.h"
#include "common/log.h"
#include "common/parse_number.h"
#include "common/persistent_file.h"
#include "store/bus_error_guard.h"
#include "store/mapped_region.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

namespace rmq::store {

namespace {

constexpr std::size_t kFilesScanned = 3;

// Parses the 20 digits of a mapped file's name; -1 for anything else.
std::int64_t start_of_name(const std::string& name) {
    return name.size() == 20 ? parse_number<std::int64_t>(name).value_or(-1) : -1;
}

}  // namespace

void UnitFiles::set_layout(Layout layout) {
    RMQ_ASSERT(files_.empty(), "units of another size would be read");
    layout_ = std::move(layout);
}

std::string UnitFiles::file_path(std::int64_t start) const {
    const std::string digits = std::to_string(start * layout_.unit_bytes);
    return layout_.directory + "/" + std::string(20 - digits.size(), '0') + digits;
}

// --- recovery ------------------------------------------------------------------------------------

Status UnitFiles::load() {
    std::error_code error;
    std::vector<std::int64_t> starts;
    for (std::filesystem::directory_iterator it(layout_.directory, error), end; !error && it != end;
         it.increment(error)) {
        const std::int64_t start = start_of_name(it->path().filename().string());
        if (start >= 0 && it->is_regular_file(error)) {
            starts.push_back(start / layout_.unit_bytes);
        }
    }
    if (error && error != std::errc::no_such_file_or_directory) {
        return Error{Errc::kIo, "cannot list " + layout_.directory + ": " + error.message()};
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
                             "; restore " + std::string(layout_.size_key) + " or remove the file"};
        }
        if (!files_.empty() && files_.back().start + layout_.units_per_file != start) {
            log_of("store").error("queue_file_missing before={}", file_path(start));
            damage_ = Damage::kMissing;
            std::filesystem::remove(file_path(start), error);
            continue;
        }
        files_.push_back({start, nullptr});
    }
    return {};
}

Status UnitFiles::recover(const std::function<bool(const char* unit)>& has_begun,
                          const std::function<std::int64_t(const char* units)>& scan) {
    std::size_t index = files_.size() < kFilesScanned ? 0 : files_.size() - kFilesScanned;
    for (; index > 0; --index) {
        RMQ_TRY(MappedRegion* const region, map(files_[index]));
        if (has_begun(region->data())) {
            break;
        }
    }
    // What a killed process wrote may not be on the disk yet: the next flush covers it.
    flushed_bytes_ = files_.empty() ? 0 : files_[index].start * layout_.unit_bytes;
    end_ = 0;
    for (; !is_lost_ && index < files_.size(); ++index) {
        RMQ_TRY(MappedRegion* const region, map(files_[index]));
        const std::int64_t count = scan(region->data());
        if (count > 0) {
            end_ = files_[index].start + count;
        }
        if (count < layout_.units_per_file) {
            if (damage_ == Damage::kNone &&
                (index + 1 < files_.size() || is_written_behind(region->data(), count))) {
                damage_ = Damage::kTorn;
            }
            break;
        }
    }
    return truncate(end_);
}

// Looks right behind the end, and at the page behind that, in case one was lost. A file gets its
// name with its first unit in it, so one without any lost it. Not more: every queue is looked at
// whenever a server starts.
bool UnitFiles::is_written_behind(const char* file_begin, std::int64_t count) const {
    const auto is_unit_at = [&](std::int64_t at) {
        const std::string_view unit(file_begin + at, static_cast<std::size_t>(layout_.unit_bytes));
        return unit.find_first_not_of('\0') != std::string_view::npos;
    };
    const std::int64_t end = count * layout_.unit_bytes;
    const std::int64_t next_page = (end / kPageBytes + 1) * kPageBytes;
    if (count == 0 || is_unit_at(end)) {
        return true;
    }
    return end >= kPageBytes && next_page + layout_.unit_bytes <= file_bytes() &&
           is_unit_at(next_page);
}

Status UnitFiles::truncate(std::int64_t end) {
    end_ = end;
    while (!files_.empty() && files_.back().start >= end) {
        if (const Status status = drop_last_file(); !status) {
            return status;
        }
    }
    return clear_behind_end();
}

Status UnitFiles::drop_last_file() {
    std::error_code error;
    std::filesystem::remove(file_path(files_.back().start), error);
    if (error) {
        return Error{Errc::kIo,
                     "cannot remove " + file_path(files_.back().start) + ": " + error.message()};
    }
    files_.pop_back();
    allocated_bytes_ = 0;
    return {};
}

// Later recoveries, also those of the original, take the first unit that is not written for the
// end; leftovers behind it must not look written once the queue has grown up to them. They need not
// begin at the end: a loss of power may have taken any page.
Status UnitFiles::clear_behind_end() {
    flushed_bytes_ = std::min(flushed_bytes_, end_ * layout_.unit_bytes);
    if (files_.empty() || end_ == files_.back().start + layout_.units_per_file) {
        return {};
    }
    RMQ_TRY(MappedRegion* const region, map(files_.back()));
    return region->clear_from((end_ - files_.back().start) * layout_.unit_bytes);
}

// --- writing -------------------------------------------------------------------------------------

Status UnitFiles::start(std::int64_t first, const char* filler, const char* unit) {
    const std::int64_t file_start = first / layout_.units_per_file * layout_.units_per_file;
    if (const Status status = roll(file_start, first - file_start, filler, unit); !status) {
        return status;
    }
    flushed_bytes_ = file_start * layout_.unit_bytes;
    end_ = first + 1;
    return {};
}

Status UnitFiles::append(const char* unit) {
    const File& last = files_.back();
    if (end_ == last.start + layout_.units_per_file) {
        if (const Status status = roll(end_, 0, nullptr, unit); !status) {
            return status;
        }
    } else {
        RMQ_TRY(MappedRegion* const region, map(files_.back()));
        const std::int64_t at = (end_ - last.start) * layout_.unit_bytes;
        if (at + layout_.unit_bytes > allocated_bytes_) {
            if (const Status status = ensure_allocated(*region, at + layout_.unit_bytes); !status) {
                return status;
            }
        }
        char* const to = region->data() + at;
        std::memcpy(to, unit, static_cast<std::size_t>(layout_.unit_bytes));
        if (has_lost_pages(to, static_cast<std::size_t>(layout_.unit_bytes))) {
            return Error{Errc::kIo, "a page of " + region->path() + " is lost"};
        }
    }
    ++end_;
    return {};
}

// The file gets its name when its first unit is in it: the original takes an all-zero last file
// for a queue with one record at position 0. The name it is made under is one the original skips.
Status UnitFiles::roll(std::int64_t start, std::int64_t fillers, const char* filler,
                       const char* unit) {
    if (const Status status = create_directories(layout_.directory); !status) {
        return status;
    }
    const auto unit_bytes = static_cast<std::size_t>(layout_.unit_bytes);
    RMQ_TRY(auto region, MappedRegion::create(layout_.draft, file_bytes()));
    allocated_bytes_ = 0;
    if (const Status status = ensure_allocated(*region, (fillers + 1) * layout_.unit_bytes);
        !status) {
        allocated_bytes_ = files_.empty() ? 0 : file_bytes();
        return status;
    }
    char* at = region->data();
    for (std::int64_t i = 0; i < fillers; ++i, at += unit_bytes) {
        std::memcpy(at, filler, unit_bytes);
    }
    std::memcpy(at, unit, unit_bytes);
    if (const Status status = region->rename(file_path(start)); !status) {
        return status;
    }
    files_.push_back({start, std::move(region)});
    return {};
}

Status UnitFiles::ensure_allocated(MappedRegion& region, std::int64_t end_bytes) {
    const std::int64_t from = std::min(allocated_bytes_, end_bytes - layout_.unit_bytes);
    const std::int64_t to = std::min(
        (end_bytes + kAllocationBytes - 1) / kAllocationBytes * kAllocationBytes, file_bytes());
    if (const Status status = region.allocate(from, to - from); !status) {
        return status;
    }
    allocated_bytes_ = to;
    return {};
}

// --- flushing ------------------------------------------------------------------------------------

UnitFiles::Dirty UnitFiles::dirty(int least_pages) const {
    Dirty dirty;
    dirty.end_bytes = end_ * layout_.unit_bytes;
    dirty.file_bytes = file_bytes();
    const std::int64_t pages = dirty.end_bytes / kPageBytes - flushed_bytes_ / kPageBytes;
    if (dirty.end_bytes <= flushed_bytes_ || (least_pages > 0 && pages < least_pages)) {
        return dirty;
    }
    for (const File& file : files_) {
        const std::int64_t start_bytes = file.start * layout_.unit_bytes;
        const std::int64_t from = std::max(flushed_bytes_, start_bytes);
        const std::int64_t to = std::min(dirty.end_bytes, start_bytes + file_bytes());
        if (from < to) {
            dirty.parts.push_back(
                {file.region, file_path(file.start), from - start_bytes, to - start_bytes});
        }
    }
    return dirty;
}

Status UnitFiles::sync(Dirty& dirty) {
    for (Dirty::Part& part : dirty.parts) {
        if (!part.region) {  // written before a restart and not used since
            RMQ_TRY(part.region, MappedRegion::open(part.path, dirty.file_bytes));
        }
        if (const Status status = part.region->sync(part.from, part.to); !status) {
            return status;
        }
    }
    return {};
}

void UnitFiles::flushed(const Dirty& dirty) {
    flushed_bytes_ = std::max(flushed_bytes_, std::min(dirty.end_bytes, end_ * layout_.unit_bytes));
}

// --- retention -----------------------------------------------------------------------------------

const char* UnitFiles::last_unit_of_first_file() const {
    return files_.size() < 2 ? nullptr : unit(files_.front().start + layout_.units_per_file - 1);
}

bool UnitFiles::delete_first_file() {
    std::error_code error;
    std::filesystem::remove(file_path(files_.front().start), error);
    if (error) {
        return false;
    }
    files_.erase(files_.begin());
    return true;
}

void UnitFiles::destroy() {
    std::error_code error;
    std::filesystem::remove_all(layout_.directory, error);
    if (error) {
        log_of("store").warn("consume_queue_not_removed directory={} cause={}", layout_.directory,
                             error.message());
    }
    files_.clear();
    end_ = 0;
    allocated_bytes_ = 0;
    flushed_bytes_ = 0;
}

void UnitFiles::unmap() {
    for (File& file : files_) {
        file.region.reset();
    }
}

// --- reading -------------------------------------------------------------------------------------

UnitFiles::File* UnitFiles::file_of(std::int64_t n) const {
    if (files_.empty() || n < files_.front().start) {
        return nullptr;
    }
    const auto covers = [&](const File& file) {
        return file.start <= n && n < file.start + layout_.units_per_file;
    };
    const auto index =
        static_cast<std::size_t>((n - files_.front().start) / layout_.units_per_file);
    if (index < files_.size() && covers(files_[index])) {
        return &files_[index];
    }
    const auto found = std::find_if(files_.begin(), files_.end(), covers);
    return found == files_.end() ? nullptr : &*found;
}

Result<MappedRegion*> UnitFiles::map(File& file) const {
    if (!file.region) {
        RMQ_TRY(file.region, MappedRegion::open(file_path(file.start), file_bytes()));
    }
    return file.region.get();
}

UnitFiles::Window UnitFiles::window(std::int64_t n) const {
    File* const file = n < 0 || n >= end_ ? nullptr : file_of(n);
    if (file == nullptr) {
        return {};
    }
    const auto region = map(*file);
    if (!region) {
        log_of("store").error("consume_queue_unreadable {}", region.error().remark);
        return {};
    }
    const std::int64_t units = std::min(end_, file->start + layout_.units_per_file) - n;
    return {file->region,
            {(*region)->data() + (n - file->start) * layout_.unit_bytes,
             static_cast<std::size_t>(units * layout_.unit_bytes)}};
}

const char* UnitFiles::unit(std::int64_t n) const {
    const Window found = window(n);
    return found.bytes.empty() ? nullptr : found.bytes.data();
}

}  // namespace rmq::store
