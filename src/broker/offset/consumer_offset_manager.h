// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/config_file.h"
#include "common/clock.h"
#include "common/offsets.h"
#include "common/result.h"
#include "remoting/protocol/body/data_version.h"

#include <nlohmann/json_fwd.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

namespace rmq::broker {

struct BrokerConfig;

// One queue as a consumer group sees it.
struct GroupQueue {
    std::string_view group;
    std::string_view topic;
    std::int32_t queue_id = 0;
};

// How far each group has consumed each queue: config/consumerOffset.json, with the positions of the
// last pulls (not persisted by versions before 5.5) and the pending server-side resets (never
// persisted). Offsets are the next message to consume.
// Thread safety: every member from any thread; the tables are cut into shards by topic and group,
// each with its own mutex, so that commits of many groups do not meet.
// Durability: what was committed is written by the next run_once() (flushConsumerOffsetInterval,
// 5 s) and by the last one at shutdown; a crash loses up to that much, and messages are delivered
// again. Source: ConsumerOffsetManager (5.5.0).
class ConsumerOffsetManager {
public:
    using Offsets = std::map<std::int32_t, std::int64_t>;  // by queueId

    // `path` is <store>/config/consumerOffset.json. `config` and `clock` outlive the manager.
    ConsumerOffsetManager(const BrokerConfig& config, std::string path, const Clock& clock);
    ~ConsumerOffsetManager();
    ConsumerOffsetManager(const ConsumerOffsetManager&) = delete;
    ConsumerOffsetManager& operator=(const ConsumerOffsetManager&) = delete;

    // The file then also has `lmqOffsetTable`, one number for each topic and group with %LMQ% (of
    // queue 0, the only one); enableLmq, whose file is lmqConsumerOffset.json. Before load().
    // Source: LmqConsumerOffsetManager.
    void enable_light_queues() { has_light_queues_ = true; }
    // Errors as TopicConfigManager::load().
    Status load();
    // After a crash, before threads start: a position behind its queue's end goes back to the end.
    // The messages in between went with the unsynced end of the log, and those that take their
    // offsets must not be passed over; the original leaves that to consumers that are running.
    // `max_offset` tells a queue's end. Returns how many positions went back.
    std::size_t cut_to_ends(const std::function<std::int64_t(std::string_view topic,
                                                             std::int32_t queue_id)>& max_offset);

    // --- every pull and commit ------------------------------------------------------------------
    // Stores a position; moving backwards is allowed and logged.
    void commit(const GroupQueue& queue, std::int64_t offset);
    // Remembers where the last pull read; for ConsumeStats only.
    void commit_pull(const GroupQueue& queue, std::int64_t offset);
    // The pending reset when useServerSideResetOffset, else the committed offset, else -1.
    std::int64_t query(const GroupQueue& queue) const;
    // The last pull's position, or query().
    std::int64_t query_pull(const GroupQueue& queue) const;

    // --- server-side reset (useServerSideResetOffset) -------------------------------------------
    // Sets the committed offset and leaves it to be handed to the next pull of that queue, which
    // answers PULL_OFFSET_MOVED with it. Negative numbers are ignored.
    void assign_reset(const GroupQueue& queue, std::int64_t offset);
    // While true, commits by code 15 are answered SUCCESS without effect.
    bool has_reset(const GroupQueue& queue) const;
    // The pending reset, which is then forgotten; called once per pull.
    std::optional<std::int64_t> take_reset(const GroupQueue& queue);

    // --- administration -------------------------------------------------------------------------
    // All queues of a topic and group; nothing when the group never committed there.
    std::optional<Offsets> offsets_of(std::string_view group, std::string_view topic) const;
    // Topics and groups with a position. Source: getOffsetTable.
    std::size_t size() const;
    std::set<std::string> topics_of_group(std::string_view group) const;
    std::set<std::string> groups_of_topic(std::string_view topic) const;
    void remove_group(std::string_view group);
    void remove_topic(std::string_view topic);
    void clear_pull(std::string_view group, std::string_view topic);
    void clone(std::string_view from_group, std::string_view to_group, std::string_view topic);
    // Removes positions that `is_obsolete` says so; returns how many.
    // Source: scanUnsubscribedTopic.
    std::size_t remove_if(const std::function<bool(std::string_view topic, std::string_view group,
                                                   const Offsets&)>& is_obsolete);

    DataVersion data_version() const;
    // ConsumerOffsetSerializeWrapper with quoted queue ids.
    nlohmann::json serialize() const;

    // Writes the file when anything was committed since the last turn. May block on the disk.
    Status run_once();

private:
    struct Entry {
        std::optional<Offsets> committed;
        Offsets pulled;
        Offsets reset;
    };
    // Lets look-ups use the key's view.
    struct KeyHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view key) const {
            return std::hash<std::string_view>{}(key);
        }
    };
    struct Shard {
        mutable std::mutex mutex;
        // By "topic@group"; guarded by mutex.
        std::unordered_map<std::string, Entry, KeyHash, std::equal_to<>> entries;
    };
    static constexpr std::size_t kShards = 16;

    Shard& shard_of(std::string_view key) const;
    void count_change();
    std::string encode() const;
    void load_light_queues(const nlohmann::json& table);
    template <class Predicate>
    std::size_t erase_entries(Predicate&& is_unwanted);

    const BrokerConfig& config_;
    const Clock& clock_;
    bool has_light_queues_ = false;
    mutable std::array<Shard, kShards> shards_;
    std::atomic<std::int64_t> changes_{0};
    std::atomic<bool> is_dirty_{false};
    mutable std::mutex version_mutex_;
    DataVersion version_;        // guarded by version_mutex_
    std::string other_members_;  // uninterpreted members of the file; set by load()
    ConfigFile file_;
};

}  // namespace rmq::broker
