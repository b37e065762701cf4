// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "common/result.h"
#include "common/socket_address.h"
#include "common/unique_function.h"
#include "remoting/request_registry.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace rmq {
class Connection;
class RemotingClient;
}  // namespace rmq

namespace rmq::store {
struct MessageArrival;
struct MessageStoreConfig;
}  // namespace rmq::store

namespace rmq::broker {

struct BrokerConfig;
class Admission;
class BrokerOuterApi;
class BrokerStatsManager;
class ConsumerManager;
class ConsumerOffsetManager;
class LiteServices;
class PopStore;
struct PopQueue;
class SubscriptionGroupManager;
class TopicConfigManager;

// What pop needs of a broker; all of it outlives PopServices.
struct PopCollaborators {
    const BrokerConfig& config;
    const store::MessageStoreConfig& store_config;
    const Clock& clock;
    BrokerStatsManager& stats;
    TopicConfigManager& topics;
    SubscriptionGroupManager& groups;
    ConsumerOffsetManager& offsets;
    ConsumerManager& consumers;
    Admission& admission;
    BrokerOuterApi& outer;
    RemotingClient& client;  // stopped before PopServices goes
    SocketAddress store_host;
    std::string config_dir;                                             // <store>/config
    std::function<void(unsigned k, UniqueFunction<void()> task)> post;  // to io thread k
};

// Consumption by pop, put together: its tables, services and processors (400-402, 200050-200055,
// 200151), and those of lite topics.
// Lifecycle: construct, load(), register_in(), start() (thread "revive"), stop().
class PopServices {
public:
    PopServices(const PopCollaborators& collaborators, std::unique_ptr<PopStore> store);
    ~PopServices();
    PopServices(const PopServices&) = delete;
    PopServices& operator=(const PopServices&) = delete;

    // Reads the state files. Errors as ConfigFile::load().
    Status load();
    // This object outlives the registry.
    void register_in(RequestRegistry& registry);
    // Their requests have listeners and queues of their own to be registered with.
    LiteServices& lite();
    // One turn of the thread: check points in memory, and revival. Returns milliseconds until the
    // next one. Not with start().
    std::int64_t run_revive_once();
    void start();
    // Before the store closes. Check points in memory go to the store. Idempotent.
    void stop();

    // From the dispatch thread. Returns whether anybody was woken.
    bool notify_arriving(std::span<const store::MessageArrival> arrivals);
    // One turn of an io thread's timer: ends waits and wakes pops of queues that are free again.
    void tick();
    void on_connection_closed(const Connection& connection);
    // Drops all waiting requests unanswered.
    void drop_all();

    // --- for metrics; any thread ----------------------------------------------------------------
    struct BufferSizes {
        std::size_t check_points = 0;
        std::size_t offsets = 0;
    };
    BufferSizes buffer_sizes() const;
    // Where the next pop of the queue begins: the last one's end, the group's position, or -1.
    std::int64_t next_offset(const PopQueue& queue) const;
    // Popped and neither acknowledged nor revived.
    std::int64_t inflight_count(const PopQueue& queue) const;

    void on_topic_deleted(std::string_view topic);
    void on_group_deleted(std::string_view group);
    // Syncs the state files. May block on the disk.
    Status run_once();

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace rmq::broker
