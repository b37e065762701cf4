// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/wakeup.h"
#include "store/allocate_service.h"
#include "store/checkpoint.h"
#include "store/commit_log.h"
#include "store/consume_queue_table.h"
#include "store/dispatcher.h"
#include "store/flush_service.h"
#include "store/index_service.h"
#include "store/message_query.h"
#include "store/message_reader.h"
#include "store/message_store.h"
#include "store/queue_flush_service.h"
#include "store/recovery.h"
#include "store/retention.h"
#include "store/running_flags.h"
#include "store/store_lock.h"

#include <atomic>
#include <memory>
#include <thread>

namespace rmq::store {

// What a MessageStore is made of, in the order in which the parts stand on each other. Private to
// the façade: message_store.cc forwards to it, message_store_lifecycle.cc starts and stops it.
struct MessageStore::Parts {
    Parts(const MessageStoreConfig& config, const Clock& clock, FileOps& ops);

    // --- lifecycle -----------------------------------------------------------------------------
    Status load();
    Status start();
    void shutdown();

    const MessageStoreConfig& config;
    const Clock& clock;

    RunningFlags flags;
    StoreLock lock;
    AbortFile abort;
    StoreCheckpoint checkpoint;
    MappedFileQueue files;
    AllocateService allocate;
    ConsumeQueueTable queues;
    IndexService index;
    CommitLog log;
    Dispatcher dispatcher;
    FlushService flush;
    QueueFlushService queue_flush;
    Retention retention;
    MessageReader reader;
    MessageQuery query;

    bool had_crashed = false;  // set by load()
    std::atomic<std::int64_t> put_messages{0};
    std::atomic<std::int64_t> put_bytes{0};
    std::atomic<std::int64_t> put_failures{0};

    Wakeup maintenance_wakeup;

private:
    Status load_files(bool is_abnormal);
    Status recover(bool is_abnormal);
    Result<RecoveryReport> scan_log(RecoveryStart from);
    void on_min_moved(PhysicalOffset min);
    void on_append();
    void run_maintenance();
    void stop_threads();
    void finish_files();

    bool is_loaded_ = false;
    std::atomic<bool> stopping_{false};
    std::thread allocate_thread_;
    std::thread flush_thread_;
    std::thread flush_timeout_thread_;  // SYNC_FLUSH only
    std::thread dispatch_thread_;
    std::thread maintenance_thread_;
};

}  // namespace rmq::store
