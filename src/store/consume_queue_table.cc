// SPDX-License-Identifier: Apache-2.0
#include "store/consume_queue_table.h"

#include "common/light_queue.h"
#include "common/log.h"
#include "common/parse_number.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include <fcntl.h>

namespace rmq::store {

namespace {

constexpr std::size_t kSyncedOneByOne = 64;

std::uint64_t hash_of(std::string_view topic, std::int32_t queue_id) {
    constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15ULL;
    const std::uint64_t mixed =
        std::hash<std::string_view>()(topic) ^
        (static_cast<std::uint64_t>(static_cast<std::uint32_t>(queue_id)) * kGolden);
    return mixed * kGolden;
}

// Queues of these topics are never cleaned up. Source: TopicValidator.isSystemTopic (5.5.0).
bool is_system_topic(std::string_view topic) {
    constexpr std::array<std::string_view, 11> kNames{"TBW102",
                                                      "SCHEDULE_TOPIC_XXXX",
                                                      "BenchmarkTest",
                                                      "SELF_TEST_TOPIC",
                                                      "RMQ_SYS_TRANS_HALF_TOPIC",
                                                      "RMQ_SYS_TRACE_TOPIC",
                                                      "OFFSET_MOVED_EVENT",
                                                      "RMQ_SYS_TRANS_OP_HALF_TOPIC",
                                                      "TRANS_CHECK_MAX_TIME_TOPIC",
                                                      "RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC",
                                                      "RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC"};
    return topic.starts_with("rmq_sys_") ||
           std::find(kNames.begin(), kNames.end(), topic) != kNames.end();
}

std::int32_t parse_queue_id(const std::string& name) {
    return parse_number<std::int32_t>(name).value_or(-1);
}

}  // namespace

// Open addressing. Readers probe without a lock: a slot's hash is written before its pointer, and
// slots never change again. A full index is replaced by a larger copy; the old one stays for
// readers that still probe it.
struct ConsumeQueueTable::Index {
    struct Slot {
        std::uint64_t hash = 0;
        std::atomic<ConsumeQueue*> queue{nullptr};
    };

    explicit Index(std::size_t capacity) : mask(capacity - 1), slots(capacity) {}

    void insert(ConsumeQueue& queue, std::uint64_t hash) {
        std::size_t at = hash >> 32 & mask;
        while (slots[at].queue.load(std::memory_order_relaxed) != nullptr) {
            at = (at + 1) & mask;
        }
        slots[at].hash = hash;
        slots[at].queue.store(&queue, std::memory_order_release);
        ++used;
    }

    const std::size_t mask;
    std::size_t used = 0;  // the writer's
    std::vector<Slot> slots;
};

ConsumeQueueTable::ConsumeQueueTable(ConsumeQueueOptions options) : options_(std::move(options)) {
    options_.light_queue_count = &light_queue_count_;
    constexpr std::size_t kFirstCapacity = 256;
    indexes_.push_back(std::make_unique<Index>(kFirstCapacity));
    index_.store(indexes_.back().get(), std::memory_order_release);
}

ConsumeQueueTable::~ConsumeQueueTable() = default;

// --- load and recovery ---------------------------------------------------------------------------

void ConsumeQueueTable::set_batch_topics(
    std::function<bool(std::string_view topic)> is_batch_topic) {
    options_.is_batch_topic = std::move(is_batch_topic);
}

Status ConsumeQueueTable::load() {
    RMQ_CHECK(load(options_.root, QueueType::kSimple));
    return options_.batch_root.empty() ? Status() : load(options_.batch_root, QueueType::kBatch);
}

Status ConsumeQueueTable::load(const std::string& root, QueueType type) {
    namespace fs = std::filesystem;
    std::error_code error;
    if (!fs::exists(root, error)) {
        return {};
    }
    for (fs::directory_iterator topic(root, error), end; !error && topic != end;
         topic.increment(error)) {
        if (!topic->is_directory()) {
            continue;
        }
        for (fs::directory_iterator it(topic->path(), error); !error && it != end;
             it.increment(error)) {
            const std::int32_t queue_id = parse_queue_id(it->path().filename().string());
            if (queue_id < 0 || !it->is_directory()) {
                continue;
            }
            if (const Status status = queue(topic->path().filename().string(), queue_id).load(type);
                !status) {
                return status;
            }
        }
    }
    if (error) {
        return Error{Errc::kIo, "cannot list " + root + ": " + error.message()};
    }
    return {};
}

Result<ConsumeQueueTable::Recovered> ConsumeQueueTable::recover(const ConsumeQueue::LogBounds& log,
                                                                PhysicalOffset torn_from) {
    Recovered result;
    for (const auto& queue : queues_) {
        if (const Status status = queue->recover(log); !status) {
            return status.error();
        }
        const PhysicalOffset end = queue->max_physical_offset();
        result.end = std::max(result.end, end);
        if (queue->damage() == UnitFiles::Damage::kNone) {
            continue;
        }
        const PhysicalOffset least =
            queue->damage() == UnitFiles::Damage::kTorn ? torn_from : PhysicalOffset{0};
        const PhysicalOffset from = std::max(end, least);
        result.rebuild_from =
            result.rebuild_from.value < 0 ? from : std::min(result.rebuild_from, from);
    }
    return result;
}

PhysicalOffset ConsumeQueueTable::lacks(const MessageRecord& record) const {
    const std::int32_t type = record.sys_flag & sys_flag::kTransactionMask;
    if (type != sys_flag::kTransactionNot && type != sys_flag::kTransactionCommit) {
        return {-1};
    }
    const ConsumeQueue* const queue = find(record.topic, record.queue_id);
    return queue == nullptr || record.queue_offset < queue->max_offset() ||
                   record.physical_offset < queue->max_physical_offset()
               ? PhysicalOffset{-1}
               : std::max(queue->max_physical_offset(), PhysicalOffset{0});
}

Status ConsumeQueueTable::truncate(PhysicalOffset end) {
    for (const auto& queue : queues_) {
        if (const Status status = queue->truncate(end); !status) {
            return status;
        }
    }
    return {};
}

void ConsumeQueueTable::assign_next_offsets(PhysicalOffset commit_log_min) {
    for (const auto& queue : queues_) {
        queue->finish_recovery(commit_log_min);
    }
}

void ConsumeQueueTable::destroy_all() {
    for (const auto& queue : queues_) {
        queue->destroy();
    }
}

// --- lookup --------------------------------------------------------------------------------------

ConsumeQueue* ConsumeQueueTable::lookup(std::string_view topic, std::int32_t queue_id,
                                        std::uint64_t hash) const {
    const Index& index = *index_.load(std::memory_order_acquire);
    for (std::size_t at = hash >> 32 & index.mask;; at = (at + 1) & index.mask) {
        const Index::Slot& slot = index.slots[at];
        ConsumeQueue* const queue = slot.queue.load(std::memory_order_acquire);
        if (queue == nullptr ||
            (slot.hash == hash && queue->queue_id() == queue_id && queue->topic() == topic)) {
            return queue;
        }
    }
}

ConsumeQueue* ConsumeQueueTable::find(std::string_view topic, std::int32_t queue_id) const {
    ConsumeQueue* const queue = lookup(topic, queue_id, hash_of(topic, queue_id));
    return queue != nullptr && queue->exists() ? queue : nullptr;
}

ConsumeQueue& ConsumeQueueTable::queue(std::string_view topic, std::int32_t queue_id) {
    const std::uint64_t hash = hash_of(topic, queue_id);
    if (ConsumeQueue* const known = lookup(topic, queue_id, hash)) {
        return *known;
    }
    std::lock_guard lock(mutex_);
    if (ConsumeQueue* const known = lookup(topic, queue_id, hash)) {
        return *known;
    }
    queues_.push_back(std::make_unique<ConsumeQueue>(options_, topic, queue_id));
    insert(*queues_.back(), hash);
    return *queues_.back();
}

void ConsumeQueueTable::insert(ConsumeQueue& queue, std::uint64_t hash) {
    Index& index = *indexes_.back();
    if ((index.used + 1) * 2 <= index.slots.size()) {
        index.insert(queue, hash);
        return;
    }
    auto larger = std::make_unique<Index>(index.slots.size() * 2);
    for (const auto& known : queues_) {
        larger->insert(*known, hash_of(known->topic(), known->queue_id()));
    }
    indexes_.push_back(std::move(larger));
    index_.store(indexes_.back().get(), std::memory_order_release);
}

void ConsumeQueueTable::for_each(const std::function<void(ConsumeQueue&)>& visit) const {
    std::vector<ConsumeQueue*> queues;
    {
        std::lock_guard lock(mutex_);
        queues.reserve(queues_.size());
        for (const auto& queue : queues_) {
            if (queue->exists()) {
                queues.push_back(queue.get());
            }
        }
    }
    for (ConsumeQueue* const queue : queues) {
        visit(*queue);
    }
}

// --- maintenance ---------------------------------------------------------------------------------

Status ConsumeQueueTable::flush(int least_pages) {
    for (const std::string& root : {options_.root, options_.batch_root}) {
        if (!directories_.contains(root) && std::filesystem::exists(root)) {
            directories_.try_emplace(root,
                                     ::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        }
    }
    std::vector<std::pair<ConsumeQueue*, UnitFiles::Dirty>> unsynced;
    for_each([&](ConsumeQueue& queue) {
        if (auto dirty = queue.dirty(least_pages); !dirty.parts.empty()) {
            unsynced.emplace_back(&queue, std::move(dirty));
        }
    });
    const bool are_many = unsynced.size() > kSyncedOneByOne;
    Status result = are_many ? sync_file_systems() : Status{};
    for (auto& [queue, dirty] : unsynced) {
        const Status status = are_many ? result : UnitFiles::sync(dirty);
        if (status) {
            queue->flushed(dirty);
        } else if (result) {
            result = status;
        }
    }
    return result;
}

Status ConsumeQueueTable::sync_file_systems() {
    for (const auto& [root, directory] : directories_) {
        if (!directory) {
            return Error{Errc::kIo, "cannot open " + root + " to sync it"};
        }
        RMQ_CHECK(sync_file_system(directory, root));
    }
    return {};
}

int ConsumeQueueTable::delete_expired_files(PhysicalOffset commit_log_min) {
    int deleted = 0;
    for_each([&](ConsumeQueue& queue) { deleted += queue.delete_expired_files(commit_log_min); });
    return deleted;
}

void ConsumeQueueTable::delete_topic(std::string_view topic) {
    std::vector<ConsumeQueue*> queues;
    {
        std::lock_guard lock(mutex_);
        for (const auto& queue : queues_) {
            if (queue->topic() == topic) {
                queues.push_back(queue.get());
            }
        }
    }
    for (ConsumeQueue* const queue : queues) {
        queue->destroy();
    }
    if (!queues.empty()) {
        std::error_code ignored;  // what is left is an empty directory, which a load skips
        std::filesystem::remove_all(options_.root + "/" + std::string(topic), ignored);
        if (!options_.batch_root.empty()) {
            std::filesystem::remove_all(options_.batch_root + "/" + std::string(topic), ignored);
        }
    }
}

int ConsumeQueueTable::clean_unused(const std::set<std::string, std::less<>>& retained) {
    std::set<std::string> unused;
    for_each([&](ConsumeQueue& queue) {
        if (!retained.contains(queue.topic()) && !is_system_topic(queue.topic()) &&
            !is_light_queue(queue.topic())) {
            unused.insert(queue.topic());
        }
    });
    for (const std::string& topic : unused) {
        delete_topic(topic);
    }
    return static_cast<int>(unused.size());
}

int ConsumeQueueTable::clean_expired(PhysicalOffset commit_log_min) {
    int cleaned = 0;
    for_each([&](ConsumeQueue& queue) {
        const PhysicalOffset end = queue.max_physical_offset();
        if (!is_system_topic(queue.topic()) && end.value >= 0 && end < commit_log_min) {
            log_of("store").info("consume_queue_expired topic={} queue_id={} end={} log_min={}",
                                 queue.topic(), queue.queue_id(), end.value, commit_log_min.value);
            queue.destroy();
            ++cleaned;
        }
    });
    return cleaned;
}

}  // namespace rmq::store
