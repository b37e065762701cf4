// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/outer/broker_outer_api.h"
#include "common/clock.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace rmq::broker {

struct BrokerConfig;

// Keeps this broker registered: all topics at start and every registerNameServerPeriod (10 to
// 60 s), changed topics at once.
// Thread safety: on_topics_changed() from any thread and never blocks, wait_for_changed_topics()
// from any that may block; the rest from one thread
// (maintenance, main at start and stop).
// Lifecycle: construct, register_now_and_wait() when the broker serves, run_once() often,
// unregister(). Source: BrokerController.registerBrokerAll.
class NamesrvRegistration {
public:
    // All outlive this object; the RemotingClient behind `outer` is stopped before it goes, as its
    // completions come here.
    struct Collaborators {
        const BrokerConfig& config;
        BrokerOuterApi& outer;
        const Clock& clock;
        BrokerSelf self;
        // The whole topic table with its version; called on the registering thread.
        std::function<TopicConfigSerializeWrapper()> all_topics;
        // Each NameServer's answer: order topics, and for a slave its master. May be empty; runs on
        // an io thread of the client.
        std::function<void(const RegisterAnswer&)> on_answer;
    };
    explicit NamesrvRegistration(Collaborators with);

    // Registers with all NameServers and waits for their answers, at most `wait`. Returns how many
    // accepted.
    int register_now_and_wait(std::chrono::milliseconds wait);

    // When it is time: reads the NameServer list again and registers. Does not wait for answers.
    void run_once();

    // Says that the broker lives. With enableSlaveActingMaster only, as the NameServers are told a
    // much shorter brokerNotActiveTimeoutMillis then. To be called every brokerHeartbeatInterval.
    // Source: BrokerController.scheduleSendHeartbeat
    void send_heartbeat();

    // Registers only these topics.
    void on_topics_changed(const std::vector<TopicConfig>& changed, const DataVersion& version);

    // Waits, at most `wait`, until the NameServers have answered to all topics changed before: who
    // is told that a topic was created finds its route. Not on an io thread.
    void wait_for_changed_topics(std::chrono::milliseconds wait);

    // Takes the broker out of the routes and ends periodic registration. Waits at most `wait`.
    void unregister(std::chrono::milliseconds wait);

private:
    void register_all(BrokerOuterApi::RegisterDone done);
    void register_table(BrokerOuterApi::RegisterDone done);
    void refresh_namesrv_addrs();
    RegisterOptions options() const;
    // Without the bits that brokerPermission takes away.
    TopicConfig masked(TopicConfig config) const;
    BrokerOuterApi::RegisterDone report();

    // Registrations of changed topics under way; completions may come after this object.
    struct UnderWay {
        void begin();
        void end();

        std::mutex mutex;
        std::condition_variable none;
        std::size_t count = 0;  // guarded by mutex
    };

    Collaborators with_;
    const std::shared_ptr<UnderWay> under_way_ = std::make_shared<UnderWay>();
    std::int64_t next_register_ms_;
    std::int64_t next_refresh_ms_ = 0;
    std::atomic<bool> stopped_{false};
    std::atomic<std::uint64_t> changes_{0};  // calls of on_topics_changed()
};

}  // namespace rmq::broker
