// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/send_properties.h"

#include "broker/processor/delay_rewrite.h"
#include "broker/processor/message_batch.h"
#include "common/bytes.h"
#include "common/message/message_properties.h"
#include "common/testing/catch.h"

using namespace rmq;
using namespace rmq::broker;

namespace {

using namespace std::string_literals;

const BrokerProperties kBroker{.region_id = "R", .cluster_name = "C", .trace_on = true};
const std::string kAdded = "MSG_REGION\1R\2TRACE_ON\1true\2CLUSTER\1C\2"s;

std::string rewritten(std::string_view encoded) {
    std::string out = "what was there before";
    rewrite_properties(encoded, kBroker, out);
    return out;
}

SendProperties timer(std::string_view sec, std::string_view ms, std::string_view deliver) {
    SendProperties properties;
    properties.timer_delay_sec = sec;
    properties.timer_delay_ms = ms;
    properties.timer_deliver_ms = deliver;
    return properties;
}

}  // namespace

TEST_CASE("SendProperties: the order stays and what the broker sets comes last", "[broker][send]") {
    CHECK(rewritten("") == kAdded);
    CHECK(rewritten("a\1b\2") == "a\1b\2"s + kAdded);
    CHECK(rewritten("z\1b\2a\1c") == "z\1b\2a\1c\2"s + kAdded);       // old clients end without 2
    CHECK(rewritten("a\1\2\1b\2\2x\2y\1z\2") == "y\1z\2"s + kAdded);  // what readers skip
    CHECK(rewritten("POP_CK\1p\2POP_CK_OFFSET\1o\2PG\1q\2") ==
          "POP_CK_OFFSET\1o\2PG\1q\2"s + kAdded);
    CHECK(rewritten("TRACE_ON\1false\2CLUSTER\1X\2MSG_REGION\1X\2") == kAdded);
}

TEST_CASE("SendProperties: what decides the treatment is found in the same pass",
          "[broker][send]") {
    std::string out;
    const std::string encoded =
        "UNIQ_KEY\1U\2DELAY\0013\2WAIT\1FALSE\2TRAN_MSG\1True\2KEYS\1k\2INNER_NUM\0012\2"s;
    const auto found = rewrite_properties(encoded, kBroker, out);
    CHECK(found.unique_key == "U");
    CHECK(found.delay_level == "3");
    CHECK(found.keys == "k");
    CHECK(found.inner_num == "2");
    CHECK(found.is_half_message());
    CHECK(!found.waits_for_store());
    CHECK(!found.is_timer());
    CHECK(read_properties("WAIT\1true\2").waits_for_store());
    CHECK(read_properties("").waits_for_store());
    CHECK(!read_properties("TRAN_MSG\1yes\2").is_half_message());
    CHECK(read_properties("TIMER_DELAY_MS\0015\2").is_timer());
}

TEST_CASE("SendProperties: numbers as Integer.parseInt reads them", "[broker][send]") {
    CHECK(parse_delay_level("") == 0);
    CHECK(parse_delay_level("18") == 18);
    CHECK(parse_delay_level("+1") == 1);
    CHECK(parse_delay_level("-1") == -1);
    for (const char* wrong : {"+", "-", "+-1", " 1", "1 ", "x", "1x", "2147483648", "1.0"}) {
        CHECK(!parse_delay_level(wrong));
    }
}

TEST_CASE("SendProperties: seconds come before milliseconds before a time",
          "[broker][send][timer]") {
    CHECK(timer_deliver_ms(timer("2", "3", "4"), 1'000) == 3'000);
    CHECK(timer_deliver_ms(timer("", "3", "4"), 1'000) == 1'003);
    CHECK(timer_deliver_ms(timer("", "", "4"), 1'000) == 4);
    CHECK(timer_deliver_ms(timer("-1", "", ""), 1'000) == 0);
    CHECK(!timer_deliver_ms(timer("x", "3", "4"), 1'000));
    CHECK(!timer_deliver_ms(timer("9223372036854775807", "", ""), 1'000));
    CHECK(!timer_deliver_ms(timer("", "9223372036854775807", ""), 1'000));
    CHECK(timer_deliver_ms(timer("", "", "9223372036854775807"), 1'000) == INT64_MAX);
}

TEST_CASE("DelayRewrite: the last level is the most, and the real target is kept",
          "[broker][send][delay]") {
    std::string properties = "DELAY\00199\2REAL_TOPIC\1old\2a\1b\2"s;
    const auto target = rewrite_for_delay(99, 18, "T", 5, properties);
    CHECK(target.topic == "SCHEDULE_TOPIC_XXXX");
    CHECK(target.queue_id == 17);
    CHECK(decode_properties(properties) ==
          std::map<std::string, std::string>{
              {"DELAY", "18"}, {"REAL_TOPIC", "T"}, {"REAL_QID", "5"}, {"a", "b"}});
    std::string first = "DELAY\0011\2"s;
    CHECK(rewrite_for_delay(1, 18, "T", 0, first).queue_id == 0);
    CHECK(find_property(first, "DELAY") == "1");
}

TEST_CASE("MessageBatch: every cut of a batch but those between parts is malformed",
          "[broker][send][M-03]") {
    std::string body;
    const auto add = [&body](auto number) {
        char bytes[sizeof number];
        store_be(bytes, number);
        body.append(bytes, sizeof number);
    };
    std::vector<std::size_t> ends{0};
    for (const std::string part : {"", "body"}) {
        body.append(12, '\xff');  // size, magic and crc count for nothing
        add(std::int32_t{7});
        add(static_cast<std::int32_t>(part.size()));
        body += part;
        add(std::int16_t{3});
        body += "a\1b";
        ends.push_back(body.size());
    }
    std::vector<BatchPart> parts(5);
    for (std::size_t length = 0; length <= body.size(); ++length) {
        const bool is_whole = std::find(ends.begin(), ends.end(), length) != ends.end();
        CHECK(bool{decode_batch(std::string_view(body).substr(0, length), parts)} == is_whole);
    }
    REQUIRE(parts.size() == 2);
    CHECK(parts[0].body.empty());
    CHECK(parts[1].body == "body");
    CHECK(parts[1].flag == 7);
    CHECK(parts[1].properties == "a\1b");
    for (const std::size_t at : {16U, 20U}) {  // the lengths of body and properties
        auto negative = body;
        negative[at] = '\x80';
        CHECK(!decode_batch(negative, parts));
    }
}
