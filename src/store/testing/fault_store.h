// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "common/testing/spoil.h"
#include "store/message_store.h"
#include "store/message_store_config.h"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace rmq::store::testing {

// What a message was stored as.
struct Stored {
    std::int64_t number = 0;
    std::int64_t position = 0;
    std::int64_t end = 0;
    std::int32_t queue_id = 0;
    std::int64_t queue_offset = 0;
};

inline constexpr int kFaultQueues = 2;
inline constexpr std::int32_t kFaultLogFile = 64 * 1024;
inline constexpr std::int32_t kFaultQueueFile = 600 * 20;  // three pages

// A store of small files.
MessageStoreConfig fault_config(const std::string& root);

// Puts messages numbered from `first` on, in turn in the queues of "Topic", with a key each; every
// one must be taken.
std::vector<Stored> put_some(MessageStore& store, std::int64_t first, int count,
                             std::size_t body_bytes = 100);
// Waits until all that was put is readable.
void await_dispatch(MessageStore& store);

// A directory as a server leaves it that was stopped, or killed (`abort` is there).
enum class Stop { kClean, kKilled };
std::vector<Stored> make_store(const std::string& root, Stop stop, int count,
                               std::size_t body_bytes = 100);

// The numbers of the messages that pulls from the minimum on give, each of which is whole and at
// its place. A record whose body was damaged is left out.
std::set<std::int64_t> pull_all(MessageStore& store);

using rmq::testing::spoil;
void flip_bit(const std::string& path, std::int64_t at, int bit);

}  // namespace rmq::store::testing
