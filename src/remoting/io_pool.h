// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/unique_function.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace rmq {

// N single-threaded event loops, named io-0 … io-N-1. A connection lives on one of them for good.
// Thread safety: all members from any thread, except where stated. Lifecycle: threads run from
// start() to stop(); stop() drains nothing, it ends the loops and joins.
class IoPool {
public:
    explicit IoPool(unsigned threads, std::string thread_name = "io");
    ~IoPool();
    IoPool(const IoPool&) = delete;
    IoPool& operator=(const IoPool&) = delete;

    void start();
    void stop();
    unsigned size() const;

    // Runs `task` on io thread k, later; never inline.
    void post(unsigned k, UniqueFunction<void()> task);

    // Runs `task` on io thread k every `period` until stop(). Call before start().
    void every(unsigned k, std::chrono::milliseconds period, UniqueFunction<void()> task);

    // Index of the calling io thread of any pool, or -1 elsewhere.
    static int current();

    struct Impl;  // for src/remoting/*.cc only
    Impl& impl() { return *impl_; }

private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace rmq
