// SPDX-License-Identifier: Apache-2.0
#include "broker/lock/rebalance_lock_manager.h"

#include "common/testing/catch.h"

namespace rmq::broker {

namespace {
const MessageQueue kQueue0{"T", "b", 0};
const MessageQueue kQueue1{"T", "b", 1};
using Queues = std::vector<MessageQueue>;
}  // namespace

TEST_CASE("RebalanceLockManager: a queue belongs to the first client that asks", "[broker][O-02]") {
    ManualClock clock;
    RebalanceLockManager locks(clock);
    CHECK(locks.is_lock_all_expired("g"));
    CHECK(locks.try_lock_batch("g", {kQueue0}, "c1") == Queues{kQueue0});
    CHECK(locks.try_lock_batch("g", {kQueue0, kQueue1}, "c2") == Queues{kQueue1});
    CHECK(locks.try_lock_batch("other", {kQueue0}, "c2") == Queues{kQueue0});
    CHECK(!locks.is_lock_all_expired("g"));
}

TEST_CASE("RebalanceLockManager: a lock lives 60 s after it was last renewed", "[broker][O-02]") {
    ManualClock clock;
    RebalanceLockManager locks(clock);
    locks.try_lock_batch("g", {kQueue0}, "c1");
    clock.advance_ms(40'000);
    CHECK(locks.try_lock_batch("g", {kQueue0}, "c1").size() == 1);
    clock.advance_ms(60'000);
    CHECK(locks.try_lock_batch("g", {kQueue0}, "c2").empty());
    clock.advance_ms(1);
    CHECK(locks.is_lock_all_expired("g"));
    CHECK(locks.try_lock_batch("g", {kQueue0}, "c2").size() == 1);
}

TEST_CASE("RebalanceLockManager: only the owner gives a queue back", "[broker][O-02]") {
    ManualClock clock;
    RebalanceLockManager locks(clock);
    locks.try_lock_batch("g", {kQueue0}, "c1");
    locks.unlock_batch("g", {kQueue0}, "c2");
    CHECK(locks.try_lock_batch("g", {kQueue0}, "c2").empty());
    locks.unlock_batch("g", {kQueue0, kQueue1}, "c1");
    CHECK(locks.try_lock_batch("g", {kQueue0}, "c2").size() == 1);
    clock.advance_ms(60'001);
    locks.remove_expired();
    CHECK(locks.is_lock_all_expired("g"));
}

}  // namespace rmq::broker
