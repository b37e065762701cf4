// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::store {

class MappedRegion;

// Files that together hold units of one size, numbered from 0: unit n lies at byte n * unit_bytes.
// A file has its full length from the start and is named after its first byte (20 digits). Costs no
// mapping, descriptor or disk space until a unit is written or read.
// Thread safety: none, the owner's lock covers every call; what window() and dirty() gave may be
// used without it. The bytes of a unit mean nothing here but that zeros were never written.
// Source: MappedFileQueue as ConsumeQueue uses it (5.5.0).
class UnitFiles {
public:
    struct Layout {
        std::string directory;
        std::string draft;  // name under which a new file is made; on the same file system
        std::int64_t unit_bytes = 0;
        std::int64_t units_per_file = 0;
        std::string_view size_key;  // the configuration key of the file size, for errors
    };
    explicit UnitFiles(Layout layout) : layout_(std::move(layout)) {}
    // For files that do not exist yet. Precondition: empty().
    void set_layout(Layout layout);

    // Finds the files. An empty last file is deleted. Errors: kMalformed when a file has another
    // length than configured, kIo, kPermissionDenied.
    Status load();
    // Finds the end: from the third file from the end on (earlier when that is blank) every file is
    // given to `scan`, which returns how many units at its start count; the first file that is not
    // full is the last. `has_begun` says of a file's first unit whether it was written. Later files
    // are dropped and the rest of the last one is cleared. Blocks on reading. Errors: kIo.
    // damage() then says whether units are lost behind the end that must be made anew.
    Status recover(const std::function<bool(const char* unit)>& has_begun,
                   const std::function<std::int64_t(const char* units)>& scan);
    // Before recover(): takes no unit for good.
    void lose_all() {
        damage_ = Damage::kMissing;
        is_lost_ = true;
    }
    // Ends the units at `end`: later files go, the rest of the last one is cleared. Errors: kIo.
    Status truncate(std::int64_t end);

    enum class Damage {
        kNone,
        kTorn,     // something is written behind the end; as a power loss leaves it, too
        kMissing,  // a file is missing
    };
    Damage damage() const { return damage_; }

    bool empty() const { return files_.empty(); }
    std::int64_t begin() const { return files_.empty() ? end_ : files_.front().start; }
    std::int64_t end() const { return end_; }
    std::int64_t last_file_start() const { return files_.back().start; }  // not empty()
    std::size_t file_count() const { return files_.size(); }

    // Writes unit end(), of layout.unit_bytes bytes. Of the first file the units before `first` are
    // copies of `filler`. Errors: kResourceExhausted (disk full; retry later), kIo.
    Status start(std::int64_t first, const char* filler, const char* unit);
    Status append(const char* unit);

    // Unit n, mapped (a few µs at first, pages may come from the disk); null outside [begin, end)
    // and when its file cannot be read, which is logged.
    const char* unit(std::int64_t n) const;
    // The units from n to the end of their file or to end().
    struct Window {
        std::shared_ptr<const MappedRegion> owner;
        std::string_view bytes;
    };
    Window window(std::int64_t n) const;

    // What was not forced to the disk yet: nothing unless at least `least_pages` pages of 4 KiB are
    // dirty (0: any). sync() forces it, without the owner's lock; flushed() then notes it.
    struct Dirty {
        struct Part {
            std::shared_ptr<MappedRegion> region;
            std::string path;
            std::int64_t from;
            std::int64_t to;
        };
        std::vector<Part> parts;
        std::int64_t file_bytes = 0;
        std::int64_t end_bytes = 0;
    };
    Dirty dirty(int least_pages) const;
    static Status sync(Dirty& dirty);
    void flushed(const Dirty& dirty);

    // Last unit of the first file; null when that is the only file or cannot be read.
    const char* last_unit_of_first_file() const;
    bool delete_first_file();
    // Removes the directory with all files.
    void destroy();
    // Drops the mappings, so that the files cost nothing until they are used again.
    void unmap();

private:
    struct File {
        std::int64_t start = 0;                // first unit
        std::shared_ptr<MappedRegion> region;  // null until first needed
    };
    static constexpr std::int64_t kAllocationBytes = 64 * 1024;

    std::int64_t file_bytes() const { return layout_.units_per_file * layout_.unit_bytes; }
    std::string file_path(std::int64_t start) const;
    File* file_of(std::int64_t n) const;
    Result<MappedRegion*> map(File& file) const;
    Status roll(std::int64_t start, std::int64_t fillers, const char* filler, const char* unit);
    Status ensure_allocated(MappedRegion& region, std::int64_t end_bytes);
    Status drop_last_file();
    Status clear_behind_end();
    bool is_written_behind(const char* file_begin, std::int64_t count) const;

    Layout layout_;
    mutable std::vector<File> files_;  // ordered
    std::int64_t end_ = 0;
    std::int64_t allocated_bytes_ = 0;  // of the last file
    std::int64_t flushed_bytes_ = 0;    // from unit 0
    Damage damage_ = Damage::kNone;
    bool is_lost_ = false;
};

}  // namespace rmq::store
