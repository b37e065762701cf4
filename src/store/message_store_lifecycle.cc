// SPDX-License-Identifier: Apache-2.0
#include "common/log.h"
#include "common/persistent_file.h"
#include "common/thread_name.h"
#include "store/bus_error_guard.h"
#include "store/message_store_config.h"
#include "store/message_store_parts.h"

#include <algorithm>
#include <utility>

namespace rmq::store {

namespace {

DispatcherOptions dispatcher_options(const MessageStoreConfig& config) {
    DispatcherOptions options;
    options.message_index_enable = config.message_index_enable;
    options.enable_multi_dispatch = config.enable_multi_dispatch;
    options.is_master = config.broker_role != BrokerRole::SLAVE;
    return options;
}

MessageReaderOptions reader_options(const MessageStoreConfig& config) {
    MessageReaderOptions options;
    options.memory_bytes = physical_memory_bytes();
    options.corrects_offsets = config.broker_role != BrokerRole::SLAVE;
    return options;
}

template <class Loop>
std::thread named_thread(const char* name, Loop loop) {
    return std::thread([name, loop = std::move(loop)] {
        set_thread_name(name);
        loop();
    });
}

void join(std::thread& thread) {
    if (thread.joinable()) {
        thread.join();
    }
}

}  // namespace

MessageStore::Parts::Parts(const MessageStoreConfig& config_, const Clock& clock_, FileOps& ops)
    : config(config_),
      clock(clock_),
      abort(config.store_path_root_dir),
      checkpoint(config.store_path_root_dir + "/checkpoint"),
      files({config.commit_log_directory(), config.mapped_file_size_commit_log}, ops),
      allocate(files),
      queues({config.store_path_root_dir + "/consumequeue",
              config.consume_queue_file_size() / ConsumeQueueEntry::kBytes,
              config.store_path_root_dir + "/batchconsumequeue",
              config.mapper_file_size_batch_consume_queue / BatchQueueUnit::kBytes,
              {},
              nullptr}),
      index(config.store_path_root_dir + "/index", {config.max_hash_slot_num, config.max_index_num},
            clock),
      log({config, files, allocate, queues, flags, clock}),
      dispatcher(dispatcher_options(config), log, queues, &index),
      flush(config, log, checkpoint, clock),
      queue_flush({config, clock, queues, index, dispatcher, checkpoint}),
      retention(config, files, flags, clock,
                {disk_used_ratio, [this](PhysicalOffset min) { on_min_moved(min); }}),
      reader(config, reader_options(config), log, queues),
      query(log, queues, config.message_index_enable ? &index : nullptr, reader) {}

Status MessageStore::Parts::load() {
    install_bus_error_guard();
    RMQ_CHECK(create_directories(config.store_path_root_dir));
    RMQ_CHECK(lock.acquire(config.store_path_root_dir));
    had_crashed = abort.exists();
    RMQ_CHECK(load_files(had_crashed));
    RMQ_CHECK(recover(had_crashed));
    is_loaded_ = true;
    return {};
}

Status MessageStore::Parts::load_files(bool is_abnormal) {
    RMQ_CHECK(create_directories(config.store_path_root_dir + "/consumequeue"));
    RMQ_CHECK(files.load());
    RMQ_CHECK(queues.load());
    RMQ_CHECK(checkpoint.load());
    return index.load(
        is_abnormal ? IndexService::LastStop::kUnclean : IndexService::LastStop::kClean,
        checkpoint.get(StoreCheckpoint::kIndexMsgTimestamp));
}

// Scans the log. When it finds that a queue lacks entries in front of what it gives it, it begins
// anew with the first of them: the queue is then as it was, and no number is given twice.
Result<RecoveryReport> MessageStore::Parts::scan_log(RecoveryStart from) {
    PhysicalOffset lacking{-1};
    const auto note = [&](const MessageRecord& record, bool is_next_missing) {
        const ConsumeQueue* const queue = queues.find(record.topic, record.queue_id);
        const PhysicalOffset end = queues.lacks(record);
        if (end.value >= 0 && (is_next_missing || record.queue_offset > queue->max_offset())) {
            lacking = lacking.value < 0 ? end : std::min(lacking, end);
        }
    };
    from.check_queued = [&](const MessageRecord& record) { note(record, true); };
    const auto dispatch = [&](const MessageRecord& record) -> Status {
        note(record, false);
        return lacking.value < 0 ? dispatcher.dispatch(record) : Status();
    };
    auto report = recover_commit_log(files, from, dispatch);
    if (!report || lacking.value < 0) {
        return report;
    }
    log_of("store").error("consume_queues_incomplete rebuilt_from={}", lacking.value);
    from.check_queued = nullptr;
    from.rebuild_from =
        from.rebuild_from.value < 0 ? lacking : std::min(from.rebuild_from, lacking);
    return recover_commit_log(
        files, from, [this](const MessageRecord& record) { return dispatcher.dispatch(record); });
}

// Source: CommitLog.recoverNormally, recoverAbnormally; DefaultMessageStore.recover.
Status MessageStore::Parts::recover(bool is_abnormal) {
    ConsumeQueue::LogBounds bounds;
    if (const auto last_file = files.last()) {
        bounds = {{files.min_position()}, {last_file->end()}};
    }
    const PhysicalOffset queued{checkpoint.get(StoreCheckpoint::kLogicsPhysicalOffset)};
    RMQ_TRY(const auto recovered, queues.recover(bounds, is_abnormal ? queued : PhysicalOffset{0}));
    RecoveryStart from;
    from.is_abnormal = is_abnormal;
    from.queues_end = recovered.end;
    from.rebuild_from = recovered.rebuild_from;
    from.min_timestamp = checkpoint.min_timestamp(config.message_index_safe);
    from.flushed_timestamp = checkpoint.get(StoreCheckpoint::kPhysicMsgTimestamp);
    from.flushed_position = {checkpoint.get(StoreCheckpoint::kFlushedPhysicalOffset)};
    from.logics_physical_offset = queued;
    from.check_crc = config.check_crc_on_recover;
    const std::int64_t began = clock.monotonic_ms();
    if (is_abnormal) {
        // After a loss of power entries behind this may be torn, missing or of another time. The
        // log has their records, and is about to be read anyway. (The original keeps what it
        // finds.)
        RMQ_CHECK(queues.truncate(find_scan_start(files, from)));
    }
    RMQ_TRY(const RecoveryReport report, scan_log(from));
    RMQ_CHECK(log.truncate(report.end));
    if (files.empty()) {
        queues.destroy_all();
    } else {
        RMQ_CHECK(queues.truncate(report.end));
    }
    queues.assign_next_offsets(log.min_offset());
    dispatcher.set_position(report.end);
    reader.set_start_offset(report.end);
    if (report.last_store_timestamp > 0) {
        checkpoint.set(StoreCheckpoint::kPhysicMsgTimestamp, report.last_store_timestamp);
    }
    checkpoint.set(StoreCheckpoint::kFlushedPhysicalOffset, report.end.value);
    queue_flush.flush_all();
    log_of("store").info(
        "store_recovered clean={} from={} end={} records={} dispatched={} damaged={} ms={}",
        !is_abnormal, report.scanned_from.value, report.end.value, report.record_count,
        report.dispatched_count, report.damaged_count, clock.monotonic_ms() - began);
    return {};
}

Status MessageStore::Parts::start() {
    RMQ_CHECK(abort.create());
    retention.check_disk();
    log.set_append_listener([this] { on_append(); });
    flush.set_flush_listener([this] {
        if (flush.is_sync()) {
            dispatcher.wake();
        }
    });
    // The first file of an empty log, or the one behind the last, is made while we already serve.
    const auto last = files.last();
    allocate.want(last ? last->end() : 0);
    allocate_thread_ = named_thread("allocate", [this] { allocate.run(); });
    flush_thread_ = named_thread("flush", [this] { flush.run(); });
    if (flush.is_sync()) {
        flush_timeout_thread_ = named_thread("flush-timeout", [this] { flush.run_timeouts(); });
    }
    dispatch_thread_ = named_thread("dispatch", [this] { dispatcher.run(); });
    maintenance_thread_ = named_thread("maintenance", [this] { run_maintenance(); });
    return {};
}

void MessageStore::Parts::on_append() {
    flush.appended();
    if (!flush.is_sync()) {
        dispatcher.wake();
    }
}

void MessageStore::Parts::on_min_moved(PhysicalOffset min) {
    const int queue_files = queues.delete_expired_files(min);
    const int index_files = index.delete_expired(min);
    log_of("store").info("expired_files_deleted commit_log_min={} queue_files={} index_files={}",
                         min.value, queue_files, index_files);
}

void MessageStore::Parts::run_maintenance() {
    std::int64_t lost = lost_page_count();
    while (!stopping_.load()) {
        if (const std::int64_t now_lost = lost_page_count(); now_lost != lost) {
            lost = now_lost;
            log_of("store").error("device_failed pages_lost_since_start={}", lost);
        }
        const std::int64_t next_flush = queue_flush.run_once();
        maintenance_wakeup.wait(std::min(next_flush, retention.run_once()));
    }
}

void MessageStore::Parts::shutdown() {
    if (!is_loaded_) {
        return;
    }
    is_loaded_ = false;
    stop_threads();
    finish_files();
    lock.release();
}

// Nothing is written any more; what is written is forced, then dispatched.
void MessageStore::Parts::stop_threads() {
    flags.set(RunningFlags::kNotWriteable);
    stopping_.store(true);
    flush.stop();
    join(flush_thread_);
    join(flush_timeout_thread_);
    dispatcher.stop();
    join(dispatch_thread_);
    maintenance_wakeup.signal();
    join(maintenance_thread_);
    allocate.stop();
    join(allocate_thread_);
}

// Leaves what the original takes for a clean stop, or `abort` when it was not one.
void MessageStore::Parts::finish_files() {
    allocate.drop_spare();
    queue_flush.flush_all();
    const bool is_clean =
        !log.is_poisoned() && !dispatcher.has_queue_error() && dispatcher.behind_bytes() == 0;
    if (!is_clean) {
        log_of("store").warn("store_stopped_unclean behind_bytes={} failed_sync={}",
                             dispatcher.behind_bytes(), log.is_poisoned());
    } else if (const auto status = abort.remove(); !status) {
        log_of("store").warn("abort_file_left reason=\"{}\"", status.error().remark);
    }
}

}  // namespace rmq::store
