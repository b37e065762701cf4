// SPDX-License-Identifier: Apache-2.0
#include "store/message_reader.h"

#include "common/message/message_record.h"
#include "store/bus_error_guard.h"
#include "store/consume_queue_table.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

#include <sys/mman.h>
#include <unistd.h>

namespace rmq::store {

namespace {

constexpr std::int64_t kUnit = ConsumeQueueEntry::kBytes;
// Source: DefaultMessageStore.MAX_PULL_MSG_SIZE.
constexpr std::int64_t kMaxPullBytes = 128 * 1024 * 1024;
constexpr std::int32_t kReservedSlices = 32;

struct TransferLimits {
    std::int64_t bytes;
    std::int32_t count;
};

// Whether the page is in memory; asked before it is touched.
bool is_resident(const char* at) {
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto start = reinterpret_cast<std::uintptr_t>(at) / page * page;
    unsigned char resident = 0;
    return ::mincore(reinterpret_cast<void*>(start), 1, &resident) == 0 && (resident & 1U) != 0;
}

// One slice that owns a copy of all of them.
void copy_to_memory(GetMessageResult& result) {
    if (result.slices.empty()) {
        return;
    }
    const std::shared_ptr<char[]> copy =
        std::make_shared_for_overwrite<char[]>(static_cast<std::size_t>(result.total_bytes));
    char* at = copy.get();
    for (const MappedSlice& slice : result.slices) {
        std::memcpy(at, slice.bytes.data(), slice.bytes.size());
        at += slice.bytes.size();
    }
    const std::string_view bytes(copy.get(), static_cast<std::size_t>(result.total_bytes));
    result.slices.clear();
    result.slices.push_back({std::shared_ptr<const void>(copy, copy.get()), bytes});
}

}  // namespace

const char* get_message_status_name(GetMessageStatus status) {
    switch (status) {
        case GetMessageStatus::FOUND:
            return "FOUND";
        case GetMessageStatus::NO_MATCHED_MESSAGE:
            return "NO_MATCHED_MESSAGE";
        case GetMessageStatus::MESSAGE_WAS_REMOVING:
            return "MESSAGE_WAS_REMOVING";
        case GetMessageStatus::OFFSET_FOUND_NULL:
            return "OFFSET_FOUND_NULL";
        case GetMessageStatus::OFFSET_OVERFLOW_BADLY:
            return "OFFSET_OVERFLOW_BADLY";
        case GetMessageStatus::OFFSET_OVERFLOW_ONE:
            return "OFFSET_OVERFLOW_ONE";
        case GetMessageStatus::OFFSET_TOO_SMALL:
            return "OFFSET_TOO_SMALL";
        case GetMessageStatus::NO_MATCHED_LOGIC_QUEUE:
            return "NO_MATCHED_LOGIC_QUEUE";
        case GetMessageStatus::NO_MESSAGE_IN_QUEUE:
            return "NO_MESSAGE_IN_QUEUE";
        case GetMessageStatus::OFFSET_RESET:
            return "OFFSET_RESET";
    }
    return "UNKNOWN";
}

std::int64_t physical_memory_bytes() {
    return static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
}

// Takes entries one by one until a limit says stop. Keeps the part of the log file that the last
// record came from, so that most records cost no look-up, and joins neighbours into one slice.
class MessageReader::Collector {
public:
    Collector(const MessageReader& reader, const GetMessageRequest& request,
              GetMessageResult& result)
        : reader_(reader),
          request_(request),
          result_(result),
          log_end_(reader.log_.max_offset()),
          in_memory_(reader.in_memory_bytes()),
          cold_below_(std::max(reader.start_, log_end_ - in_memory_)),
          near_limits_{reader.config_.max_transfer_bytes_on_message_in_memory,
                       reader.config_.max_transfer_count_on_message_in_memory},
          far_limits_{reader.config_.max_transfer_bytes_on_message_in_disk,
                      reader.config_.max_transfer_count_on_message_in_disk} {}

    enum class Step { kNext, kFull, kCold };

    // `count` messages, the first of which has this number, are in the entry's record.
    Step take(const ConsumeQueueEntry& entry, QueueOffset number, std::int32_t count) {
        count_ = count;
        if (is_full(entry)) {
            return Step::kFull;
        }
        last_examined_ = entry.physical_offset;
        if (skip_below_.value != 0 && entry.physical_offset < skip_below_) {
            result_.next_begin_offset = number + count;
            return Step::kNext;
        }
        if (request_.tags_filter != nullptr && *request_.tags_filter &&
            !(*request_.tags_filter)(entry.tags_code)) {
            return pass(number, GetMessageStatus::NO_MATCHED_MESSAGE);
        }
        if (request_.cold_reads == GetMessageRequest::ColdReads::kRefuse &&
            entry.physical_offset < cold_below_) {
            return result_.message_count == 0 ? Step::kCold : Step::kFull;
        }
        const std::string_view record = find(entry);
        if (record.empty()) {
            if (run_.bytes.empty()) {
                skip_below_ = reader_.log_.next_file_start(entry.physical_offset);
            }
            return pass(number, GetMessageStatus::MESSAGE_WAS_REMOVING);
        }
        if (request_.record_filter != nullptr && *request_.record_filter &&
            !(*request_.record_filter)(record)) {
            return pass(number, GetMessageStatus::NO_MATCHED_MESSAGE);
        }
        add(record);
        skip_below_ = {0};
        result_.next_begin_offset = number + count;
        result_.status = GetMessageStatus::FOUND;
        return Step::kNext;
    }

    bool suggests_slave() const { return log_end_ - last_examined_ > in_memory_; }

private:
    // Source: DefaultMessageStore.isTheBatchFull. The first message always fits.
    bool is_full(const ConsumeQueueEntry& entry) const {
        if (result_.message_count == 0) {
            return false;
        }
        const std::int64_t bytes = result_.total_bytes + entry.size;
        const TransferLimits& limits =
            log_end_ - entry.physical_offset <= in_memory_ ? near_limits_ : far_limits_;
        return result_.message_count + count_ > request_.max_count || bytes > kMaxPullBytes ||
               bytes > limits.bytes || result_.message_count > limits.count - 1;
    }

    Step pass(QueueOffset number, GetMessageStatus status) {
        if (result_.message_count == 0) {
            result_.status = status;
        }
        result_.next_begin_offset = number + count_;
        return Step::kNext;
    }

    // The record's bytes, in the run of log bytes at hand or a new one; empty when the log does not
    // have it (any more).
    std::string_view find(const ConsumeQueueEntry& entry) {
        const auto size = static_cast<std::size_t>(entry.size);
        const std::int64_t into_run = entry.physical_offset - run_start_;
        if (run_.bytes.empty() || into_run < 0 ||
            static_cast<std::size_t>(into_run) + size > run_.bytes.size()) {
            run_ = reader_.log_.read(entry.physical_offset);
            run_start_ = entry.physical_offset;
        }
        const auto at = static_cast<std::size_t>(entry.physical_offset - run_start_);
        if (at + size > run_.bytes.size()) {
            return {};
        }
        const std::string_view bytes = run_.bytes.substr(at, size);
        is_cold_ = reader_.config_.cold_data_flow_control_enable &&
                   reader_.is_in_cold_area(entry.physical_offset) &&
                   !(reader_.config_.cold_data_scan_enable && is_resident(bytes.data()));
        return is_intact(bytes, entry) ? bytes : std::string_view();
    }

    // A client takes the rest of an answer for damaged too when a record's lengths do not add up.
    // The body is looked at only where it is copied anyway.
    bool is_intact(std::string_view bytes, const ConsumeQueueEntry& entry) const {
        const bool is_copied = request_.cold_reads == GetMessageRequest::ColdReads::kAllow;
        const auto record = decode_message(bytes, is_copied ? VerifyCrc::kYes : VerifyCrc::kNo);
        return record && record->total_size == entry.size &&
               record->physical_offset == entry.physical_offset &&
               !has_lost_pages(bytes.data(), bytes.size());
    }

    void add(std::string_view record) {
        if (result_.slices.empty()) {
            result_.slices.reserve(
                static_cast<std::size_t>(std::clamp(request_.max_count, 1, kReservedSlices)));
        }
        if (!result_.slices.empty() &&
            result_.slices.back().bytes.data() + result_.slices.back().bytes.size() ==
                record.data() &&
            result_.slices.back().owner == run_.owner) {
            std::string_view& joined = result_.slices.back().bytes;
            joined = {joined.data(), joined.size() + record.size()};
        } else {
            result_.slices.push_back({run_.owner, record});
        }
        result_.message_count += count_;
        result_.total_bytes += static_cast<std::int64_t>(record.size());
        result_.cold_bytes += is_cold_ ? static_cast<std::int64_t>(record.size()) : 0;
    }

    const MessageReader& reader_;
    const GetMessageRequest& request_;
    GetMessageResult& result_;
    const PhysicalOffset log_end_;
    const std::int64_t in_memory_;
    const PhysicalOffset cold_below_;
    const TransferLimits near_limits_;
    const TransferLimits far_limits_;
    std::int32_t count_ = 1;  // of the entry at hand
    PhysicalOffset last_examined_;
    PhysicalOffset skip_below_;  // entries before this lie in a file that is gone; 0: none
    MappedSlice run_;
    PhysicalOffset run_start_;
    bool is_cold_ = false;  // the record found last
};

MessageReader::MessageReader(const MessageStoreConfig& config, const MessageReaderOptions& options,
                             const LogSource& log, const ConsumeQueueTable& queues)
    : config_(config), options_(options), log_(log), queues_(queues) {}

std::int64_t MessageReader::in_memory_bytes() const {
    return part_of_memory(config_.access_message_in_memory_max_ratio);
}

std::int64_t MessageReader::part_of_memory(std::int32_t percent) const {
    return static_cast<std::int64_t>(static_cast<double>(options_.memory_bytes) *
                                     (percent / 100.0));
}

bool MessageReader::is_in_cold_area(PhysicalOffset at) const {
    return log_.max_offset() - at > part_of_memory(config_.access_message_in_memory_hot_ratio);
}

bool MessageReader::is_near_end(PhysicalOffset at) const {
    return log_.max_offset() - at <= in_memory_bytes();
}

QueueOffset MessageReader::corrected(QueueOffset old_offset, QueueOffset new_offset) const {
    return options_.corrects_offsets ? new_offset : old_offset;
}

GetMessageResult MessageReader::get(const GetMessageRequest& request) const {
    GetMessageResult result;
    result.next_begin_offset = request.offset;
    const ConsumeQueue* const queue = queues_.find(request.topic, request.queue_id);
    if (queue == nullptr) {
        result.status = GetMessageStatus::NO_MATCHED_LOGIC_QUEUE;
        result.next_begin_offset = corrected(request.offset, {0});
        miss_.fetch_add(1, std::memory_order_relaxed);
        return result;
    }
    result.min_offset = queue->min_offset();
    result.max_offset = queue->max_offset();
    result.status = check_range(request, result);
    if (result.status == GetMessageStatus::FOUND) {
        const GetMessageResult empty = result;
        std::int64_t lost = 0;
        do {  // again when a page was lost under it: it is then known, and its records are not
              // there
            lost = lost_page_count();
            result = empty;
            result.status = GetMessageStatus::NO_MATCHED_MESSAGE;
            collect(*queue, request, result);
        } while (lost != lost_page_count());
    }
    if (result.is_cold) {
        return result;
    }
    if (result.status == GetMessageStatus::FOUND) {
        found_.fetch_add(1, std::memory_order_relaxed);
        messages_.fetch_add(result.message_count, std::memory_order_relaxed);
    } else {
        miss_.fetch_add(1, std::memory_order_relaxed);
    }
    return result;
}

// FOUND when the offset lies in the queue.
GetMessageStatus MessageReader::check_range(const GetMessageRequest& request,
                                            GetMessageResult& result) const {
    if (result.max_offset.value == 0) {
        result.next_begin_offset = corrected(request.offset, {0});
        return GetMessageStatus::NO_MESSAGE_IN_QUEUE;
    }
    if (request.offset < result.min_offset) {
        result.next_begin_offset = corrected(request.offset, result.min_offset);
        return GetMessageStatus::OFFSET_TOO_SMALL;
    }
    if (request.offset == result.max_offset) {
        return GetMessageStatus::OFFSET_OVERFLOW_ONE;
    }
    if (request.offset > result.max_offset) {
        result.next_begin_offset = corrected(request.offset, result.max_offset);
        return GetMessageStatus::OFFSET_OVERFLOW_BADLY;
    }
    return GetMessageStatus::FOUND;
}

void MessageReader::collect(const ConsumeQueue& queue, const GetMessageRequest& request,
                            GetMessageResult& result) const {
    const bool refuse = request.cold_reads == GetMessageRequest::ColdReads::kRefuse;
    if (refuse && request.offset < queue.start_offset()) {
        result.is_cold = true;  // even the queue's own page may be on the disk
        return;
    }
    const std::int64_t scan_bytes =
        std::max<std::int64_t>(config_.max_filter_message_size, request.max_count * kUnit);
    Collector collector(*this, request, result);
    bool stopped = false;
    for (std::int32_t files = config_.travel_cq_file_num_when_get_message;
         files > 0 && !stopped && result.message_count == 0 &&
         result.next_begin_offset < result.max_offset;
         --files) {
        const QueueOffset first = result.next_begin_offset;
        const ConsumeQueueWindow window = queue.read(first);
        if (window.bytes.empty()) {
            result.status = GetMessageStatus::OFFSET_FOUND_NULL;
            result.next_begin_offset = corrected(first, queue.next_file_start(first));
            break;
        }
        const std::int64_t unit = window.unit_bytes();
        const char* at = window.bytes.data();
        const char* const end = at + window.bytes.size();
        for (; at < end && !stopped && result.next_begin_offset < result.max_offset; at += unit) {
            QueueOffset number = result.next_begin_offset;
            std::int32_t count = 1;
            if (window.type == QueueType::kBatch) {
                const BatchQueueUnit batch = decode_batch_queue_unit(at);
                number = batch.base;
                count = batch.count;
            }
            if ((number - request.offset) * unit >= scan_bytes) {
                stopped = true;
                break;
            }
            switch (collector.take(decode_consume_queue_entry(at), number, count)) {
                case Collector::Step::kNext:
                    break;
                case Collector::Step::kFull:
                    stopped = true;
                    break;
                case Collector::Step::kCold:
                    result.is_cold = true;
                    return;
            }
        }
    }
    result.suggest_pulling_from_slave = collector.suggests_slave();
    if (!refuse) {
        copy_to_memory(result);
    }
}

MessageReader::Counters MessageReader::counters() const {
    return {found_.load(), miss_.load(), messages_.load()};
}

}  // namespace rmq::store
