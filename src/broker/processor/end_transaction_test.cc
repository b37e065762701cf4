// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/end_transaction.h"

#include "broker/testing/transaction_fixture.h"
#include "common/message/message_id.h"
#include "common/testing/catch.h"

#include <string>

using namespace rmq;
using namespace rmq::testing;

namespace {

using Fixture = TransactionFixture;

}  // namespace

TEST_CASE("EndTransaction: a half message waits in the half topic, unseen under its own",
          "[broker][transaction][T-01]") {
    Fixture f;
    const auto half = f.send_half("b");
    CHECK(half.queue_offset == 0);
    const auto stored = f.stored(kHalfTopic, 0, 0);
    CHECK(stored->record.physical_offset.value == half.position);
    CHECK(stored->record.sys_flag == 0);
    CHECK(stored->record.flag == 9);
    CHECK(stored->property("REAL_TOPIC") == "T");
    CHECK(stored->property("REAL_QID") == "2");
    CHECK(stored->property("TRAN_MSG") == "true");
    CHECK(stored->property("PGROUP") == "pg");
    CHECK(stored->property("__transactionId__") == "U-b");
    f.catch_up();
    CHECK(f.store->max_offset("T", 2).value == 0);
    CHECK(f.transactions->metrics().count("T") == 1);
}

TEST_CASE("EndTransaction: a commit copies the half message to its topic and writes an op",
          "[broker][transaction][T-02][T-08]") {
    Fixture f;
    const auto half = f.send_half("b", {"KEYS", "k", "TAGS", "a", "own", "value"});
    f.clock.advance_ms(10);
    const auto response = f.end(half, "8");
    CHECK(response.code == ResponseCode::SUCCESS);
    CHECK(response.remark.empty());
    const auto copy = f.stored("T", 2, 0);
    CHECK(copy->record.body == "b");
    CHECK(copy->record.sys_flag == sys_flag::kTransactionCommit);
    CHECK(copy->record.prepared_transaction_offset == half.position);
    CHECK(copy->record.flag == 9);
    CHECK(copy->record.born_timestamp == f.clock.now_ms() - 10);
    CHECK(copy->record.store_timestamp == f.clock.now_ms());
    CHECK(copy->record.born_host.to_string() == "10.1.2.3:4567");
    CHECK(copy->property("own") == "value");
    CHECK(copy->property("UNIQ_KEY") == "U-b");
    CHECK(copy->property("PGROUP") == "pg");
    CHECK(copy->property("TRAN_MSG") == "true");
    CHECK(copy->property("__transactionId__") == "U-b");
    CHECK(copy->property("REAL_TOPIC").empty());
    CHECK(copy->property("REAL_QID").empty());
    CHECK(f.transactions->metrics().count("T") == 0);
    f.write_ops();
    const auto op = f.stored(kOpTopic, 0, 0);
    CHECK(op->record.body == "0,");
    CHECK(op->property("TAGS") == "d");
    CHECK(op->property("WAIT") == "true");
    CHECK(op->property("UNIQ_KEY").empty());  // as the original's
}

TEST_CASE("EndTransaction: a rollback writes only an op", "[broker][transaction][T-02]") {
    Fixture f;
    const auto half = f.send_half("b");
    CHECK(f.end(half, "12").code == ResponseCode::SUCCESS);
    CHECK(f.transactions->metrics().count("T") == 0);
    f.write_ops();
    CHECK(f.stored(kOpTopic, 0, 0)->record.body == "0,");
    CHECK(f.store->max_offset("T", 2).value == 0);
    CHECK(f.store->max_offset(kHalfTopic, 0).value == 1);
}

TEST_CASE("EndTransaction: unknown leaves the half message open and is not answered",
          "[broker][transaction][T-02]") {
    Fixture f;
    const auto half = f.send_half("b");
    f.request(f.producer, RequestCode::END_TRANSACTION, f.end_of(half, "0"));
    f.run_io_tasks();
    CHECK(f.producer->take_replies().empty());
    f.write_ops();
    CHECK(f.store->max_offset(kOpTopic, 0).value == 0);
    CHECK(f.transactions->metrics().count("T") == 1);
}

TEST_CASE("EndTransaction: group, queue offset and position must be those of the half message",
          "[broker][transaction][T-02]") {
    Fixture f;
    const auto half = f.send_half("b");
    const auto remark_of = [&](const char* field, const std::string& value) {
        auto ext = f.end_of(half, "8");
        ext[field] = value;
        const auto response = f.ask(f.producer, RequestCode::END_TRANSACTION, ext);
        CHECK(response.code == ResponseCode::SYSTEM_ERROR);
        return response.remark;
    };
    CHECK(remark_of("producerGroup", "other") == "The producer group wrong");
    CHECK(remark_of("tranStateTableOffset", "1") == "The transaction state table offset wrong");
    CHECK(remark_of("commitLogOffset", std::to_string(half.position + 1)) ==
          "Find prepared transaction message failed");
    CHECK(remark_of("commitLogOffset", "99999999") == "Find prepared transaction message failed");
    CHECK(remark_of("commitLogOffset", "-1") == "Find prepared transaction message failed");
    CHECK(remark_of("commitOrRollback", "4") == "commitOrRollback field wrong");
    f.catch_up();
    CHECK(f.store->max_offset("T", 2).value == 0);
}

TEST_CASE("EndTransaction: after its immunity only a check may end a message",
          "[broker][transaction][T-03]") {
    Fixture f;
    const auto half = f.send_half("b", {"CHECK_IMMUNITY_TIME_IN_SECONDS", "20"});
    f.clock.advance_ms(20'001);
    CHECK(f.end(half, "8").code == ResponseCode::ILLEGAL_OPERATION);
    CHECK(f.end(half, "12").code == ResponseCode::ILLEGAL_OPERATION);
    CHECK(f.end(half, "8", true).code == ResponseCode::SUCCESS);
    CHECK(f.stored("T", 2, 0)->record.body == "b");
}

TEST_CASE("EndTransaction: an immunity shorter than transactionTimeOut counts as that",
          "[broker][transaction][T-03]") {
    Fixture f;
    const auto half = f.send_half("b", {"CHECK_IMMUNITY_TIME_IN_SECONDS", "1"});
    f.clock.advance_ms(6000);
    CHECK(f.end(half, "8").code == ResponseCode::SUCCESS);
}

TEST_CASE("EndTransaction: a slave refuses", "[broker][transaction][T-05]") {
    Fixture f;
    const auto half = f.send_half("b");
    f.store_config.broker_role = store::BrokerRole::SLAVE;
    CHECK(f.end(half, "8").code == ResponseCode::SLAVE_NOT_AVAILABLE);
    CHECK(f.end(half, "0").code == ResponseCode::SLAVE_NOT_AVAILABLE);
}

TEST_CASE("EndTransaction: with SYNC_FLUSH the answer to a commit follows the flush",
          "[broker][transaction][T-02]") {
    Fixture f({.flush_disk_type = store::FlushDiskType::SYNC_FLUSH});
    const auto half = f.send_half("b");
    CHECK(f.end(half, "8").code == ResponseCode::SUCCESS);
    CHECK(f.store->runtime().flushed >= f.stored("T", 2, 0)->record.physical_offset);
}

TEST_CASE("EndTransaction: the delay of a half message begins with its commit",
          "[broker][transaction][T-01]") {
    Fixture f;
    const auto half = f.send_half("b", {"DELAY", "1"});
    CHECK(f.stored(kHalfTopic, 0, 0)->property("REAL_TOPIC") == "T");
    CHECK(f.end(half, "8").code == ResponseCode::SUCCESS);
    const auto delayed = f.stored("SCHEDULE_TOPIC_XXXX", 0, 0);
    CHECK(delayed->property("REAL_TOPIC") == "T");
    CHECK(delayed->property("REAL_QID") == "2");
    CHECK(delayed->property("TRAN_MSG").empty());
    CHECK(delayed->record.sys_flag == sys_flag::kTransactionCommit);
    f.write_ops();
    CHECK(f.stored(kOpTopic, 0, 0)->record.body == "0,");
    CHECK(f.transactions->metrics().count("T") == 0);
}

TEST_CASE("EndTransaction: 323 puts a discarded message back to be checked from the start",
          "[broker][transaction][T-04][A-11]") {
    Fixture f;
    f.config.transaction_check_max = 1;
    f.send_half("b");
    f.check();
    CHECK(f.asked().size() == 1);
    f.check();
    const auto discarded = f.stored("TRANS_CHECK_MAX_TIME_TOPIC", 0, 0);
    CHECK(discarded->property("TRANSACTION_CHECK_TIMES") == "1");
    const auto id =
        make_offset_message_id(discarded->record.store_host, discarded->record.physical_offset);
    CHECK(f.ask(f.producer, RequestCode::RESUME_CHECK_HALF_MESSAGE, {{"msgId", id}}).code ==
          ResponseCode::SUCCESS);
    CHECK(f.stored(kHalfTopic, 0, 2)->property("TRANSACTION_CHECK_TIMES") == "0");
    f.check();
    const auto again = f.asked();
    REQUIRE(again.size() == 1);
    CHECK(f.end(again[0].place(), "8", true).code == ResponseCode::SUCCESS);
    CHECK(f.stored("T", 2, 0)->record.flag == 9);

    const auto failed = f.ask(f.producer, RequestCode::RESUME_CHECK_HALF_MESSAGE, {{"msgId", "x"}});
    CHECK(failed.code == ResponseCode::SYSTEM_ERROR);
    CHECK(failed.remark ==
          "Exception was thrown when putting message back to RMQ_SYS_TRANS_HALF_TOPIC.");
}
