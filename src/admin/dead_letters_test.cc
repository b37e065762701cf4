// SPDX-License-Identifier: Apache-2.0
#include "admin/dead_letters.h"

#include "common/message/message_json.h"
#include "common/message/message_properties.h"
#include "common/testing/catch.h"

#include <map>
#include <sstream>

using namespace rmq;
using namespace rmq::admin;

namespace {

std::string encoded(const std::map<std::string, std::string>& pairs) {
    std::string text;
    for (const auto& [name, value] : pairs) {
        append_property(text, name, value);
    }
    return text;
}

}  // namespace

TEST_CASE("dead letters: chosen by key, unique id and time", "[admin][R-07]") {
    const std::string properties = encoded({{"KEYS", "a order-1 b"}, {"UNIQ_KEY", "ID7"}});
    MessageRecord record;
    record.properties = properties;
    record.store_timestamp = 1000;
    CHECK(matches({}, record));
    CHECK(matches({.key = "order-1"}, record));
    CHECK(matches({.key = "ID7"}, record));
    CHECK_FALSE(matches({.key = "order"}, record));
    CHECK(matches({.begin_ms = 1000, .end_ms = 1000}, record));
    CHECK_FALSE(matches({.begin_ms = 1001}, record));
    CHECK_FALSE(matches({.end_ms = 999}, record));
}

TEST_CASE("dead letters: sent again as the producer sent them", "[admin][R-07]") {
    const std::string properties = encoded({{"KEYS", "k"},
                                            {"TAGS", "t"},
                                            {"UNIQ_KEY", "ID7"},
                                            {"own", "x"},
                                            {"RETRY_TOPIC", "Orders"},
                                            {"ORIGIN_MESSAGE_ID", "0A"},
                                            {"DELAY", "0"},
                                            {"WAIT", "false"},
                                            {"MAX_RECONSUME_TIMES", "3"}});
    MessageRecord record;
    record.properties = properties;
    record.sys_flag = sys_flag::kCompressed | sys_flag::kBornHostV6 | 0x300;
    const auto resend = resend_of(record);
    REQUIRE(resend);
    CHECK(resend->topic == "Orders");
    CHECK(decode_properties(resend->properties) ==
          std::map<std::string, std::string>{
              {"KEYS", "k"}, {"TAGS", "t"}, {"UNIQ_KEY", "ID7"}, {"own", "x"}});
    CHECK(resend->sys_flag == (sys_flag::kCompressed | 0x300));

    record.properties = {};
    CHECK(resend_of(record).error().code == Errc::kMalformed);
}

TEST_CASE("dead letters: bodies that are no text are exported in Base64", "[admin][X-10]") {
    const std::string properties = encoded({{"RETRY_TOPIC", "Orders"}, {"KEYS", "say \"hi\""}});
    MessageRecord record;
    record.topic = "%DLQ%g";
    record.properties = properties;
    record.body = "text";
    std::ostringstream json;
    write_message_json(record, json);
    CHECK(json.str().find(R"("body":"text")") != std::string::npos);
    CHECK(json.str().find(R"("KEYS":"say \"hi\"")") != std::string::npos);
    std::ostringstream csv;
    write_csv(record, csv);
    CHECK(csv.str() == "\"Orders\",\"say \"\"hi\"\"\",\"\",\"\",0,0,0,0,0,text,\"text\"\n");

    record.body = std::string_view("\xff\x00", 2);
    std::ostringstream bytes;
    write_message_json(record, bytes);
    CHECK(bytes.str().find(R"("bodyBase64":"/wA=")") != std::string::npos);
}
