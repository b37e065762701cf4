// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/pop/pop_poll.h"
#include "common/clock.h"
#include "common/unique_function.h"
#include "store/message_arrival.h"

#include <array>
#include <atomic>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace rmq::broker {

struct BrokerConfig;

// Long polling of pops and notifications. Each waits under its topic, group and queue (-1: any);
// an arrival wakes one of each group's pops for any queue and one for its own queue, which then
// runs again from the start. No wake-up is lost: a request takes the topic's ticket before it looks
// at the queues, and is run again at once if the ticket is void by the time it begins to wait.
// Thread safety: any thread; one mutex. Woken requests are posted to their io threads.
// Source: PopLongPollingService (5.5.0).
class PopLongPollingService {
public:
    struct Collaborators {
        const BrokerConfig& config;
        const Clock& clock;
        // Runs a task on io thread k, later.
        std::function<void(unsigned k, UniqueFunction<void()> task)> post;
        // Executes a request again, on its io thread.
        std::function<void(PopPoll)> execute;
    };
    explicit PopLongPollingService(Collaborators collaborators) : c_(std::move(collaborators)) {}
    ~PopLongPollingService() { drop_all(); }
    PopLongPollingService(const PopLongPollingService&) = delete;
    PopLongPollingService& operator=(const PopLongPollingService&) = delete;

    using Ticket = std::uint64_t;
    Ticket ticket(std::string_view topic) const;

    // kPolling takes `poll` over; the other outcomes leave it alone.
    enum class Result { kPolling, kFull, kTimeout, kNotPolling };
    Result poll(PopPoll& poll, Ticket ticket);

    // Wakes one pop that waits under exactly this key, if any.
    void notify(std::string_view topic, std::string_view group, std::int32_t queue_id);
    // A queue of this group may give messages again: wakes as an arrival there.
    void notify_queue(std::string_view topic, std::string_view group, std::int32_t queue_id);
    // The same for those that wait by now only: no ticket gets void.
    void wake_queue(std::string_view topic, std::string_view group, std::int32_t queue_id);
    // From the dispatch thread. Returns whether anybody was woken.
    bool notify_arriving(std::span<const store::MessageArrival> arrivals);
    // Wakes those whose time is up, to be answered.
    void run_once();
    // Drops the requests of a connection unanswered.
    void on_connection_closed(const Connection& connection);
    void drop_all();

    // How many pops wait under exactly this key. Source: PollingInfoProcessor.
    std::int32_t polling_count(std::string_view topic, std::string_view group,
                               std::int32_t queue_id) const;

private:
    struct Key {
        std::string group;
        std::int32_t queue_id = 0;
        PopPoll::Kind kind = PopPoll::Kind::kPop;
        friend auto operator<=>(const Key&, const Key&) = default;
    };
    using Queue = std::multimap<std::int64_t, PopPoll>;  // by the end of its wait
    using Keys = std::map<Key, Queue>;                   // Invariant: no empty queues
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view topic) const {
            return std::hash<std::string_view>{}(topic);
        }
    };
    struct Arrival {
        std::string_view topic{};
        std::string_view group{};  // empty: of every group
        std::int32_t queue_id = 0;
        std::int64_t tags_code = 0;
        std::string_view properties{};
        bool ignores_filter = false;
    };
    static constexpr std::size_t kSlots = 4096;

    std::atomic<std::uint64_t>& slot(std::string_view topic);
    static bool matches(const PopPoll& poll, const Arrival& arrival);
    Arrival arrival_of(const store::MessageArrival& arrival) const;
    // These with mutex_ held.
    void take_arrived(const Arrival& arrival, std::vector<PopPoll>& woken);
    Keys::iterator take(Keys& keys, Keys::iterator key, Queue::iterator one,
                        std::vector<PopPoll>& woken);
    template <class Wanted>
    void take_if(Wanted wanted, std::vector<PopPoll>& woken);

    void wake(std::vector<PopPoll> woken);

    const Collaborators c_;
    // Counts arrivals of the topics that hash here.
    std::array<std::atomic<std::uint64_t>, kSlots> slots_{};
    std::atomic<std::int64_t> size_{0};
    mutable std::mutex mutex_;
    std::unordered_map<std::string, Keys, Hash, std::equal_to<>> topics_;  // guarded by mutex_
    std::unordered_map<std::uint64_t, std::size_t> by_connection_;         // guarded by mutex_
    std::int64_t next_end_ms_ = INT64_MAX;  // no wait ends before; guarded by mutex_
};

}  // namespace rmq::broker
