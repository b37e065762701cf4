// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/message/message_record.h"
#include "common/offsets.h"
#include "store/log_source.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::store::testing {

// A CommitLog in memory, with small files, for tests of what reads one.
// Thread safety: one appender, any readers.
class MemoryLog final : public LogSource {
public:
    explicit MemoryLog(std::int64_t file_bytes = 4096) : file_bytes_(file_bytes) {}

    // What append() fills in by itself: sizes, positions, hosts.
    struct Message {
        std::string_view topic = "TopicA";
        std::int32_t queue_id = 0;
        std::int64_t queue_offset = 0;
        std::int64_t store_timestamp = 1000;
        std::string_view properties = {};
        std::string_view body = "body";
        std::int32_t sys_flag = 0;
    };
    // Returns the record's position; closes the file with a blank when it does not fit.
    PhysicalOffset append(const Message& message);
    // Appends bytes as they are.
    PhysicalOffset append_raw(std::string_view bytes);
    // Closes the present file.
    void roll();
    // Removes files from the front until the one that holds `offset`.
    void delete_before(PhysicalOffset offset);
    // Takes back everything at and behind `end`, as recovery does.
    void truncate(PhysicalOffset end);
    // Dispatch and reads stop here; -1 means at the end.
    void set_limit(std::int64_t limit) { limit_ = limit; }
    MessageRecord record(PhysicalOffset at) const;

    PhysicalOffset min_offset() const override { return {min_.load()}; }
    PhysicalOffset max_offset() const override { return {end_.load()}; }
    PhysicalOffset dispatch_limit() const override;
    MappedSlice read(PhysicalOffset from) const override;
    PhysicalOffset next_file_start(PhysicalOffset offset) const override;

private:
    char* at(std::int64_t position);

    const std::int64_t file_bytes_;
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<std::string>> files_;  // guarded by mutex_; empty when deleted
    std::atomic<std::int64_t> min_{0};
    std::atomic<std::int64_t> end_{0};
    std::atomic<std::int64_t> limit_{-1};
};

// "name value name value" as an encoded property string; a plus sign stands for a space.
std::string encode_properties(std::string_view words);

}  // namespace rmq::store::testing
