// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "common/offsets.h"
#include "common/parse_number.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

namespace rmq::broker {

struct BrokerConfig;

inline constexpr std::string_view kOpTag = "d";  // Source: TransactionalMessageUtil.REMOVE_TAG

// Calls each(offset) for every half message that the body of an op message names: one number, as
// 4.x brokers wrote it, or "n1,n2,…,". What is no number is left out.
template <class Each>
void read_op_body(std::string_view body, Each&& each) {
    while (!body.empty()) {
        const auto comma = body.find(',');
        if (const auto half = parse_java_number<std::int64_t>(body.substr(0, comma))) {
            each(*half);
        }
        body.remove_prefix(comma == std::string_view::npos ? body.size() : comma + 1);
    }
}

// Half messages that are committed or rolled back, on their way into the op topic, where they are
// written in batches; until then, and until the batch can be read there, only this table knows.
// A crash loses it: what it held is checked again, and may be committed a second time. The bound is
// a million; beyond it, which takes a store that refuses to write, the newest are forgotten.
// A half message that is put into its queue again goes on under a new offset. An answer to the old
// one settles both; only a restart forgets what became of the old.
// Thread safety: add() and contains() from any thread, the rest from the writer's.
// Source: TransactionalMessageServiceImpl.deletePrepareMessage, batchSendOpMessage (5.5.0).
class PendingOps {
public:
    static constexpr std::int64_t kIdle = INT64_MAX;

    // Both outlive it.
    PendingOps(const BrokerConfig& config, const Clock& clock) : config_(config), clock_(clock) {}
    PendingOps(const PendingOps&) = delete;
    PendingOps& operator=(const PendingOps&) = delete;

    // True when transactionOpMsgMaxSize is reached, for the writer to be woken.
    bool add(QueueOffset half);
    bool contains(QueueOffset half) const;

    // Milliseconds until a batch is to be written: 0 when it is due, kIdle when there is none.
    std::int64_t ms_until_due() const;
    // The body of one batch of about transactionOpMsgMaxSize; empty when there is nothing.
    std::string take_batch();
    // It was refused.
    void put_back(std::string_view batch);
    // It lies at `at` in the op queue.
    void on_written(std::string_view batch, QueueOffset at);
    // The op queue is readable up to here.
    void on_readable(QueueOffset end);

    // `from` goes on as `to`.
    void on_put_again(QueueOffset from, QueueOffset to);
    // Everything below is settled.
    void forget_below(QueueOffset half);

private:
    struct Written {
        QueueOffset at;
        std::set<std::int64_t> halves;
    };
    void insert(std::int64_t half);
    bool is_full() const;

    const BrokerConfig& config_;
    const Clock& clock_;
    mutable std::mutex mutex_;
    std::set<std::int64_t> halves_;                   // guarded by mutex_
    std::size_t bytes_ = 0;                           // of their text; guarded by mutex_
    std::int64_t oldest_ms_ = 0;                      // monotonic; guarded by mutex_
    std::deque<Written> written_;                     // not readable yet; guarded by mutex_
    std::map<std::int64_t, std::int64_t> put_again_;  // from, to; guarded by mutex_
};

}  // namespace rmq::broker
