// SPDX-License-Identifier: Apache-2.0
#include "broker/admission/admission.h"

#include <fmt/core.h>

#include <utility>

namespace rmq::broker {
namespace {

struct Job {
    Responder responder;
    UniqueFunction<void(Responder)> work;
};

}  // namespace

void Admission::run_blocking(Responder responder, const Live<std::int64_t>& max_wait_ms,
                             UniqueFunction<void(Responder)> work) {
    // Shared with this call, so that the responder is still here when the pool refuses.
    auto job = std::make_unique<Job>(Job{std::move(responder), std::move(work)});
    auto* const pending = job.get();
    UniqueFunction<void()> task = [this, job = std::move(job), &max_wait_ms,
                                   queued_ms = clock_.monotonic_ms()]() mutable {
        const auto waited_ms = clock_.monotonic_ms() - queued_ms;
        if (fast_failure_enable_ && waited_ms > max_wait_ms.get()) {
            job->responder.send(
                ResponseCode::SYSTEM_BUSY,
                fmt::format("[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a while, "
                            "period in queue: {}ms, size of queue: {}",
                            waited_ms, pool_.queued()));
            return;
        }
        job->work(std::move(job->responder));
    };
    if (!pool_.post(task)) {
        pending->responder.send(ResponseCode::SYSTEM_BUSY, kOverload);
    }
}

}  // namespace rmq::broker
