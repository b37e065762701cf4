// SPDX-License-Identifier: Apache-2.0
#include "store/index_service.h"

#include "common/java_string.h"
#include "common/log.h"
#include "common/message/message_properties.h"
#include "common/persistent_file.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>

namespace rmq::store {

namespace {

// yyyyMMddHHmmssSSS in the local time zone. Source: UtilAll.timeMillisToHumanString.
std::string file_name(std::int64_t now_ms) {
    const auto seconds = static_cast<std::time_t>(now_ms / 1000);
    std::tm local{};
    localtime_r(&seconds, &local);
    char text[32];
    const std::size_t length = std::strftime(text, sizeof text, "%Y%m%d%H%M%S", &local);
    std::snprintf(text + length, sizeof text - length, "%03d", static_cast<int>(now_ms % 1000));
    return text;
}

bool is_file_name(const std::string& name) {
    return !name.empty() &&
           std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

IndexService::IndexService(std::string directory, const IndexFileShape& shape, const Clock& clock)
    : directory_(std::move(directory)), shape_(shape), clock_(clock) {}

IndexService::~IndexService() = default;

Status IndexService::load(LastStop last_stop, std::int64_t safe_timestamp) {
    namespace fs = std::filesystem;
    std::error_code error;
    std::vector<std::string> names;
    if (fs::exists(directory_, error)) {
        for (fs::directory_iterator it(directory_, error), end; !error && it != end;
             it.increment(error)) {
            if (is_file_name(it->path().filename().string())) {
                names.push_back(it->path().filename().string());
            }
        }
    }
    if (error) {
        return Error{Errc::kIo, "cannot list " + directory_ + ": " + error.message()};
    }
    std::sort(names.begin(), names.end());
    const std::lock_guard lock(mutex_);
    safe_timestamp_ = safe_timestamp;
    for (const std::string& name : names) {
        const std::string path = directory_ + "/" + name;
        if (fs::file_size(path, error) == 0 && !error) {
            // Killed between creating the file and giving it its length: nothing was indexed here.
            if (!fs::remove(path, error)) {
                return Error{Errc::kIo, "cannot delete " + path + ": " + error.message()};
            }
            log_of("store").warn("index_file_empty_deleted path={}", path);
            continue;
        }
        RMQ_TRY(File file, IndexFile::open(path, shape_));
        if (last_stop == LastStop::kUnclean && file->end_timestamp() > safe_timestamp) {
            RMQ_TRY(const bool is_kept, file->keep_before(safe_timestamp));
            log_of("store").warn("index_file_cut path={} safe_timestamp={} kept={}", file->path(),
                                 safe_timestamp, is_kept ? file->count() - 1 : 0);
            if (!is_kept) {
                RMQ_CHECK(file->unlink());
                continue;
            }
        }
        files_.push_back(std::move(file));
    }
    current_ = files_.empty() ? nullptr : files_.back().get();
    return {};
}

// --- writing -------------------------------------------------------------------------------------

IndexFile* IndexService::writable_file() {
    if (current_ != nullptr && !current_->is_full()) {
        return current_;
    }
    if (const Status status = add_file(current_); !status) {
        if (!error_.exchange(true)) {
            log_of("store").error("index_file_not_created cause={}", status.error().remark);
        }
        return nullptr;
    }
    error_.store(false);
    return current_;
}

Status IndexService::add_file(const IndexFile* full) {
    if (const Status status = create_directories(directory_); !status) {
        return status;
    }
    std::int64_t now = clock_.now_ms();
    std::error_code error;
    while (std::filesystem::exists(directory_ + "/" + file_name(now), error)) {
        ++now;
    }
    RMQ_TRY(File file, IndexFile::create(directory_ + "/" + file_name(now), shape_,
                                         full != nullptr ? full->end_offset() : PhysicalOffset{},
                                         full != nullptr ? full->end_timestamp() : 0));
    current_ = file.get();
    const std::lock_guard lock(mutex_);
    files_.push_back(std::move(file));
    return {};
}

bool IndexService::put_key(std::int32_t java_hash, const MessageRecord& record) {
    IndexFile* const file = writable_file();
    if (file == nullptr) {
        return false;
    }
    if (const Status status =
            file->put(index_key_hash(java_hash), record.physical_offset, record.store_timestamp);
        !status) {
        if (!error_.exchange(true)) {
            log_of("store").error("index_put_failed cause={}", status.error().remark);
        }
        return false;
    }
    return true;
}

void IndexService::put(const MessageRecord& record, const IndexKeys& keys) {
    const IndexFile* const file = writable_file();
    if (file == nullptr || record.physical_offset < file->end_offset()) {
        return;
    }
    const std::int32_t prefix = java_string_hash("#", java_string_hash(record.topic));
    if (!keys.unique_key.empty() && !put_key(java_string_hash(keys.unique_key, prefix), record)) {
        return;
    }
    KeyCursor each(keys.keys);
    while (const auto key = each.next()) {
        if (!put_key(java_string_hash(*key, prefix), record)) {
            return;
        }
    }
    if (!keys.tags.empty()) {
        put_key(java_string_hash(keys.tags, java_string_hash("T#", prefix)), record);
    }
}

// --- searching -----------------------------------------------------------------------------------

std::vector<IndexService::File> IndexService::files() const {
    const std::lock_guard lock(mutex_);
    return files_;
}

std::size_t IndexService::file_count() const {
    const std::lock_guard lock(mutex_);
    return files_.size();
}

IndexQueryResult IndexService::query(const IndexQuery& query) const {
    IndexQueryResult result;
    const std::int32_t hash = index_key_hash(query.topic, query.key);
    const std::vector<File> files = this->files();
    if (!files.empty()) {
        result.last_update_timestamp = files.back()->end_timestamp();
        result.last_update_offset = files.back()->end_offset();
    }
    for (auto file = files.rbegin(); file != files.rend(); ++file) {
        if ((*file)->is_time_matched(query.begin_ms, query.end_ms)) {
            (*file)->select(hash, query.max, query.begin_ms, query.end_ms, result.offsets);
        }
        if ((*file)->begin_timestamp() < query.begin_ms || result.offsets.size() >= query.max) {
            break;
        }
    }
    return result;
}

// --- maintenance ---------------------------------------------------------------------------------

Status IndexService::flush(FlushScope scope) {
    for (const File& file : files()) {
        const bool is_full = file->is_full();
        if (file->is_complete_on_disk() || (!is_full && scope == FlushScope::kFullFiles)) {
            continue;
        }
        const std::int64_t end = file->end_timestamp();
        if (const Status status = file->flush(); !status) {
            return status;
        }
        set_safe_timestamp(end);
    }
    return {};
}

void IndexService::set_safe_timestamp(std::int64_t timestamp) {
    safe_timestamp_.store(std::max(safe_timestamp_.load(), timestamp));
}

int IndexService::delete_expired(PhysicalOffset commit_log_min) {
    int deleted = 0;
    const std::lock_guard lock(mutex_);
    while (files_.size() > 1 && files_.front()->end_offset() < commit_log_min) {
        if (const Status status = files_.front()->unlink(); !status) {
            log_of("store").warn("index_file_not_removed cause={}", status.error().remark);
            break;
        }
        files_.erase(files_.begin());
        ++deleted;
    }
    return deleted;
}

}  // namespace rmq::store
