// SPDX-License-Identifier: Apache-2.0
// What an acknowledgement survives: the death of the process at any instruction, and the loss of
// every page that was not synced.
#include "common/message/message_record.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"
#include "store/dispatcher.h"
#include "store/index_service.h"
#include "store/message_store.h"
#include "store/message_store_config.h"
#include "store/testing/log_fixture.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

using namespace rmq;
using namespace rmq::store;
using namespace rmq::store::testing;
using rmq::testing::TempDir;

namespace {

constexpr std::int32_t kFileSize = 256 * 1024;
constexpr int kQueues = 3;

std::optional<std::uint64_t> seed_from_environment() {
    const char* text = std::getenv("RMQ_SEED");
    return text != nullptr ? std::optional(std::strtoull(text, nullptr, 10)) : std::nullopt;
}

MessageStoreConfig make_config(const std::string& root) {
    MessageStoreConfig config;
    config.store_path_root_dir = root;
    config.mapped_file_size_commit_log = kFileSize;
    config.mapped_file_size_consume_queue = 100 * 20;
    config.max_hash_slot_num = 100;
    config.max_index_num = 1000;
    return config;
}

// The body of message `number`: recognisable, of a length that makes records straddle pages.
std::string body_of(std::int64_t number) {
    return std::to_string(number) + ":" +
           std::string(static_cast<std::size_t>(number * 7919 % 6000),
                       static_cast<char>('a' + number % 26));
}

std::string properties_of(std::int64_t number) {
    return "KEYS\001k" + std::to_string(number) + "\002PAD\001" +
           std::string(static_cast<std::size_t>(number * 104'729 % 3000), 'p') + "\002";
}

// An acknowledgement as the child writes it to the pipe.
struct Ack {
    std::int64_t number;
    std::int64_t physical_offset;
    std::int64_t queue_offset;
};

// Appends from `first` on until it is killed.
[[noreturn]] void append_for_ever(const std::string& root, std::int64_t first, int acks) {
    const SystemClock clock;
    const auto config = make_config(root);
    MessageStore store(config, clock);
    if (!store.load() || !store.start()) {
        ::_exit(1);
    }
    for (std::int64_t number = first;; ++number) {
        const std::string body = body_of(number);
        const std::string properties = properties_of(number);
        MessageToPut message = make_message(body, "Topic", properties);
        message.queue_id = static_cast<std::int32_t>(number % kQueues);
        const auto result = store.put_message(message);
        if (result.status != PutMessageStatus::PUT_OK) {
            ::_exit(2);
        }
        const Ack ack{number, result.physical_offset.value, result.queue_offset.value};
        if (::write(acks, &ack, sizeof ack) != sizeof ack) {
            ::_exit(3);
        }
    }
}

// Runs such a child until it has given `count` acknowledgements, kills it, and returns all that
// it gave.
std::vector<Ack> kill_after(const std::string& root, std::int64_t first, std::size_t count) {
    int pipe[2] = {-1, -1};
    REQUIRE(::pipe(pipe) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(pipe[0]);
        append_for_ever(root, first, pipe[1]);
    }
    ::close(pipe[1]);
    std::vector<Ack> acks;
    Ack ack{};
    while (::read(pipe[0], &ack, sizeof ack) == sizeof ack) {
        acks.push_back(ack);
        if (acks.size() == count) {
            ::kill(child, SIGKILL);
        }
    }
    ::close(pipe[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));
    return acks;
}

// Every record of the queue in order, through the pull path.
std::vector<MessageRecord> read_queue(MessageStore& store, std::int32_t queue_id,
                                      std::vector<MappedSlice>& keep) {
    std::vector<MessageRecord> records;
    GetMessageRequest request;
    request.topic = "Topic";
    request.queue_id = queue_id;
    request.cold_reads = GetMessageRequest::ColdReads::kAllow;
    for (;;) {
        auto result = store.get_message(request);
        if (result.status != GetMessageStatus::FOUND) {
            return records;
        }
        for (auto& slice : result.slices) {
            for (std::size_t at = 0; at < slice.bytes.size();) {
                const auto record = decode_message(slice.bytes.substr(at), VerifyCrc::kYes);
                REQUIRE(record);
                records.push_back(*record);
                at += static_cast<std::size_t>(record->total_size);
            }
            keep.push_back(std::move(slice));
        }
        request.offset = result.next_begin_offset;
    }
}

// No record is torn, the queues agree with the log and have no gap, numbers rise in each queue.
// Returns the message numbers found, by queue.
std::map<int, std::vector<std::int64_t>> check_store(MessageStore& store) {
    std::map<int, std::vector<std::int64_t>> found;
    for (int queue = 0; queue < kQueues; ++queue) {
        std::vector<MappedSlice> keep;
        const auto records = read_queue(store, queue, keep);
        CHECK(store.max_offset("Topic", queue).value == static_cast<std::int64_t>(records.size()));
        for (std::size_t i = 0; i < records.size(); ++i) {
            const std::int64_t number = std::strtoll(records[i].body.data(), nullptr, 10);
            REQUIRE(records[i].queue_offset == QueueOffset{static_cast<std::int64_t>(i)});
            REQUIRE(records[i].body == body_of(number));
            REQUIRE(records[i].properties == properties_of(number));
            REQUIRE((found[queue].empty() || found[queue].back() < number));
            found[queue].push_back(number);
        }
    }
    return found;
}

bool contains(const std::map<int, std::vector<std::int64_t>>& found, std::int64_t number) {
    const auto queue = found.find(static_cast<int>(number % kQueues));
    return queue != found.end() &&
           std::binary_search(queue->second.begin(), queue->second.end(), number);
}

// The disk below the consume queues: what a power loss spares is what was there when they were last
// forced. Files made since then are zeros.
class QueueDisk {
public:
    explicit QueueDisk(std::string root) : root_(std::move(root)) {}

    void synced() {
        synced_.clear();
        for_each_file([&](const std::string& path) { synced_[path] = *read_file(path); });
    }
    // Each page goes back to what it was then, as the coin falls.
    void lose_pages(std::mt19937_64& random) {
        for_each_file([&](const std::string& path) {
            std::string bytes = *read_file(path);
            std::string& old = synced_[path];
            old.resize(bytes.size());
            for (std::size_t at = 0; at < bytes.size(); at += kPageBytes) {
                const std::size_t size = std::min<std::size_t>(kPageBytes, bytes.size() - at);
                if (random() % 2 == 0) {
                    bytes.replace(at, size, old, at, size);
                }
            }
            REQUIRE(write_file(path, bytes));
        });
    }

private:
    template <class Visit>
    void for_each_file(Visit&& visit) {
        for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
            if (entry.is_regular_file()) {
                visit(entry.path().string());
            }
        }
    }

    const std::string root_;
    std::map<std::string, std::string> synced_;
};

}  // namespace

TEST_CASE("crash: kill -9 loses nothing that was acknowledged", "[store][crash][K-03]") {
    constexpr int kRounds = 10;
    const std::uint64_t seed = seed_from_environment().value_or(std::random_device{}());
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const TempDir dir;
    std::vector<Ack> acknowledged;
    std::int64_t next = 0;
    for (int round = 0; round < kRounds; ++round) {
        const auto acks = kill_after(dir.path(), next, 1 + random() % 600);
        acknowledged.insert(acknowledged.end(), acks.begin(), acks.end());
        next = acks.back().number + 2;  // one more may have been appended, not acknowledged

        const SystemClock clock;
        const auto config = make_config(dir.path());
        MessageStore store(config, clock);
        REQUIRE(store.load());
        const auto found = check_store(store);
        for (const Ack& ack : acknowledged) {
            REQUIRE(contains(found, ack.number));
            const auto slice = store.record_at({ack.physical_offset});
            REQUIRE(slice);
            REQUIRE(decode_message(slice->bytes)->queue_offset == QueueOffset{ack.queue_offset});
        }
        // Half of the rounds go on from a clean stop, half from another crash.
        if (round % 2 == 1) {
            REQUIRE(store.start());
        }
        store.shutdown();
        if (round % 2 == 0) {
            REQUIRE(write_file(dir.file("abort"), "1"));
        }
    }
}

TEST_CASE("crash: a power loss spares what was acknowledged after a sync",
          "[store][crash][K-02][K-03]") {
    constexpr int kRounds = 20;
    const std::uint64_t seed = seed_from_environment().value_or(std::random_device{}());
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const TempDir dir;
    FaultyFileOps disk;
    QueueDisk queue_disk(dir.path() + "/consumequeue");
    std::filesystem::create_directories(dir.path() + "/consumequeue");
    std::vector<std::int64_t> acknowledged;
    std::int64_t number = 0;
    for (int round = 0; round < kRounds; ++round) {
        CAPTURE(round);
        const ManualClock clock(1'700'000'000'000 + round * 1000);
        auto config = make_config(dir.path());
        {
            LogFixture f(dir.path(), FlushDiskType::SYNC_FLUSH, kFileSize, disk);
            REQUIRE(f.recover());
            REQUIRE(f.queues.load());
            REQUIRE(f.queues.recover({}));
            Dispatcher dispatcher({}, f.log, f.queues, nullptr);
            dispatcher.set_position(f.log.max_offset());
            for (std::uint64_t i = random() % 150; i > 0; --i, ++number) {
                const std::string body = body_of(number);
                const std::string properties = properties_of(number);
                MessageToPut message = make_message(body, "Topic", properties);
                message.queue_id = static_cast<std::int32_t>(number % kQueues);
                const auto result = f.log.append({&message, 1});
                REQUIRE(result.status == PutMessageStatus::PUT_OK);
                f.flush.when_flushed(result.end, [&, number](PutMessageStatus status) {
                    if (status == PutMessageStatus::PUT_OK) {
                        acknowledged.push_back(number);
                    }
                });
                if (random() % 8 == 0) {
                    f.flush.run_once();
                }
                if (random() % 4 == 0) {
                    dispatcher.run_once();
                }
            }
            REQUIRE(f.checkpoint.flush());
        }
        REQUIRE(write_file(dir.file("abort"), "1"));
        disk.lose_pages(random);
        queue_disk.lose_pages(random);

        MessageStore store(config, clock, disk);
        REQUIRE(store.load());
        queue_disk.synced();
        const auto found = check_store(store);
        for (const std::int64_t wanted : acknowledged) {
            CAPTURE(wanted);
            REQUIRE(contains(found, wanted));
        }
    }
}
