// SPDX-License-Identifier: Apache-2.0
#include "store/dispatcher.h"

#include "common/bytes.h"
#include "common/java_string.h"
#include "common/light_queue.h"
#include "common/log.h"
#include "common/message/message_layout.h"
#include "common/message/message_properties.h"
#include "common/parse_number.h"
#include "store/consume_queue_table.h"
#include "store/index_service.h"
#include "store/late_properties.h"

#include <algorithm>

namespace rmq::store {

namespace {

// Records that one run_once() passes at most, so that long polls hear of the first ones early.
constexpr std::size_t kBatchMax = 512;
// How long a queue that cannot be written (full disk) is left alone.
constexpr std::int64_t kRetryAfterMs = 1000;
// Looks in vain before the thread sleeps until it is woken.
constexpr int kGathersMax = 8;

// What dispatching needs of a property string, found in one pass.
struct DispatchProperties {
    IndexKeys keys;  // tags among them
    std::string_view delay_level;
    std::string_view inner_num;
    std::string_view inner_base;
    std::string_view light_queues;         // names
    std::string_view light_queue_offsets;  // one for each
};

void note_inner(const PropertyView& pair, DispatchProperties& found) {
    if (pair.name == property::kInnerNum) {
        found.inner_num = pair.value;
    } else if (pair.name == property::kInnerBase) {
        found.inner_base = pair.value;
    } else if (pair.name == property::kInnerMultiDispatch) {
        found.light_queues = pair.value;
    } else if (pair.name == property::kInnerMultiQueueOffset) {
        found.light_queue_offsets = pair.value;
    }
}

DispatchProperties properties_of(std::string_view encoded) {
    DispatchProperties found;
    PropertyCursor cursor(encoded);
    while (const auto pair = cursor.next()) {
        if (pair->name == property::kTags) {
            found.keys.tags = pair->value;
        } else if (pair->name == property::kKeys) {
            found.keys.keys = pair->value;
        } else if (pair->name == property::kUniqKey) {
            found.keys.unique_key = pair->value;
        } else if (pair->name == property::kDelayLevel) {
            found.delay_level = pair->value;
        } else if (pair->name.front() == 'I') {
            note_inner(*pair, found);
        }
    }
    return found;
}

}  // namespace

Dispatcher::Dispatcher(const DispatcherOptions& options, const LogSource& log,
                       ConsumeQueueTable& queues, IndexService* index)
    : options_(options), log_(log), queues_(queues), index_(index) {
    arrivals_.reserve(kBatchMax);
}

void Dispatcher::set_arrival_listener(ArrivalListener listener) {
    listener_ = std::move(listener);
}

void Dispatcher::set_delay_level_millis(DelayLevelMillis delay) {
    delay_millis_ = std::move(delay);
}

void Dispatcher::set_position(PhysicalOffset position) {
    position_.store(position.value, std::memory_order_release);
}

std::int64_t Dispatcher::behind_bytes() const {
    return log_.dispatch_limit() - position();
}

// --- one record ----------------------------------------------------------------------------------

Status Dispatcher::dispatch(const MessageRecord& record) {
    return dispatch(record, nullptr);
}

Status Dispatcher::dispatch(const MessageRecord& record, std::vector<MessageArrival>* arrivals) {
    const DispatchProperties found = properties_of(record.properties);
    const std::int32_t transaction = record.sys_flag & sys_flag::kTransactionMask;
    if (transaction == sys_flag::kTransactionNot || transaction == sys_flag::kTransactionCommit) {
        std::int64_t tags_code = rmq::tags_code(found.keys.tags);
        if (!found.delay_level.empty() && record.topic == options_.delay_topic) {
            tags_code = deliver_time(record, found.delay_level, tags_code);
        }
        ConsumeQueue::Inner inner{record.store_timestamp, 1};
        if (!found.inner_num.empty() && !found.inner_base.empty()) [[unlikely]] {
            inner.count =
                std::max<std::int16_t>(parse_number<std::int16_t>(found.inner_num).value_or(1), 1);
        }
        const auto put = queues_.queue(record.topic, record.queue_id)
                             .put({record.physical_offset, record.total_size, tags_code},
                                  record.queue_offset, inner);
        if (!put) {
            return put.error();
        }
        store_timestamp_.store(record.store_timestamp, std::memory_order_relaxed);
        if (arrivals != nullptr) {
            arrivals->push_back({record.topic, record.queue_id, record.queue_offset, tags_code,
                                 record.store_timestamp, record.properties});
        }
        const LightQueues light{found.light_queues, found.light_queue_offsets};
        if (options_.enable_multi_dispatch && light.any()) [[unlikely]] {
            RMQ_CHECK(dispatch_light(record, light, tags_code, arrivals));
        }
    }
    if (index_ != nullptr && options_.message_index_enable &&
        transaction != sys_flag::kTransactionRollback) {
        index_->put(record, found.keys);
    }
    return {};
}

// One more entry in queue 0 of each light queue. A copy that waits elsewhere (delay, retry, timer)
// has the property too, but no place in them. Source: ConsumeQueue.multiDispatchLmqQueue.
Status Dispatcher::dispatch_light(const MessageRecord& record, const LightQueues& light,
                                  std::int64_t tags_code, std::vector<MessageArrival>* arrivals) {
    if (!allows_light_queues(record.topic) || queues_.is_batch_topic(record.topic)) {
        return {};
    }
    const std::vector<std::string_view> names = parts_of(light.names);
    const std::vector<std::string_view> offsets = parts_of(light.offsets);
    if (names.size() != offsets.size()) {
        log_of("store").error("light_queues_and_offsets_differ topic={} names={} offsets={}",
                              record.topic, names.size(), offsets.size());
        return {};
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
        const auto number = parse_number<std::int64_t>(offsets[i]);
        // The name becomes a directory's.
        if (!number || !is_light_queue(names[i]) || names[i].find('/') != std::string_view::npos) {
            continue;
        }
        const auto put =
            queues_.queue(names[i], kLightQueueId)
                .put({record.physical_offset, record.total_size, tags_code}, {*number});
        if (!put) {
            return put.error();
        }
        if (arrivals != nullptr) {
            arrivals->push_back({names[i],
                                 kLightQueueId,
                                 {*number},
                                 tags_code,
                                 record.store_timestamp,
                                 record.properties});
        }
    }
    return {};
}

// Source: CommitLog.checkMessageAndReturnSize: in the delay topic the tag code is the time at which
// the message is due. A level that is not a number leaves the tag code.
std::int64_t Dispatcher::deliver_time(const MessageRecord& record, std::string_view level_text,
                                      std::int64_t tags_code) const {
    const auto level = parse_number<std::int32_t>(level_text).value_or(0);
    if (level <= 0 || !delay_millis_) {
        return tags_code;
    }
    return record.store_timestamp + delay_millis_(level);
}

// --- the log -------------------------------------------------------------------------------------

std::int64_t Dispatcher::run_once() {
    PhysicalOffset from = position();
    if (from < log_.min_offset()) {
        log_of("store").warn("dispatch_behind_retention position={} log_min={}", from.value,
                             log_.min_offset().value);
        from = log_.min_offset();
        set_position(from);
    }
    if (from >= log_.dispatch_limit()) {
        return 0;
    }
    const MappedSlice slice = log_.read(from);
    arrivals_.clear();
    const PhysicalOffset reached = dispatch_slice(from, slice.bytes);
    set_position(reached);
    if (!arrivals_.empty() && listener_) {
        is_awaited_ = listener_(arrivals_);
    }
    return reached - from;
}

// Returns the position behind what was dispatched or stepped over. Publishes progress as it goes,
// so that behind_bytes() is honest during a long batch.
PhysicalOffset Dispatcher::dispatch_slice(PhysicalOffset from, std::string_view bytes) {
    PhysicalOffset at = from;
    for (std::size_t count = 0; count < kBatchMax; ++count) {
        const std::string_view rest = bytes.substr(static_cast<std::size_t>(at - from));
        if (rest.empty()) {
            break;
        }
        const auto record = decode_message(rest);
        if (!record || record->physical_offset != at) {
            return after_bad_record(at, rest);
        }
        if (const Status status = dispatch(*record, &arrivals_); !status) {
            if (!queue_error_.exchange(true)) {
                log_of("store").error("dispatch_failed position={} cause={}", at.value,
                                      status.error().remark);
            }
            return at;
        }
        queue_error_.store(false, std::memory_order_relaxed);
        at = at + record->total_size;
        set_position(at);
    }
    return at;
}

// Source: CommitLog.checkMessageAndReturnSize and ReputMessageService.doReput: the blank at the end
// of a file leads to the next file; a record whose lengths do not add up is stepped over by its
// size; anything else costs a master the rest of this file, and makes a slave wait.
PhysicalOffset Dispatcher::after_bad_record(PhysicalOffset at, std::string_view rest) const {
    std::int32_t size = -1;
    std::int32_t magic = 0;
    if (rest.size() >= static_cast<std::size_t>(layout::kBlankBytes)) {
        size = load_be<std::int32_t>(rest.data() + layout::kTotalSizeAt);
        magic = load_be<std::int32_t>(rest.data() + layout::kMagicAt);
    }
    if (magic == layout::kBlankMagic) {
        return log_.next_file_start(at);
    }
    const bool has_magic = magic == layout::kMagicV1 || magic == layout::kMagicV2;
    if (has_magic && size > 0 && static_cast<std::size_t>(size) <= rest.size()) {
        log_of("store").error("dispatch_skips_record position={} size={}", at.value, size);
        return at + size;
    }
    if (!options_.is_master) {
        return at;
    }
    log_of("store").error("dispatch_skips_bytes position={} bytes={}", at.value, rest.size());
    return at + static_cast<std::int64_t>(rest.size());
}

// --- the thread ----------------------------------------------------------------------------------

void Dispatcher::wake() {
    wakeup_.signal();
}

void Dispatcher::run() {
    int gathers_left = 0;
    while (true) {
        const bool stopping = stopping_.load();
        if (run_once() > 0) {
            const bool is_behind = arrivals_.size() >= kBatchMax;
            gathers_left = is_awaited_ ? 0 : kGathersMax;
            if (is_behind || is_awaited_ || stopping) {
                continue;  // a batch also ends where a file ends
            }
        }
        if (stopping) {
            return;
        }
        if (gathers_left > 0 && !has_queue_error()) {
            --gathers_left;
            gather();
            continue;
        }
        wakeup_.wait(has_queue_error() ? kRetryAfterMs : -1);
    }
}

void Dispatcher::gather() {
    std::unique_lock lock(gather_mutex_);
    gather_end_.wait_for(lock, kGatherTime, [this] { return stopping_.load(); });
}

void Dispatcher::stop() {
    {
        const std::lock_guard lock(gather_mutex_);
        stopping_.store(true);
        gather_end_.notify_one();
    }
    wake();
}

}  // namespace rmq::store
