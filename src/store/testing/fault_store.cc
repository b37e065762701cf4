// SPDX-License-Identifier: Apache-2.0
#include "store/testing/fault_store.h"

#include "common/crc32.h"
#include "common/message/message_record.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "store/testing/log_fixture.h"

#include <chrono>
#include <cstdlib>
#include <thread>

namespace rmq::store::testing {

MessageStoreConfig fault_config(const std::string& root) {
    MessageStoreConfig config;
    config.store_path_root_dir = root;
    config.mapped_file_size_commit_log = kFaultLogFile;
    config.mapped_file_size_consume_queue = kFaultQueueFile;
    config.max_hash_slot_num = 100;
    config.max_index_num = 1000;
    return config;
}

std::vector<Stored> put_some(MessageStore& store, std::int64_t first, int count,
                             std::size_t body_bytes) {
    std::vector<Stored> stored;
    for (std::int64_t number = first; number < first + count; ++number) {
        const std::string body = std::to_string(number) + ":" +
                                 std::string(body_bytes, static_cast<char>('a' + number % 26));
        const std::string properties = "KEYS\001k" + std::to_string(number) + "\002";
        MessageToPut message = make_message(body, "Topic", properties);
        message.queue_id = static_cast<std::int32_t>(number % kFaultQueues);
        const auto result = store.put_message(message);
        REQUIRE(result.status == PutMessageStatus::PUT_OK);
        stored.push_back({number, result.physical_offset.value, result.end.value, message.queue_id,
                          result.queue_offset.value});
    }
    return stored;
}

void await_dispatch(MessageStore& store) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (store.runtime().dispatch_behind_bytes > 0) {
        REQUIRE(std::chrono::steady_clock::now() < deadline);
        std::this_thread::yield();
    }
}

std::vector<Stored> make_store(const std::string& root, Stop stop, int count,
                               std::size_t body_bytes) {
    const SystemClock clock;
    const auto config = fault_config(root);
    MessageStore store(config, clock);
    REQUIRE(store.load());
    REQUIRE(store.start());
    auto stored = put_some(store, 0, count, body_bytes);
    store.shutdown();
    if (stop == Stop::kKilled) {
        REQUIRE(write_file(root + "/abort", "1"));
    }
    return stored;
}

std::set<std::int64_t> pull_all(MessageStore& store) {
    std::set<std::int64_t> numbers;
    for (int queue = 0; queue < kFaultQueues; ++queue) {
        GetMessageRequest request;
        request.topic = "Topic";
        request.queue_id = queue;
        request.offset = store.min_offset("Topic", queue);
        request.cold_reads = GetMessageRequest::ColdReads::kAllow;
        while (request.offset < store.max_offset("Topic", queue)) {
            const auto result = store.get_message(request);
            for (const auto& slice : result.slices) {
                for_each_record(slice.bytes, [&](const MessageRecord& record) {
                    const std::int64_t number = std::strtoll(record.body.data(), nullptr, 10);
                    if (crc32_of(record.body) == record.body_crc &&
                        record.queue_id == number % kFaultQueues) {
                        numbers.insert(number);  // again: a copy that closes a gap
                    }
                });
            }
            REQUIRE(result.next_begin_offset > request.offset);
            request.offset = result.next_begin_offset;
        }
    }
    return numbers;
}

void flip_bit(const std::string& path, std::int64_t at, int bit) {
    const auto bytes = read_file(path);
    REQUIRE(bytes);
    const char old = (*bytes)[static_cast<std::size_t>(at)];
    spoil(path, at, std::string(1, static_cast<char>(old ^ (1 << bit))));
}

}  // namespace rmq::store::testing
