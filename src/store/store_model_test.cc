// SPDX-License-Identifier: Apache-2.0
//
// Random operation sequences on a whole MessageStore, checked against a model of vectors and maps.
// A failure prints RMQ_SEED; run again with that variable set.
#include "common/java_string.h"
#include "common/message/message_record.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "store/message_store.h"
#include "store/testing/living_copy.h"
#include "store/testing/log_fixture.h"
#include "store/testing/memory_log.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace rmq;
using namespace rmq::store;
using rmq::store::testing::encode_properties;
using rmq::store::testing::make_message;
namespace fs = std::filesystem;

namespace {

struct Stored {
    std::string body;
    std::string tag;
    std::string key;
    std::int64_t store_timestamp = 0;
};
using QueueName = std::pair<std::string, std::int32_t>;

std::uint64_t seed_of_run() {
    const char* const given = std::getenv("RMQ_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

class Run {
public:
    explicit Run(std::uint64_t seed) : random_(seed) { open(); }

    void step() {
        switch (pick(20)) {
            case 0:
                restart();
                break;
            case 1:
                crash();
                break;
            case 2:
                delete_topic();
                break;
            case 3:
                clock_.advance_ms(static_cast<std::int64_t>(pick(5000)));
                break;
            case 4:
            case 5:
                check_queue();
                break;
            case 6:
                check_times();
                break;
            case 7:
                check_key();
                break;
            case 8:
                put(2 + pick(4));
                break;
            default:
                put(1);
        }
    }

    void check_all() {
        settle();
        for (const auto& [name, queue] : model_) {
            read_through(name, 0, {});
        }
    }

private:
    std::uint64_t pick(std::uint64_t below) { return random_() % below; }

    QueueName pick_queue() {
        return {"Topic" + std::to_string(pick(3)), static_cast<std::int32_t>(pick(3))};
    }

    void open() {
        config_.store_path_root_dir = root();
        config_.mapped_file_size_commit_log = 16 * 1024;
        config_.mapped_file_size_consume_queue = 20 * 20;
        config_.max_hash_slot_num = 50;
        config_.max_index_num = 400;
        store_ = std::make_unique<MessageStore>(config_, clock_);
        REQUIRE(store_->load());
        REQUIRE(store_->start());
    }
    std::string root() const { return dir_.file("store" + std::to_string(generation_)); }

    void settle() {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (store_->runtime().dispatch_behind_bytes > 0) {
            REQUIRE(std::chrono::steady_clock::now() < deadline);
            std::this_thread::yield();
        }
    }

    void put(std::uint64_t count) { put_to(pick_queue(), count); }

    void put_to(const QueueName& name, std::uint64_t count) {
        std::vector<Stored> messages(count);
        std::vector<std::string> properties;
        std::vector<MessageToPut> batch;
        for (Stored& message : messages) {
            message.body = std::string(pick(600), static_cast<char>('a' + pick(26)));
            message.tag = "Tag" + std::to_string(pick(3));
            message.key = "K" + std::to_string(next_key_++);
            properties.push_back(encode_properties("TAGS " + message.tag) +
                                 encode_properties("KEYS " + message.key));
        }
        for (std::size_t i = 0; i < count; ++i) {
            batch.push_back(make_message(messages[i].body, name.first, properties[i]));
            batch.back().queue_id = name.second;
        }
        const PutMessageResult result = store_->put_messages(batch);
        REQUIRE(result.status == PutMessageStatus::PUT_OK);
        std::vector<Stored>& queue = model_[name];
        CHECK(result.queue_offset.value == static_cast<std::int64_t>(queue.size()));
        for (Stored& message : messages) {
            message.store_timestamp = result.store_timestamp;
            queue.push_back(std::move(message));
        }
    }

    void restart() {
        store_.reset();
        if (pick(4) == 0 && !has_deleted_) {  // queues are rebuilt from the log
            fs::remove_all(root() + "/consumequeue");
        }
        open();
    }

    // What a process killed now leaves behind is opened instead of what shutdown() would leave.
    void crash() {
        if (has_deleted_) {
            return;
        }
        const std::string killed = root();
        ++generation_;
        copy_living_directory(killed, root());
        store_.reset();
        fs::remove_all(killed);
        if (pick(4) == 0) {
            fs::remove_all(root() + "/consumequeue");
            fs::remove(root() + "/checkpoint");
        }
        open();
    }

    void delete_topic() {
        if (pick(10) != 0 || has_deleted_) {
            return;
        }
        settle();
        const std::string topic = pick_queue().first;
        // Recovery goes on from the newest record that any queue has, as in the original: records
        // of a deleted topic behind it would come back.
        put_to({topic == "Topic0" ? "Topic1" : "Topic0", 0}, 1);
        settle();
        store_->delete_topic(topic);
        std::erase_if(model_, [&](const auto& entry) { return entry.first.first == topic; });
        has_deleted_ = true;
    }

    // Reads a queue from `offset` to its end as a consumer does, with a filter when `tag` is given.
    void read_through(const QueueName& name, std::int64_t offset, const std::string& tag) {
        const std::vector<Stored>& queue = model_[name];
        const TagsCodeFilter filter = [code = tags_code(tag)](std::int64_t entry) {
            return entry == code;
        };
        GetMessageRequest request;
        request.topic = name.first;
        request.queue_id = name.second;
        request.max_count = static_cast<std::int32_t>(1 + pick(40));
        request.tags_filter = tag.empty() ? nullptr : &filter;
        std::int64_t expected = offset;
        while (offset < static_cast<std::int64_t>(queue.size())) {
            request.offset = {offset};
            request.cold_reads = GetMessageRequest::ColdReads::kRefuse;
            GetMessageResult result = store_->get_message(request);
            if (result.is_cold) {
                request.cold_reads = GetMessageRequest::ColdReads::kAllow;
                result = store_->get_message(request);
            }
            REQUIRE(result.next_begin_offset.value > offset);
            REQUIRE(result.max_offset.value == static_cast<std::int64_t>(queue.size()));
            for (const MappedSlice& slice : result.slices) {
                for (std::string_view rest = slice.bytes; !rest.empty();) {
                    const auto record = decode_message(rest, VerifyCrc::kYes);
                    REQUIRE(record);
                    while (!tag.empty() && queue[static_cast<std::size_t>(expected)].tag != tag) {
                        ++expected;
                    }
                    REQUIRE(record->queue_offset.value == expected);
                    REQUIRE(record->topic == name.first);
                    REQUIRE(record->queue_id == name.second);
                    REQUIRE(record->body == queue[static_cast<std::size_t>(expected)].body);
                    ++expected;
                    rest.remove_prefix(static_cast<std::size_t>(record->total_size));
                }
            }
            offset = result.next_begin_offset.value;
        }
        request.offset = {offset};
        CHECK(store_->get_message(request).status == (queue.empty()
                                                          ? GetMessageStatus::NO_MATCHED_LOGIC_QUEUE
                                                          : GetMessageStatus::OFFSET_OVERFLOW_ONE));
    }

    void check_queue() {
        settle();
        const QueueName name = pick_queue();
        const auto size = static_cast<std::int64_t>(model_[name].size());
        CHECK(store_->max_offset(name.first, name.second).value == size);
        read_through(name, static_cast<std::int64_t>(pick(static_cast<std::uint64_t>(size) + 1)),
                     pick(2) == 0 ? "" : "Tag" + std::to_string(pick(4)));
    }

    void check_times() {
        settle();
        const QueueName name = pick_queue();
        const std::vector<Stored>& queue = model_[name];
        if (queue.empty()) {
            return;
        }
        const std::int64_t time =
            queue[pick(queue.size())].store_timestamp + static_cast<std::int64_t>(pick(3)) - 1;
        std::int64_t lower = 0;
        std::int64_t upper = -1;
        for (const Stored& message : queue) {
            lower += message.store_timestamp < time ? 1 : 0;
            upper += message.store_timestamp <= time ? 1 : 0;
        }
        const auto search = [&](BoundaryType boundary) {
            return store_->search_offset_by_time(name.first, name.second, time, boundary).value;
        };
        CHECK(search(BoundaryType::LOWER) == lower);
        CHECK(search(BoundaryType::UPPER) == std::max<std::int64_t>(upper, 0));
        const std::size_t any = pick(queue.size());
        CHECK(
            store_->store_timestamp_at(name.first, name.second, {static_cast<std::int64_t>(any)}) ==
            queue[any].store_timestamp);
    }

    void check_key() {
        settle();
        const QueueName name = pick_queue();
        const std::vector<Stored>& queue = model_[name];
        if (queue.empty()) {
            return;
        }
        const Stored& message = queue[pick(queue.size())];
        const QueryMessageResult result =
            store_->query_message(name.first, message.key, 64, 0, INT64_MAX);
        bool is_found = false;
        for (const MappedSlice& slice : result.slices) {
            const auto record = decode_message(slice.bytes);
            REQUIRE(record);
            is_found = is_found || (record->body == message.body && record->topic == name.first);
        }
        CHECK(is_found);
    }

    std::mt19937_64 random_;
    rmq::testing::TempDir dir_;
    ManualClock clock_;
    MessageStoreConfig config_;
    std::unique_ptr<MessageStore> store_;
    std::map<QueueName, std::vector<Stored>> model_;
    int next_key_ = 0;
    int generation_ = 0;
    bool has_deleted_ =
        false;  // from then on scanning the log would bring the topic's records back
};

}  // namespace

TEST_CASE("MessageStore: agrees with a model over random operations, restarts and crashes",
          "[store][model][K-01][K-03][K-06][C-01][C-16][V-06]") {
    const std::uint64_t seed = seed_of_run();
    INFO("RMQ_SEED=" << seed);
    Run run(seed);
    for (int i = 0; i < 600; ++i) {
        run.step();
    }
    run.check_all();
}
