// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/blocking_pool.h"
#include "common/clock.h"
#include "common/config_value.h"
#include "common/unique_function.h"
#include "remoting/protocol/response.h"
#include "remoting/responder.h"

#include <cstdint>

namespace rmq::broker {

// Words that operators and clients know. Source: NettyRemotingAbstract, BrokerFastFailure.
inline constexpr const char* kRejectRequest =
    "[REJECTREQUEST]system busy, start flow control for a while";
inline constexpr const char* kOverload = "[OVERLOAD]system busy, start flow control for a while";

// Takes slow work to the blocking pool and answers SYSTEM_BUSY in its place when the pool's queue
// is full, or, with brokerFastFailureEnable, when the work waited there longer than its class of
// request may. Requests served on an io thread never wait in a queue, so that the original's waits
// for sends do not arise.
// Thread safety: any thread. Source: BrokerFastFailure.
class Admission {
public:
    // All three outlive it.
    Admission(BlockingPool& pool, const Clock& clock, const Live<bool>& fast_failure_enable)
        : pool_(pool), clock_(clock), fast_failure_enable_(fast_failure_enable) {}

    // Runs work(responder) on the pool. `max_wait_ms` is read when the work's turn comes, and lives
    // until then.
    void run_blocking(Responder responder, const Live<std::int64_t>& max_wait_ms,
                      UniqueFunction<void(Responder)> work);

private:
    BlockingPool& pool_;
    const Clock& clock_;
    const Live<bool>& fast_failure_enable_;
};

}  // namespace rmq::broker
