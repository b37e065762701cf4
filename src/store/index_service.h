// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "common/message/message_record.h"
#include "common/offsets.h"
#include "common/result.h"
#include "store/index_file.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::store {

// The properties of a record that lead to it, as stored; empty when absent.
struct IndexKeys {
    std::string_view unique_key = {};  // UNIQ_KEY
    std::string_view keys = {};        // KEYS: several, separated by one space
    std::string_view tags = {};        // TAGS: found under the key "T#" + tags
};

struct IndexQuery {
    std::string_view topic = {};
    std::string_view key = {};
    std::size_t max = 64;
    std::int64_t begin_ms = 0;  // store times, inclusive
    std::int64_t end_ms = INT64_MAX;
};

struct IndexQueryResult {
    std::vector<PhysicalOffset> offsets;  // newest first; hash matches, keys not compared
    std::int64_t last_update_timestamp = 0;
    PhysicalOffset last_update_offset;
};

// Finds records by key, through a row of index files named after the local time of their creation.
// Thread safety: put() from the dispatch thread (or recovery before it); query, flush and
// delete_expired from any thread. Searches never hold up the dispatcher.
// Source: IndexService (5.5.0), which since 5.5 also indexes tags.
class IndexService {
public:
    IndexService(std::string directory, const IndexFileShape& shape, const Clock& clock);
    ~IndexService();

    // Opens the files. After an unclean stop what was indexed later than `safe_timestamp` (the
    // checkpoint's indexMsgTimestamp) is dropped; recovery indexes those records anew. The original
    // deletes whole files instead, and so loses the keys of records that recovery does not scan.
    // Errors: kMalformed when a file has another length than configured, kIo, kPermissionDenied.
    enum class LastStop { kClean, kUnclean };
    Status load(LastStop last_stop, std::int64_t safe_timestamp);

    // Indexes a record that is not a ROLLBACK. A record before the newest file's end is a repeat
    // and skipped. Failure is logged and kept in has_error().
    void put(const MessageRecord& record, const IndexKeys& keys);
    bool has_error() const { return error_.load(); }

    // Newest file first; stops at `max` or at a file that begins before begin_ms. May block on
    // pages of old files.
    IndexQueryResult query(const IndexQuery& query) const;

    // Forces full files (and with kAll the newest one too) to the disk, each once. Errors: kIo.
    // Blocks. Afterwards safe_timestamp() may go to the checkpoint.
    enum class FlushScope { kFullFiles, kAll };
    Status flush(FlushScope scope);
    std::int64_t safe_timestamp() const { return safe_timestamp_.load(); }
    // After flush(kAll): every record up to this store time is indexed on the disk, also when the
    // last ones had no keys. Never moves back.
    void set_safe_timestamp(std::int64_t timestamp);

    // Deletes files whose newest record is gone from the log, never the last. Returns how many.
    int delete_expired(PhysicalOffset commit_log_min);
    std::size_t file_count() const;

private:
    // Shared with searches, which go on in a file that retention takes out of the list.
    using File = std::shared_ptr<IndexFile>;

    IndexFile* writable_file();
    Status add_file(const IndexFile* full);
    bool put_key(std::int32_t java_hash, const MessageRecord& record);
    std::vector<File> files() const;

    const std::string directory_;
    const IndexFileShape shape_;
    const Clock& clock_;
    IndexFile* current_ = nullptr;  // the dispatch thread's; the last of files_
    mutable std::mutex mutex_;
    std::vector<File> files_;  // guarded by mutex_; oldest first
    std::atomic<std::int64_t> safe_timestamp_{0};
    std::atomic<bool> error_{false};
};

}  // namespace rmq::store
