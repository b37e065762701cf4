// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "common/message/message_record.h"
#include "common/offsets.h"
#include "common/socket_address.h"
#include "remoting/request_registry.h"
#include "store/put_message.h"

#include <cstdint>
#include <string>

namespace rmq::store {
class MessageStore;
struct MessageStoreConfig;
}  // namespace rmq::store

namespace rmq::broker {

struct BrokerConfig;
class Admission;
class BrokerStatsManager;
class ScheduleRewrite;
class TransactionalMessageService;

// END_TRANSACTION (37) and RESUME_CHECK_HALF_MESSAGE (323).
// A commit stores the half message once more, under its real topic, and settles it; a rollback only
// settles it. The answer, which most clients do not wait for, follows the put, with SYNC_FLUSH its
// flush. UNKNOWN is not answered at all: a check will ask again.
// Ends are not remembered: two commits of one half message store two copies, as in the original.
// Thread safety: any io thread; records that may not be in memory are read on the blocking pool.
// Source: EndTransactionProcessor, AdminBrokerProcessor.resumeCheckHalfMessage (5.5.0).
class EndTransactionProcessor {
public:
    // Everything outlives the processor.
    struct Collaborators {
        const BrokerConfig& config;
        const store::MessageStoreConfig& store_config;
        store::MessageStore& store;
        TransactionalMessageService& transactions;
        Admission& admission;
        BrokerStatsManager& stats;
        const Clock& clock;
        const ScheduleRewrite& schedule;
    };

    explicit EndTransactionProcessor(const Collaborators& collaborators) : c_(collaborators) {}
    EndTransactionProcessor(const EndTransactionProcessor&) = delete;
    EndTransactionProcessor& operator=(const EndTransactionProcessor&) = delete;

    void end_transaction(const Request& request, Responder responder);
    void resume_check_half_message(const Request& request, Responder responder);

private:
    // What a request says, owning its text.
    struct End {
        std::string group;
        QueueOffset half;
        PhysicalOffset at;
        bool is_commit = false;
        bool is_from_check = false;
    };

    void end(const End& end, Responder responder);
    // SUCCESS when this half message may be ended so.
    Response check(const End& end, const MessageRecord& half) const;
    void commit(const MessageRecord& half, Responder responder);
    void settle(const MessageRecord& half, std::string_view topic);
    Response commit_response(store::PutMessageStatus status) const;
    Response put_back(PhysicalOffset at);

    const Collaborators c_;
};

}  // namespace rmq::broker
