// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "common/message/message_record.h"
#include "common/offsets.h"
#include "store/allocate_service.h"
#include "store/checkpoint.h"
#include "store/commit_log.h"
#include "store/consume_queue_table.h"
#include "store/flush_service.h"
#include "store/message_store_config.h"
#include "store/put_message.h"
#include "store/recovery.h"
#include "store/testing/faulty_file_ops.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::store::testing {

// A message with IPv4 hosts for queue 0 of `topic`. The views must live until it is put.
MessageToPut make_message(std::string_view body, std::string_view topic = "Topic",
                          std::string_view properties = {});

// A CommitLog with small files on a directory, without threads.
struct LogFixture {
    static constexpr std::int32_t kFileSize = 64 * 1024;

    explicit LogFixture(const std::string& root, FlushDiskType type = FlushDiskType::ASYNC_FLUSH);
    // On a disk that outlives the fixture.
    LogFixture(const std::string& root, FlushDiskType type, std::int32_t file_size,
               FaultyFileOps& disk);

    // Loads the files and recovers as after a crash (or a clean stop), ending the log where the
    // records end.
    Result<RecoveryReport> recover(bool is_abnormal = true);
    PutMessageResult put(std::string_view body, std::string_view properties = {});
    // Every record, read back through the log.
    std::vector<MessageRecord> records() const;

    FaultyFileOps own_ops;
    FaultyFileOps& ops;
    ManualClock clock;
    MessageStoreConfig config;
    RunningFlags flags;
    StoreCheckpoint checkpoint;
    MappedFileQueue files;
    AllocateService allocate;
    ConsumeQueueTable queues;
    CommitLog log;
    FlushService flush;

private:
    static MessageStoreConfig make_config(const std::string& root, FlushDiskType type,
                                          std::int32_t file_size);
};

}  // namespace rmq::store::testing
