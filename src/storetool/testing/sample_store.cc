// SPDX-License-Identifier: Apache-2.0
#include "storetool/testing/sample_store.h"

#include "common/clock.h"
#include "common/message/message_properties.h"
#include "common/message/message_record.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "store/message_store.h"
#include "store/message_store_config.h"

namespace rmq::storetool::testing {

namespace {

constexpr int kQueues = 2;

}  // namespace

store::MessageStoreConfig config_of(const std::string& root) {
    store::MessageStoreConfig config;
    config.store_path_root_dir = root;
    config.mapped_file_size_commit_log = SampleStore::kFileSize;
    config.mapped_file_size_consume_queue = 100 * 20;
    config.max_hash_slot_num = 100;
    config.max_index_num = 400;
    return config;
}

SampleStore::SampleStore(const std::string& root, int messages) {
    const SystemClock clock;
    const auto config = config_of(root);
    store::MessageStore store(config, clock);
    REQUIRE(store.load());
    REQUIRE(store.start());
    for (int i = 0; i < messages; ++i) {
        const std::string body = "body " + std::to_string(i);
        std::string properties;
        append_property(properties, property::kKeys, "key" + std::to_string(i));
        append_property(properties, property::kTags, i % 3 == 0 ? "third" : "other");
        store::MessageToPut message;
        message.topic = "Topic";
        message.queue_id = i % kQueues;
        message.body = body;
        message.properties = properties;
        message.born_timestamp = clock.now_ms();
        const auto result = store.put_message(message);
        REQUIRE(result.status == store::PutMessageStatus::PUT_OK);
        positions.push_back(result.physical_offset.value);
    }
    store.shutdown();
    REQUIRE(create_directories(root + "/config"));
    for (const char* name : {"/config/topics.json", "/config/topics.json.bak"}) {
        REQUIRE(write_file(root + name, R"({"topicConfigTable":{"Topic":{"topicName":"Topic"}}})"));
    }
    REQUIRE(write_file(root + "/config/consumerOffset.json",
                       R"({"offsetTable":{"Topic@g":{0:1,1:2}}})"));
}

std::vector<std::string> delivered(const std::string& root) {
    const SystemClock clock;
    const auto config = config_of(root);
    store::MessageStore store(config, clock);
    REQUIRE(store.load());
    std::vector<std::string> bodies;
    for (std::int32_t queue = 0; queue < kQueues; ++queue) {
        const auto end = store.max_offset("Topic", queue);
        for (auto at = store.min_offset("Topic", queue); at < end; at = at + 1) {
            const auto entry = store.queue_entry("Topic", queue, at);
            REQUIRE(entry);
            const auto slice = store.record_at(entry->physical_offset);
            if (!slice) {
                continue;
            }
            const auto record = decode_message(slice->bytes, VerifyCrc::kYes);
            REQUIRE(record);
            if (record->queue_offset != at) {
                continue;  // a copy that closes a gap; clients leave it out too
            }
            bodies.emplace_back(record->body);
        }
    }
    return bodies;
}

}  // namespace rmq::storetool::testing
