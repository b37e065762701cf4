// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>

namespace rmq::store {
class MessageStore;
}

namespace rmq::broker {

// Rates of the store over the last 10 s, 1 min and 10 min, from samples of its counters, in the
// texts of the runtime table. Thread safety: any thread. Source: StoreStatsService (5.5.0).
class StoreStatsService {
public:
    using Table = std::map<std::string, std::string, std::less<>>;

    // The store and the clock outlive this object.
    StoreStatsService(const store::MessageStore& store, const Clock& clock);

    // Takes one sample; call it every second.
    void run_once();

    // Adds putTps, getTotalTps, …, bootTimestamp and runtime. A rate that has not been sampled for
    // long enough is an empty text, as in the original.
    void add_runtime_info(Table& table) const;

private:
    struct Sample {
        std::int64_t at_ms = 0;
        std::int64_t puts = 0;
        std::int64_t found = 0;
        std::int64_t missed = 0;
        std::int64_t transferred = 0;
    };
    static constexpr std::size_t kSamplesMax = 601;

    // Per second over the last `seconds` samples.
    bool has_rate(std::size_t seconds) const { return samples_.size() > seconds; }
    double rate(std::size_t seconds, std::int64_t Sample::*counter) const;
    std::string rates(std::int64_t Sample::*counter) const;
    std::string total_get_rates() const;
    std::string runtime_text() const;

    const store::MessageStore& store_;
    const Clock& clock_;
    const std::int64_t boot_ms_;
    mutable std::mutex mutex_;
    std::deque<Sample> samples_;  // guarded by mutex_, oldest first
};

}  // namespace rmq::broker
