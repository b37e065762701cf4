// SPDX-License-Identifier: Apache-2.0
#include "broker/testing/transaction_fixture.h"

#include "common/message/message_id.h"
#include "common/message/message_properties.h"
#include "common/testing/catch.h"

#include <nlohmann/json.hpp>

#include <utility>

namespace rmq::testing {

namespace {

ExtMap ext_of(const ExtWriter& ext) {
    return nlohmann::json::parse("{" + std::string(ext.text()) + "}").get<ExtMap>();
}

}  // namespace

TransactionFixture::TransactionFixture(const StoreSetup& setup) : ClientFixture(setup) {
    add_topic("T", 4);
    producers->register_producer("pg", {.connection = producer, .client_id = "c1"});
}

TransactionFixture::Half TransactionFixture::send_half(
    std::string body, std::initializer_list<std::string_view> more_properties) {
    const auto response =
        ask(producer, RequestCode::SEND_MESSAGE_V2,
            {{"a", "pg"},
             {"b", "T"},
             {"c", "TBW102"},
             {"d", "4"},
             {"e", "2"},
             {"f", "4"},
             {"g", std::to_string(clock.now_ms())},
             {"h", "9"},
             {"i", encode_pairs({"TRAN_MSG", "true", "PGROUP", "pg", "UNIQ_KEY", "U-" + body}) +
                       encode_pairs(more_properties)}},
            body);
    REQUIRE(response.code == ResponseCode::SUCCESS);
    const auto ext = ext_of(response.ext);
    CHECK(ext.at("queueId") == "2");
    CHECK(ext.at("transactionId") == "U-" + body);
    return {std::stoll(ext.at("queueOffset")),
            parse_offset_message_id(ext.at("msgId"))->offset.value};
}

ExtMap TransactionFixture::end_of(const Half& half, const char* how, bool from_check) const {
    return {{"producerGroup", "pg"},
            {"tranStateTableOffset", std::to_string(half.queue_offset)},
            {"commitLogOffset", std::to_string(half.position)},
            {"commitOrRollback", how},
            {"fromTransactionCheck", from_check ? "true" : "false"},
            {"msgId", "U"}};
}

Response TransactionFixture::end(const Half& half, const char* how, bool from_check) {
    return ask(producer, RequestCode::END_TRANSACTION, end_of(half, how, from_check));
}

void TransactionFixture::catch_up() {
    run_until([this] { return store->runtime().dispatch_behind_bytes == 0; });
}

void TransactionFixture::write_ops() {
    clock.advance_ms(config.transaction_op_batch_interval);
    transactions->run_once();
    catch_up();
}

void TransactionFixture::check() {
    catch_up();
    clock.advance_ms(config.transaction_check_interval);
    while (transactions->run_once() == 0) {
    }
    catch_up();
}

TransactionFixture::Half TransactionFixture::Asked::place() const {
    return {std::stoll(header.at("tranStateTableOffset")),
            std::stoll(header.at("commitLogOffset"))};
}

std::vector<TransactionFixture::Asked> TransactionFixture::asked() {
    std::vector<Asked> checks;
    for (const auto& command : producer->take_oneways()) {
        REQUIRE(command.code == RequestCode::CHECK_TRANSACTION_STATE);
        checks.push_back({ext_of(command.ext), std::make_unique<StoredMessage>(command.body)});
    }
    return checks;
}

std::int64_t TransactionFixture::position(std::string_view topic) const {
    return offsets->query({"CID_RMQ_SYS_TRANS", topic, 0});
}

}  // namespace rmq::testing
