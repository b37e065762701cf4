// SPDX-License-Identifier: Apache-2.0
#include "broker/cold/cold_pull_hold.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace rmq::broker {
namespace {

// Source: ColdDataPullRequestHoldService.coldHoldTimeoutMillis, and its queue's capacity.
constexpr std::int64_t kHoldMs = 3000;
constexpr std::size_t kHeldMax = 10'000;

}  // namespace

ColdPullHold::ColdPullHold(unsigned io_threads, const Clock& clock, Execute execute)
    : clock_(clock), execute_(std::move(execute)), threads_(io_threads) {}

ColdPullHold::~ColdPullHold() {
    // What is still held has no connection to answer on any more.
    for (unsigned k = 0; k < threads_.size(); ++k) {
        drop_all(k);
    }
}

bool ColdPullHold::hold(unsigned k, PullRequest& request, Responder& responder) {
    auto& held = threads_[k];
    if (held.size() >= kHeldMax) {
        return false;
    }
    held.push_back({std::move(request), std::move(responder), clock_.monotonic_ms() + kHoldMs});
    return true;
}

void ColdPullHold::run_once(unsigned k) {
    auto& held = threads_[k];
    const auto now_ms = clock_.monotonic_ms();
    const auto waiting =
        std::ranges::find_if(held, [now_ms](const Held& pull) { return pull.due_ms > now_ms; });
    std::vector<Held> due(std::make_move_iterator(held.begin()), std::make_move_iterator(waiting));
    held.erase(held.begin(), waiting);
    for (auto& pull : due) {
        execute_(std::move(pull.request), std::move(pull.responder));
    }
}

void ColdPullHold::on_connection_closed(const Connection& connection) {
    std::erase_if(threads_[connection.io_thread()], [&connection](Held& pull) {
        const bool is_of_it = pull.responder.connection().id() == connection.id();
        if (is_of_it) {
            pull.responder.leave_unanswered();
        }
        return is_of_it;
    });
}

void ColdPullHold::drop_all(unsigned k) {
    for (auto& pull : threads_[k]) {
        pull.responder.leave_unanswered();
    }
    threads_[k].clear();
}

}  // namespace rmq::broker
