// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/transaction/half_message.h"
#include "common/clock.h"
#include "common/config_value.h"
#include "common/message/message_record.h"
#include "common/offsets.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace rmq::broker {

struct BrokerConfig;
class BrokerStatsManager;
class ConsumerOffsetManager;
class PendingOps;
class ProducerManager;
class TopicConfigManager;
class TransactionMetrics;
class TransactionStore;

// Asks producers what became of half messages that nobody committed or rolled back. A round goes
// through the half queue from the position of CID_RMQ_SYS_TRANS, reading the op queue beside it,
// until it meets a message that is too young:
//   named by an op, or about to be          → settled
//   checked transactionCheckMax times, or
//   born more than fileReservedTime ago      → moved to TRANS_CHECK_MAX_TIME_TOPIC
//   within its own immunity                  → put into the half queue again
//   within transactionTimeOut                → the round ends here
//   else                                     → put again with one more check, and a producer of its
//                                              group is asked (39)
// All state is in the two queues and their positions, so that a round of any broker can go on where
// another one stopped. A crash repeats what was not persisted: a producer is asked again.
// Unlike the original a message under immunity keeps its number of checks when it is put again, and
// every half message keeps its flag.
// Thread safety: one thread. Source: TransactionalMessageServiceImpl.check (5.5.0).
class TransactionCheck {
public:
    // Everything outlives the check.
    struct Collaborators {
        const BrokerConfig& config;
        const Live<std::int32_t>& file_reserved_hours;
        TransactionStore& store;
        ConsumerOffsetManager& offsets;
        ProducerManager& producers;
        TopicConfigManager& topics;
        BrokerStatsManager& stats;
        PendingOps& pending;
        TransactionMetrics& metrics;
        const Clock& clock;
    };

    explicit TransactionCheck(const Collaborators& collaborators) : c_(collaborators) {}
    TransactionCheck(const TransactionCheck&) = delete;
    TransactionCheck& operator=(const TransactionCheck&) = delete;

    // Begins a round, or goes on with one, for a bounded number of messages. True: call again,
    // there is more; false: the round is over and its positions are committed.
    bool run_once();

private:
    struct Round {
        std::int64_t start_ms = 0;
        std::int64_t end_ms = 0;  // monotonic
        QueueOffset first_half;
        QueueOffset half;  // next to be looked at
        QueueOffset first_op;
        QueueOffset op;                                         // next to be read
        std::unordered_map<std::int64_t, std::int64_t> done{};  // half, op that names it
        std::vector<std::int32_t> open_in_op{};  // by op - first_op: halves that are not reached
        int asked = 0;
        int discarded = 0;
    };
    struct Half {
        const MessageRecord& record;
        std::int32_t checks = 0;  // so far
        std::int64_t age_ms = 0;
    };
    enum class Step { kNext, kEnd };

    Round begin() const;
    void finish(const Round& round);
    QueueOffset position(std::string_view topic) const;

    bool is_done(Round& round, QueueOffset half) const;
    bool read_ops(Round& round) const;
    void read_op(Round& round, QueueOffset op) const;
    static void settle(Round& round, std::int64_t half);

    Step look_at(Round& round);
    Step decide(Round& round, const Half& half);
    Step discard(Round& round, const Half& half, std::string properties);
    Step put_immune_again(const Half& half);
    Step put_again_and_ask(Round& round, const Half& half);
    std::optional<NewPlace> put_again(const MessageRecord& record, std::string_view properties);
    void ask(const MessageRecord& record, const NewPlace& place, std::string properties);

    const Collaborators c_;
    std::optional<Round> round_;
};

}  // namespace rmq::broker
