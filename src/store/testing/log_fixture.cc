// SPDX-License-Identifier: Apache-2.0
#include "store/testing/log_fixture.h"

#include "store/consume_queue.h"

namespace rmq::store::testing {

MessageToPut make_message(std::string_view body, std::string_view topic,
                          std::string_view properties) {
    MessageToPut message;
    message.topic = topic;
    message.born_timestamp = 1'700'000'000'000;
    message.born_host = *parse_socket_address("10.0.0.1:5000");
    message.store_host = *parse_socket_address("127.0.0.1:10911");
    message.body = body;
    message.properties = properties;
    return message;
}

MessageStoreConfig LogFixture::make_config(const std::string& root, FlushDiskType type,
                                           std::int32_t file_size) {
    MessageStoreConfig made;
    made.store_path_root_dir = root;
    made.mapped_file_size_commit_log = file_size;
    made.flush_disk_type = type;
    return made;
}

LogFixture::LogFixture(const std::string& root, FlushDiskType type)
    : LogFixture(root, type, kFileSize, own_ops) {}

LogFixture::LogFixture(const std::string& root, FlushDiskType type, std::int32_t file_size,
                       FaultyFileOps& disk)
    : ops(disk),
      config(make_config(root, type, file_size)),
      checkpoint(root + "/checkpoint"),
      files({config.commit_log_directory(), file_size}, ops),
      allocate(files),
      queues({root + "/consumequeue", 100}),
      log({config, files, allocate, queues, flags, clock}),
      flush(config, log, checkpoint, clock) {}

Result<RecoveryReport> LogFixture::recover(bool is_abnormal) {
    RMQ_CHECK(files.load());
    RMQ_CHECK(checkpoint.load());
    RecoveryStart start;
    start.is_abnormal = is_abnormal;
    start.min_timestamp = checkpoint.min_timestamp(false);
    start.flushed_timestamp = checkpoint.get(StoreCheckpoint::kPhysicMsgTimestamp);
    start.flushed_position = {checkpoint.get(StoreCheckpoint::kFlushedPhysicalOffset)};
    RMQ_TRY(
        auto report, recover_commit_log(files, start, [this](const MessageRecord& record) {
            queues.queue(record.topic, record.queue_id).set_next_offset(record.queue_offset + 1);
            return Status{};
        }));
    RMQ_CHECK(log.truncate(report.end));
    return report;
}

PutMessageResult LogFixture::put(std::string_view body, std::string_view properties) {
    const MessageToPut message = make_message(body, "Topic", properties);
    return log.append({&message, 1});
}

std::vector<MessageRecord> LogFixture::records() const {
    std::vector<MessageRecord> found;
    PhysicalOffset at = log.min_offset();
    while (at < log.max_offset()) {
        if (const auto slice = log.record_at(at)) {
            found.push_back(*decode_message(slice->bytes, VerifyCrc::kYes));
            at = at + found.back().total_size;
        } else {
            at = log.next_file_start(at);
        }
    }
    return found;
}

}  // namespace rmq::store::testing
