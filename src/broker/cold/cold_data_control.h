// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace rmq::store {
struct MessageStoreConfig;
}

namespace rmq::broker {

struct BrokerConfig;

// How much each group may read from the cold part of the log in one window of 5 s, and how much all
// of them together. A group has the limit that an administrator gave it, or else one that adapts
// (coldCtrStrategyEnable), or else cgColdReadThreshold. Nothing is limited while
// coldDataFlowControlEnable is off.
// Thread safety: any thread.
// Source: ColdDataCgCtrService, SimpleColdCtrStrategy, PIDAdaptiveColdCtrStrategy.
class ColdDataControl {
public:
    static constexpr std::int64_t kWindowMs = 5000;

    // The collaborators outlive this object.
    ColdDataControl(const BrokerConfig& config, const store::MessageStoreConfig& store_config,
                    const Clock& clock);
    ColdDataControl(const ColdDataControl&) = delete;
    ColdDataControl& operator=(const ColdDataControl&) = delete;

    // A group was given this many bytes of cold messages.
    void add(std::string_view group, std::int64_t bytes);
    // Whether the group has read its share of this window, or all groups theirs.
    bool is_over(std::string_view group) const;

    void set_threshold(std::string group, std::int64_t bytes);
    void remove_threshold(std::string_view group);
    // The answer of GET_COLD_DATA_FLOW_CTR_INFO, members in the original's order.
    std::string info() const;

    // Ends the window: call every kWindowMs.
    void run_once();

private:
    struct Reading {
        std::int64_t bytes = 0;  // in this window
        std::int64_t last_read_ms = 0;
        std::int64_t first_read_ms = 0;
    };

    // With mutex_ held.
    std::int64_t threshold_of(std::string_view group) const;
    double decision_factor() const;
    void promote(const std::string& group);
    void decelerate_largest();

    const BrokerConfig& config_;
    const store::MessageStoreConfig& store_config_;
    const Clock& clock_;
    mutable std::mutex mutex_;
    std::map<std::string, Reading, std::less<>> readings_;         // guarded by mutex_
    std::map<std::string, std::int64_t, std::less<>> configured_;  // guarded by mutex_
    std::map<std::string, std::int64_t, std::less<>> adapted_;     // guarded by mutex_
    std::deque<std::int64_t> errors_;  // guarded by mutex_; expected minus read, newest last
    std::int64_t all_bytes_ = 0;       // guarded by mutex_; in this window
};

}  // namespace rmq::broker
