// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/hold/pull_request_hold_table.h"
#include "common/clock.h"
#include "common/unique_function.h"
#include "store/message_arrival.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace rmq::broker {

// Long polling: one hold table for each io thread, and the way from the store's dispatch thread to
// them. No wake-up is lost: hold() first shows its interest, then looks at the queue's end once
// more, while notify_arriving() is called after the queue's end moved and then looks for interest.
// In between both change one atomic, so that whichever comes second sees what the first did.
// Thread safety: hold(), run_once() and on_connection_closed() on io thread k only, size() and
// notify_arriving() on any. Source: PullRequestHoldService, NotifyMessageArrivingListener.
class PullRequestHoldService {
public:
    struct Collaborators {
        const Clock& clock;
        // Next offset to be written of a queue; counts only what readers can see.
        PullRequestHoldTable::MaxOffset max_offset;
        // Runs a task on io thread k, later.
        std::function<void(unsigned k, UniqueFunction<void()> task)> post;
        // Executes a pull again, with suspension off; on its io thread.
        std::function<void(PullRequest, Responder)> execute_woken;
    };

    PullRequestHoldService(unsigned io_threads, Collaborators collaborators);
    ~PullRequestHoldService();
    PullRequestHoldService(const PullRequestHoldService&) = delete;
    PullRequestHoldService& operator=(const PullRequestHoldService&) = delete;

    // False, leaving `pull` alone, when kHeldPullsMax of them wait already.
    [[nodiscard]] bool hold(unsigned k, HeldPull& pull);
    // Drops the pulls of a connection unanswered.
    void on_connection_closed(const Connection& connection);
    // One turn of io thread k's timer: expires, and every `check_period_ms` looks at all queues.
    void run_once(unsigned k, std::int64_t check_period_ms);
    // From the dispatch thread: one task per io thread that holds something of these queues, none
    // while an earlier one has not run yet. Returns whether any thread held something.
    bool notify_arriving(std::span<const store::MessageArrival> arrivals);
    // Drops all pulls of io thread k unanswered; before its connections are closed.
    void drop_all(unsigned k);

    std::size_t size() const;

private:
    struct Thread;

    void run_arrivals(unsigned k);
    void execute(Thread& thread, PullRequestHoldTable::Woken& woken);

    const Collaborators c_;
    std::vector<std::unique_ptr<Thread>> threads_;
    std::atomic<std::uint64_t> meeting_point_{0};
};

}  // namespace rmq::broker
