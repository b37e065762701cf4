// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/offsets.h"
#include "common/result.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::store {

class MappedRegion;

// Layout of an index file, big-endian:
//
//      offset          bytes  field
//           0              8  beginTimestamp: store time of the first record, ms
//           8              8  endTimestamp: of the last one
//          16              8  beginPhyOffset
//          24              8  endPhyOffset
//          32              4  hashSlotCount: slots in use
//          36              4  indexCount: number of the next entry, from 1
//          40     4 * slots  newest entry of each slot, 0 when empty
//     … + 20*i            20  entry i: keyHash 4, CommitLog position 8, seconds since
//                             beginTimestamp 4, previous entry of the slot 4
//
// Source: IndexHeader, IndexFile (5.5.0).
struct IndexFileShape {
    std::int64_t slots = 5'000'000;     // maxHashSlotNum
    std::int64_t entries = 20'000'000;  // maxIndexNum; entry 0 is not used

    static constexpr std::int64_t kHeaderBytes = 40;
    static constexpr std::int64_t kSlotBytes = 4;
    static constexpr std::int64_t kEntryBytes = 20;
    std::int64_t entries_at() const { return kHeaderBytes + slots * kSlotBytes; }
    std::int64_t file_bytes() const { return entries_at() + entries * kEntryBytes; }
};

// Hash of `topic#key` as the index stores it: |String.hashCode|, and 0 for the one value whose
// absolute value does not fit. Vector: "TopicA", "U0" -> 1903241332.
// Source: IndexFile.indexKeyHashMethod.
std::int32_t index_key_hash(std::string_view topic, std::string_view key);
inline std::int32_t index_key_hash(std::int32_t java_hash) {
    return java_hash == INT32_MIN ? 0 : (java_hash < 0 ? -java_hash : java_hash);
}

// One hash index over a stretch of the CommitLog. Owns its mapping.
// Thread safety: put() from the dispatch thread; everything else from any thread, without locks:
// an entry is complete before its slot points to it, and never changes afterwards.
class IndexFile {
public:
    // Opens an existing file. Errors: kMalformed (length), kIo, kNotFound.
    static Result<std::unique_ptr<IndexFile>> open(const std::string& path,
                                                   const IndexFileShape& shape);
    // Makes a file; `end_timestamp` and `end_offset` come from the file before it (0 for the
    // first). Errors: kResourceExhausted, kIo.
    static Result<std::unique_ptr<IndexFile>> create(const std::string& path,
                                                     const IndexFileShape& shape,
                                                     PhysicalOffset end_offset,
                                                     std::int64_t end_timestamp);
    ~IndexFile();
    IndexFile(const IndexFile&) = delete;
    IndexFile& operator=(const IndexFile&) = delete;

    bool is_full() const { return count_.load(std::memory_order_relaxed) >= shape_.entries; }
    // Precondition: !is_full(). Errors: kResourceExhausted (disk full), kIo.
    Status put(std::int32_t key_hash, PhysicalOffset at, std::int64_t store_timestamp);

    // Appends positions of entries with this hash and a time in [begin_ms, end_ms], newest first,
    // until `found` has `max`. An entry's time is up to 999 ms before its record's.
    void select(std::int32_t key_hash, std::size_t max, std::int64_t begin_ms, std::int64_t end_ms,
                std::vector<PhysicalOffset>& found) const;
    // Whether the file's time range touches [begin_ms, end_ms].
    bool is_time_matched(std::int64_t begin_ms, std::int64_t end_ms) const;

    std::int64_t begin_timestamp() const { return begin_timestamp_.load(); }
    std::int64_t end_timestamp() const { return end_timestamp_.load(); }
    PhysicalOffset end_offset() const { return {end_offset_.load()}; }
    std::int64_t count() const { return count_.load(std::memory_order_acquire); }
    const std::string& path() const;

    // Forces the file to the disk. Errors: kIo. Blocks.
    Status flush();
    // True once flush() covered the full file: it will not change any more.
    bool is_complete_on_disk() const { return complete_on_disk_.load(); }
    // Recovery after an unclean stop: keeps the entries of records stored before `safe_timestamp`,
    // which are on the disk, and drops the others, of which any page may be missing. Returns false
    // when nothing is left. Errors: kIo, kResourceExhausted. Blocks.
    Result<bool> keep_before(std::int64_t safe_timestamp);
    // Removes the name; searches under way go on. Errors: kIo.
    Status unlink();

private:
    IndexFile(const IndexFileShape& shape, std::shared_ptr<MappedRegion> region);

    void read_header();
    void write_header();
    const char* entry(std::int64_t number) const;
    char* slot(std::int32_t key_hash) const;
    std::int64_t time_of(std::int64_t number) const;
    Status ensure_allocated(std::int64_t end_bytes);
    std::int32_t time_difference(std::int64_t store_timestamp) const;

    const IndexFileShape shape_;
    const std::shared_ptr<MappedRegion> region_;
    std::int64_t allocated_bytes_ = 0;  // the dispatch thread's
    std::int32_t slot_count_ = 0;       // the dispatch thread's
    std::int64_t begin_offset_ = 0;     // the dispatch thread's
    std::atomic<std::int64_t> begin_timestamp_{0};
    std::atomic<std::int64_t> end_timestamp_{0};
    std::atomic<std::int64_t> end_offset_{0};
    std::atomic<std::int64_t> count_{1};
    std::atomic<bool> complete_on_disk_{false};
};

}  // namespace rmq::store
