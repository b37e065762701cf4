// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/config_value.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace rmq {
class Connection;
}  // namespace rmq

namespace rmq::broker {

// Slows producers, and at last refuses sends, by how long requests wait before they are served.
//
// A request waits while its io thread is busy with others; each thread measures that by a timer: as
// late as the timer is, a request that came when it was due has waited. One long wait is a burst or
// a hiccup of the disk. When even the shortest wait of a window is long, more comes in than is
// served: then every connection that sends is not read for as long as requests wait, all of them
// alike, so that TCP slows their senders evenly. Only when that has been done for a while and
// requests of a thread still wait longer than waitTimeMillsInSendQueue are its sends refused, in
// the original's words, on which clients try another broker; with brokerFastFailureEnable off,
// never.
// Thread safety: tick() and admit() on io thread k; the others on any.
// Source: BrokerFastFailure for the code, the words and the limit.
class SendFlowControl {
public:
    static constexpr std::int64_t kTickMs = 50;
    static constexpr std::size_t kWindow = 8;  // ticks
    static constexpr std::int64_t kPauseMaxMs = 200;
    static constexpr std::int64_t kSlowFirstMs = 1000;  // before any send is refused

    struct Options {
        const Live<std::int64_t>& max_wait_ms;  // waitTimeMillsInSendQueue
        const Live<bool>& fast_failure_enable;
    };

    // What `options` refers to outlives it.
    SendFlowControl(unsigned io_threads, Options options);
    SendFlowControl(const SendFlowControl&) = delete;
    SendFlowControl& operator=(const SendFlowControl&) = delete;

    // Every kTickMs on io thread k. `now_ms` is Clock::monotonic_ms.
    void tick(unsigned k, std::int64_t now_ms);
    // Before a send of `connection` is served: slows its producer when that is due. Gives the
    // remark of SYSTEM_BUSY when the send is to be refused. Costs one atomic read while nothing is
    // overloaded.
    std::optional<std::string> admit(Connection& connection);

    // How long the requests of the slowest io thread wait at least, now.
    std::int64_t wait_ms() const { return wait_ms_.load(std::memory_order_relaxed); }
    // Times that a connection was not read for a while, and sends refused, since the start.
    std::int64_t pauses() const { return pauses_.load(std::memory_order_relaxed); }
    std::int64_t refusals() const { return refusals_.load(std::memory_order_relaxed); }
    // The wait at the head of the send queue, which the original shows as
    // sendThreadPoolQueueHeadWaitTimeMills, and once there were any, the two counts.
    void add_runtime_info(std::map<std::string, std::string, std::less<>>& table) const;

private:
    struct Lane {
        // Of the io thread.
        std::int64_t due_ms = 0;
        std::size_t next = 0;
        std::vector<std::int64_t> waits = std::vector<std::int64_t>(kWindow, 0);
        // Shortest wait of the window; written by the io thread, read by all.
        std::atomic<std::int64_t> wait_ms{0};
    };

    const Options options_;
    std::vector<std::unique_ptr<Lane>> lanes_;
    std::atomic<std::int64_t> wait_ms_{0};   // the longest of all lanes
    std::atomic<std::int64_t> pause_ms_{0};  // 0: nobody is slowed
    std::atomic<std::int64_t> slowed_since_ms_{0};
    std::atomic<bool> may_refuse_{false};
    std::atomic<std::int64_t> pauses_{0};
    std::atomic<std::int64_t> refusals_{0};
};

}  // namespace rmq::broker
