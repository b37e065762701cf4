// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rmq {

// Request header of END_TRANSACTION (37). Source: EndTransactionRequestHeader.
struct EndTransactionRequestHeader {
    std::optional<std::string_view> topic;  // 5.x clients
    std::string_view producer_group;
    std::int64_t tran_state_table_offset = 0;  // queue offset of the half message
    std::int64_t commit_log_offset = 0;        // its position in the CommitLog
    std::int32_t commit_or_rollback = 0;       // the transaction bits of a sysFlag
    std::optional<bool> from_transaction_check;
    std::string_view msg_id;
    std::optional<std::string_view> transaction_id;

    template <class Visitor>
    void visit(Visitor& v) {
        v("topic", topic);
        v("producerGroup", producer_group);
        v("tranStateTableOffset", tran_state_table_offset);
        v("commitLogOffset", commit_log_offset);
        v("commitOrRollback", commit_or_rollback);
        v("fromTransactionCheck", from_transaction_check);
        v("msgId", msg_id);
        v("transactionId", transaction_id);
    }
};

// CHECK_TRANSACTION_STATE (39), from broker to producer, oneway. The body is the record of the half
// message under its real topic and queue. Source: CheckTransactionStateRequestHeader.
struct CheckTransactionStateRequestHeader {
    std::string_view topic;  // of the half message as stored
    std::int64_t tran_state_table_offset = 0;
    std::int64_t commit_log_offset = 0;
    std::optional<std::string_view> msg_id;  // UNIQ_KEY
    std::optional<std::string_view> transaction_id;
    std::string_view offset_msg_id;
    std::string_view broker_name;

    template <class Visitor>
    void visit(Visitor& v) {
        v("topic", topic);
        v("tranStateTableOffset", tran_state_table_offset);
        v("commitLogOffset", commit_log_offset);
        v("msgId", msg_id);
        v("transactionId", transaction_id);
        v("offsetMsgId", offset_msg_id);
        v("bname", broker_name);
    }
};

// Request header of RESUME_CHECK_HALF_MESSAGE (323). Source: ResumeCheckHalfMessageRequestHeader.
struct ResumeCheckHalfMessageRequestHeader {
    std::optional<std::string_view> topic;
    std::optional<std::string_view> msg_id;  // offset message id

    template <class Visitor>
    void visit(Visitor& v) {
        v("topic", topic);
        v("msgId", msg_id);
    }
};

}  // namespace rmq
