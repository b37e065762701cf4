// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/hold/pull_request.h"
#include "common/clock.h"
#include "remoting/responder.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace rmq::broker {

// Pulls of groups that read more cold data than they may: each waits some seconds and is then
// executed again, for one message. One table for each io thread.
// Thread safety: everything on io thread k only. Source: ColdDataPullRequestHoldService.
class ColdPullHold {
public:
    // Executes a pull that has waited; on its io thread.
    using Execute = std::function<void(PullRequest, Responder)>;

    ColdPullHold(unsigned io_threads, const Clock& clock, Execute execute);
    ~ColdPullHold();
    ColdPullHold(const ColdPullHold&) = delete;
    ColdPullHold& operator=(const ColdPullHold&) = delete;

    // False, leaving both alone, when the thread holds kHeldMax of them.
    [[nodiscard]] bool hold(unsigned k, PullRequest& request, Responder& responder);
    // Executes what has waited long enough. Call every second or so.
    void run_once(unsigned k);
    // Drops the pulls of a connection unanswered.
    void on_connection_closed(const Connection& connection);
    // Drops all pulls of io thread k unanswered; before its connections are closed.
    void drop_all(unsigned k);

private:
    struct Held {
        PullRequest request;
        Responder responder;
        std::int64_t due_ms = 0;
    };

    const Clock& clock_;
    const Execute execute_;
    std::vector<std::vector<Held>> threads_;  // each in the order of arrival
};

}  // namespace rmq::broker
