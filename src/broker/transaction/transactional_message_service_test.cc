// SPDX-License-Identifier: Apache-2.0
#include "broker/transaction/transactional_message_service.h"

#include "broker/testing/transaction_fixture.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"

#include <nlohmann/json.hpp>

#include <deque>
#include <string>

using namespace rmq;
using namespace rmq::testing;

namespace {

using Fixture = TransactionFixture;

// A store that refuses while told to.
class RefusingStore final : public broker::TransactionStore {
public:
    explicit RefusingStore(std::unique_ptr<broker::TransactionStore> real)
        : real_(std::move(real)) {}
    QueueOffset min_offset(std::string_view topic) const override {
        return real_->min_offset(topic);
    }
    QueueOffset max_offset(std::string_view topic) const override {
        return real_->max_offset(topic);
    }
    std::optional<store::MappedSlice> record(std::string_view topic,
                                             QueueOffset offset) const override {
        return real_->record(topic, offset);
    }
    store::PutMessageResult put(const store::MessageToPut& message) override {
        if (is_refusing) {
            store::PutMessageResult refused;
            refused.status = store::PutMessageStatus::OS_PAGE_CACHE_BUSY;
            return refused;
        }
        return real_->put(message);
    }

    bool is_refusing = false;

private:
    const std::unique_ptr<broker::TransactionStore> real_;
};

}  // namespace

TEST_CASE("Transactions: an open half message is put again and its producer is asked",
          "[broker][transaction][T-03]") {
    Fixture f;
    const auto half = f.send_half("b");
    f.check();
    const auto asked = f.asked();
    REQUIRE(asked.size() == 1);
    const auto copy = f.stored(kHalfTopic, 0, 1);
    CHECK(copy->property("TRANSACTION_CHECK_TIMES") == "1");
    CHECK(copy->property("WAIT").empty());
    CHECK(copy->record.born_timestamp == f.clock.now_ms() - 30'000);

    const auto& header = asked[0].header;
    CHECK(header.at("topic") == kHalfTopic);
    CHECK(header.at("tranStateTableOffset") == "1");
    CHECK(header.at("commitLogOffset") == std::to_string(copy->record.physical_offset.value));
    CHECK(header.at("msgId") == "U-b");
    CHECK(header.at("transactionId") == "U-b");
    CHECK(header.at("offsetMsgId").size() == 32);
    CHECK(header.at("bname") == "broker-a");
    const auto& body = *asked[0].half;
    CHECK(body.record.topic == "T");
    CHECK(body.record.queue_id == 2);
    CHECK(body.record.body == "b");
    CHECK(body.record.queue_offset.value == 1);
    CHECK(body.record.physical_offset == copy->record.physical_offset);
    CHECK(body.property("PGROUP") == "pg");
    CHECK(body.property("TRANSACTION_CHECK_TIMES") == "1");

    CHECK(f.position(kHalfTopic) == 1);
    CHECK(half.queue_offset == 0);
    CHECK(f.end(asked[0].place(), "8", true).code == ResponseCode::SUCCESS);
    CHECK(f.stored("T", 2, 0)->record.body == "b");
    f.write_ops();
    f.check();
    CHECK(f.asked().empty());
    CHECK(f.position(kHalfTopic) == 2);
    CHECK(f.position(kOpTopic) == 1);
}

TEST_CASE("Transactions: a message younger than transactionTimeOut ends the round",
          "[broker][transaction][T-03]") {
    Fixture f;
    f.config.transaction_check_interval = 6000;
    f.send_half("old");
    f.clock.advance_ms(1);
    f.send_half("young");
    f.clock.advance_ms(1);
    f.check();
    const auto asked = f.asked();
    REQUIRE(asked.size() == 2);
    CHECK(asked[0].half->record.body == "old");

    f.config.transaction_check_interval = 5000;
    f.send_half("younger");
    f.check();
    for (const auto& check : f.asked()) {
        CHECK(check.half->record.body != "younger");
    }
    CHECK(f.position(kHalfTopic) == 4);
}

TEST_CASE("Transactions: what was ended is not asked about, in whatever order",
          "[broker][transaction][T-03][T-07]") {
    Fixture f;
    f.config.transaction_check_interval = 100'000;
    std::deque<Fixture::Half> halves;
    for (int i = 0; i < 100; ++i) {
        halves.push_back(f.send_half(std::to_string(i)));
    }
    for (int i = 99; i >= 0; --i) {
        if (i != 40) {
            f.end(halves[static_cast<std::size_t>(i)], i % 2 == 0 ? "8" : "12");
        }
        if (i % 10 == 0) {
            f.write_ops();
        }
    }
    f.check();
    const auto asked = f.asked();
    REQUIRE(asked.size() == 1);
    CHECK(asked[0].half->record.body == "40");
    CHECK(f.position(kHalfTopic) == 100);
    CHECK(f.position(kOpTopic) == f.store->max_offset(kOpTopic, 0).value);
    CHECK(f.store->max_offset("T", 2).value == 49);
}

TEST_CASE("Transactions: an op that waits for its batch counts", "[broker][transaction][T-07]") {
    Fixture f;
    f.config.transaction_op_batch_interval = 1'000'000;
    f.end(f.send_half("b"), "8");
    f.check();
    CHECK(f.asked().empty());
    CHECK(f.position(kHalfTopic) == 1);
}

TEST_CASE("Transactions: ops are written together after the interval, or when they are many",
          "[broker][transaction][T-07]") {
    Fixture f;
    for (int i = 0; i < 3; ++i) {
        f.end(f.send_half("b"), "12");
    }
    f.transactions->run_once();
    f.catch_up();
    CHECK(f.store->max_offset(kOpTopic, 0).value == 0);
    f.write_ops();
    CHECK(f.stored(kOpTopic, 0, 0)->record.body == "0,1,2,");
    f.config.transaction_op_msg_max_size = 4;
    for (int i = 0; i < 3; ++i) {
        f.end(f.send_half("b"), "12");
    }
    f.transactions->run_once();
    CHECK(f.stored(kOpTopic, 0, 1)->record.body == "3,4,");
    CHECK(f.stored(kOpTopic, 0, 2)->record.body == "5,");
}

TEST_CASE("Transactions: ops of 4.x brokers, one number each, are read, strange ones passed over",
          "[broker][transaction][T-07]") {
    Fixture f;
    f.send_half("a");
    f.send_half("b");
    f.send_half("c");
    f.put(kOpTopic, 0, "1", encode_pairs({"TAGS", "d"}));
    f.put(kOpTopic, 0, "2", encode_pairs({"TAGS", "other"}));
    f.put(kOpTopic, 0, "x,,-1,0", encode_pairs({"TAGS", "d"}));
    f.check();
    const auto asked = f.asked();
    REQUIRE(asked.size() == 1);
    CHECK(asked[0].half->record.body == "c");
    CHECK(f.position(kOpTopic) == 3);
}

TEST_CASE("Transactions: after transactionCheckMax checks a message is moved away",
          "[broker][transaction][T-04]") {
    Fixture f;
    f.config.transaction_check_max = 3;
    f.send_half("b");
    std::size_t asked = 0;
    for (int round = 0; round < 6; ++round) {
        f.check();
        asked += f.asked().size();
    }
    CHECK(asked == 3);
    const auto discarded = f.stored("TRANS_CHECK_MAX_TIME_TOPIC", 0, 0);
    CHECK(discarded->property("REAL_TOPIC") == "T");
    CHECK(discarded->property("TRANSACTION_CHECK_TIMES") == "3");
    CHECK(discarded->record.flag == 9);
    CHECK(f.store->max_offset("TRANS_CHECK_MAX_TIME_TOPIC", 0).value == 1);
    CHECK(f.topics->select("TRANS_CHECK_MAX_TIME_TOPIC")->write_queue_nums == 1);
    CHECK(f.transactions->metrics().count("T") == 0);
}

TEST_CASE("Transactions: a message older than fileReservedTime is moved away unasked",
          "[broker][transaction][T-04]") {
    Fixture f;
    f.store_config.file_reserved_time = 1;
    f.send_half("b");
    f.clock.advance_ms(3'600'000);
    f.check();
    CHECK(f.asked().empty());
    CHECK(f.stored("TRANS_CHECK_MAX_TIME_TOPIC", 0, 0)->property("TRANSACTION_CHECK_TIMES") == "1");
}

TEST_CASE("Transactions: a message under immunity makes way and is asked about afterwards",
          "[broker][transaction][T-03]") {
    Fixture f;
    f.send_half("immune", {"CHECK_IMMUNITY_TIME_IN_SECONDS", "100"});
    f.send_half("other");
    f.check();
    const auto first = f.asked();
    REQUIRE(first.size() == 1);
    CHECK(first[0].half->record.body == "other");
    f.end(first[0].place(), "12", true);
    const auto copy = f.stored(kHalfTopic, 0, 2);
    CHECK(copy->property("TRAN_PREPARED_QUEUE_OFFSET") == "0");
    CHECK(copy->property("WAIT") == "false");
    CHECK(copy->property("TRANSACTION_CHECK_TIMES").empty());
    f.check();
    f.check();
    CHECK(f.asked().empty());
    f.check();  // 120 s after its birth
    const auto second = f.asked();
    REQUIRE(second.size() == 1);
    CHECK(second[0].half->record.body == "immune");
    CHECK(second[0].half->property("TRANSACTION_CHECK_TIMES") == "1");
    CHECK(second[0].half->property("TRAN_PREPARED_QUEUE_OFFSET") == "0");
}

TEST_CASE("Transactions: an end that names a former place settles a message that was put again",
          "[broker][transaction][T-03]") {
    Fixture f;
    const auto half = f.send_half("b", {"CHECK_IMMUNITY_TIME_IN_SECONDS", "100"});
    f.check();
    f.check();
    CHECK(f.end(half, "8").code == ResponseCode::SUCCESS);
    f.check();
    f.check();
    f.check();
    CHECK(f.asked().empty());
    CHECK(f.position(kHalfTopic) == f.store->max_offset(kHalfTopic, 0).value);
    CHECK(f.store->max_offset("T", 2).value == 1);
}

TEST_CASE("Transactions: a copy is settled by an op that names the original, as Java brokers do",
          "[broker][transaction][T-03]") {
    Fixture f;
    f.send_half("b", {"CHECK_IMMUNITY_TIME_IN_SECONDS", "100"});
    const auto original = f.stored(kHalfTopic, 0, 0);
    f.put(kHalfTopic, 0, "b",
          std::string(original->record.properties) +
              encode_pairs({"TRAN_PREPARED_QUEUE_OFFSET", "0"}));
    f.put(kOpTopic, 0, "0,", encode_pairs({"TAGS", "d"}));
    f.check();
    CHECK(f.asked().empty());
    CHECK(f.position(kHalfTopic) == 2);
    CHECK(f.position(kOpTopic) == 1);
}

TEST_CASE("Transactions: without a producer the check counts all the same",
          "[broker][transaction][T-03]") {
    Fixture f;
    f.send_half("b");
    f.producers->unregister_producer("pg", *f.producer);
    f.check();
    CHECK(f.stored(kHalfTopic, 0, 1)->property("TRANSACTION_CHECK_TIMES") == "1");
    f.producers->register_producer("pg", {.connection = f.producer, .client_id = "c1"});
    f.check();
    CHECK(f.asked().size() == 1);
}

TEST_CASE("Transactions: another broker's service goes on where this one stopped",
          "[broker][transaction][T-03]") {
    Fixture f;
    f.send_half("a");
    f.end(f.send_half("b"), "12");
    f.write_ops();
    f.check();
    CHECK(f.asked().size() == 1);
    broker::TransactionalMessageService next({.config = f.config,
                                              .store_config = f.store_config,
                                              .offsets = *f.offsets,
                                              .producers = *f.producers,
                                              .topics = *f.topics,
                                              .stats = f.stats,
                                              .clock = f.clock,
                                              .store_host = *parse_socket_address("127.0.0.1:1")},
                                             broker::make_transaction_store(*f.store),
                                             f.dir.file("transactionMetrics"));
    f.clock.advance_ms(30'000);
    next.run_once();
    const auto asked = f.asked();
    REQUIRE(asked.size() == 1);
    CHECK(asked[0].half->record.body == "a");
    CHECK(asked[0].half->property("TRANSACTION_CHECK_TIMES") == "2");
}

TEST_CASE("Transactions: a store that refuses loses no op and no half message",
          "[broker][transaction][T-03][T-07]") {
    Fixture f;
    auto owned = std::make_unique<RefusingStore>(broker::make_transaction_store(*f.store));
    auto& refusing = *owned;
    broker::TransactionalMessageService service({.config = f.config,
                                                 .store_config = f.store_config,
                                                 .offsets = *f.offsets,
                                                 .producers = *f.producers,
                                                 .topics = *f.topics,
                                                 .stats = f.stats,
                                                 .clock = f.clock,
                                                 .store_host = {}},
                                                std::move(owned), f.dir.file("metrics"));
    f.send_half("a");
    f.send_half("b");
    service.settle(QueueOffset{1});
    refusing.is_refusing = true;
    f.catch_up();
    f.clock.advance_ms(30'000);
    service.run_once();
    CHECK(f.asked().empty());
    CHECK(f.position(kHalfTopic) == -1);  // nothing moved on
    refusing.is_refusing = false;
    f.clock.advance_ms(30'000);
    service.run_once();
    CHECK(f.stored(kOpTopic, 0, 0)->record.body == "1,");
    CHECK(f.asked().size() == 1);
    CHECK(f.position(kHalfTopic) == 2);
}

TEST_CASE("Transactions: the counts are kept in transactionMetrics as the original writes them",
          "[broker][transaction][T-08]") {
    Fixture f;
    f.send_half("a");
    f.send_half("b");
    f.clock.advance_ms(10'000);
    f.transactions->run_once();
    const auto path = f.dir.file("transactionMetrics");
    const auto object = nlohmann::json::parse(*read_file(path));
    CHECK(object["transactionCount"]["T"]["count"] == 2);
    CHECK(object["transactionCount"]["T"]["timeStamp"] == f.clock.now_ms() - 10'000);
    CHECK(object["dataVersion"]["counter"] == 2);
    broker::TransactionMetrics metrics(path, f.clock);
    REQUIRE(metrics.load());
    CHECK(metrics.count("T") == 2);
    metrics.remove("T");
    CHECK(metrics.count("T") == 0);
}

TEST_CASE("Transactions: the thread writes ops in time and stops with what waits written",
          "[broker][transaction][T-07]") {
    Fixture f;
    f.config.transaction_op_msg_max_size = 2;
    f.transactions->start();
    f.end(f.send_half("a"), "12");
    f.run_until([&] { return f.store->max_offset(kOpTopic, 0).value == 1; });
    f.config.transaction_op_msg_max_size = 4096;
    f.end(f.send_half("b"), "12");
    f.transactions->stop();
    CHECK(f.stored(kOpTopic, 0, 1)->record.body == "1,");
}
