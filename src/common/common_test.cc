// SPDX-License-Identifier: Apache-2.0
#include "common/base64.h"
#include "common/crc32.h"
#include "common/java_string.h"
#include "common/lenient_json.h"
#include "common/message/message_id.h"
#include "common/message/message_properties.h"
#include "common/message/message_record.h"
#include "common/message/property_order.h"
#include "common/persistent_file.h"
#include "common/properties_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"

#include <nlohmann/json.hpp>

#include <filesystem>

using namespace rmq;

TEST_CASE("java_string_hash: agrees with String.hashCode", "[common]") {
    CHECK(java_string_hash("TagA") == 2598919);
    CHECK(java_string_hash("标签") == 857175);
    CHECK(java_string_hash("😀") == 1772899);
    CHECK(java_string_hash("tag标0") == 110942755);
    CHECK(java_string_hash("polygenelubricants") == INT32_MIN);
    CHECK(java_string_length("a😀") == 3);
}

TEST_CASE("crc32_of: agrees with UtilAll.crc32", "[common]") {
    CHECK(crc32_of("hello") == 907060870);
    CHECK(crc32_of("") == 0);
}

TEST_CASE("parse_properties: reads what java.util.Properties reads", "[common][A-01]") {
    const auto parsed = parse_properties(
        "# comment\n! other\nkey=value\n  spaced : v w \nempty=\nbare\nuni=\\u4e2d\n"
        "long=one\\\n   two\nback=a\\\\b\nkey=later\r\ncolon\\:in=1\n");
    REQUIRE(parsed);
    const Properties expected{{"key", "later"}, {"spaced", "v w "}, {"empty", ""},
                              {"bare", ""},     {"uni", "中"},      {"long", "onetwo"},
                              {"back", "a\\b"}, {"colon:in", "1"}};
    CHECK(*parsed == expected);
    CHECK_FALSE(parse_properties("bad=\\u12"));
}

TEST_CASE("parse_lenient_json: accepts unquoted integer and object keys", "[common]") {
    const auto table = parse_lenient_json("{\"T@g\":{0:5,1:7}}\n");
    REQUIRE(table);
    CHECK((*table)["T@g"]["1"] == 7);
    const auto keyed = parse_lenient_json(R"({"t":{{"brokerName":"b","queueId":0}:{"x":1}}})");
    REQUIRE(keyed);
    CHECK((*keyed)["t"][R"({"brokerName":"b","queueId":0})"]["x"] == 1);
    CHECK_FALSE(parse_lenient_json("{\"a\":1"));
    CHECK_FALSE(parse_lenient_json("{\"a\":\"\\"));
    CHECK_FALSE(parse_lenient_json(std::string(100'000, '[')));
    CHECK_FALSE(parse_lenient_json("[1,]"));
    // Keys in keys: every level would double the text.
    CHECK_FALSE(parse_lenient_json(R"({{{"a":1}:1}:1})"));
    CHECK(parse_lenient_json(R"({{"a":1}:{{"b":1}:1},{"c":1}:1})"));
}

TEST_CASE("message properties: walk, find, set and remove", "[common][M-11]") {
    std::string text =
        "A\001"
        "1\002"
        "B\001"
        "2";
    append_property(text, "C", "3");
    CHECK(find_property(text, "B") == "2");
    set_property(text, "A", "9");
    remove_property(text, "B");
    CHECK(decode_properties(text) == std::map<std::string, std::string>{{"A", "9"}, {"C", "3"}});
    CHECK_FALSE(find_property("X\001\002", "X"));
}

namespace {

// Names only, parted by blanks; each is its own value.
std::string ordered(std::string_view names, std::size_t slots = kParsedPropertySlots) {
    std::string encoded;
    KeyCursor cursor(names);
    while (const auto name = cursor.next()) {
        append_property(encoded, *name, *name);
    }
    order_properties(encoded, slots);
    std::string result;
    PropertyCursor pairs(encoded);
    while (const auto pair = pairs.next()) {
        result.append(result.empty() ? "" : " ").append(pair->name);
    }
    return result;
}

}  // namespace

TEST_CASE("message properties: the order is that of the original's maps", "[common][M-11][K-01]") {
    // As the original's files have them.
    CHECK(ordered("TIMER_DELAY_SEC TAGS KEYS UNIQ_KEY MSG_REGION TRACE_ON CLUSTER TIMER_OUT_MS "
                  "REAL_TOPIC REAL_QID TIMER_ENQUEUE_MS TIMER_DEQUEUE_MS") ==
          "TIMER_DELAY_SEC TIMER_OUT_MS MSG_REGION UNIQ_KEY CLUSTER TIMER_ENQUEUE_MS TAGS KEYS "
          "TRACE_ON TIMER_DEQUEUE_MS REAL_TOPIC REAL_QID");
    CHECK(ordered("TAGS UNIQ_KEY TIMER_DELIVER_MS TIMER_OUT_MS REAL_TOPIC REAL_QID",
                  kMadePropertySlots) ==
          "REAL_TOPIC TIMER_DELIVER_MS UNIQ_KEY TAGS TIMER_OUT_MS REAL_QID");
    CHECK(copied_property_slots(6) == 16);
    CHECK(ordered("MSG_REGION UNIQ_KEY CLUSTER TAGS KEYS TRACE_ON 1ST_POP_TIME ORIGIN_GROUP",
                  copied_property_slots(6)) ==
          "ORIGIN_GROUP TRACE_ON MSG_REGION KEYS UNIQ_KEY CLUSTER 1ST_POP_TIME TAGS");
}

TEST_CASE("message properties: a map that fills up grows, and so the order changes",
          "[common][M-11][K-01]") {
    std::string names;
    for (int number = 0; number < 120; ++number) {
        names += "p" + std::to_string(number) + " ";
    }
    const auto result = ordered(names + "CLUSTER TRACE_ON");
    CHECK(result.starts_with("p50 p52 p51 p54 p53 p56 p55 p58 p57 p59 CLUSTER p61 p60 "));
}

TEST_CASE("message properties: put in order, what cannot be read is left out, the last value stays",
          "[common][M-11]") {
    std::string encoded =
        "b\x01\x02"
        "c\x01"
        "d\x02"
        "KEYS\x02"
        "c\x01"
        "e\x02"
        "UNIQ_KEY\x01"
        "u";
    order_properties(encoded);
    CHECK(decode_properties(encoded) ==
          std::map<std::string, std::string>{{"UNIQ_KEY", "u"}, {"c", "e"}});
    CHECK(encoded.size() == std::string_view("UNIQ_KEY=u;c=e;").size());
    std::string none;
    order_properties(none);
    CHECK(none.empty());
}

TEST_CASE("message record: what is encoded is decoded", "[common][K-01]") {
    MessageRecord record;
    record.queue_id = 3;
    record.queue_offset = {42};
    record.physical_offset = {4096};
    record.sys_flag = sys_flag::kStoreHostV6;
    record.born_host = *parse_socket_address("10.0.0.1:1234");
    record.store_host = *parse_socket_address("[::1]:10911");
    record.body = "body";
    record.topic = "Topic";
    record.properties =
        "A\001"
        "1\002";
    for (const auto magic : {layout::kMagicV1, layout::kMagicV2}) {
        record.magic = magic;
        const auto bytes = encode_message(record);
        const auto decoded = decode_message(bytes, VerifyCrc::kYes);
        REQUIRE(decoded);
        CHECK(decoded->body == "body");
        CHECK(decoded->topic == "Topic");
        CHECK(decoded->properties == record.properties);
        CHECK(decoded->store_host == record.store_host);
        CHECK(decoded->born_host.to_string() == "10.0.0.1:1234");
        for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
            CHECK_FALSE(decode_message(std::string_view(bytes).substr(0, cut)));
        }
    }
}

TEST_CASE("message ids: offset ids round trip, unique ids differ", "[common][M-01]") {
    const auto host = *parse_socket_address("127.0.0.1:10911");
    const std::string id = make_offset_message_id(host, {1234});
    CHECK(id == "7F00000100002A9F00000000000004D2");
    CHECK(parse_offset_message_id(id)->offset == PhysicalOffset{1234});
    CHECK(parse_offset_message_id(id)->store_host == host);
    CHECK_FALSE(parse_offset_message_id("xyz"));
    CHECK(make_unique_id(host, 1'700'000'000'000).size() == 32);
    CHECK(make_unique_id(host, 1'700'000'000'000) != make_unique_id(host, 1'700'000'000'000));
}

TEST_CASE("replace_with_backup: keeps the former text as .bak", "[common]") {
    const testing::TempDir dir;
    const std::string path = dir.file("config/topics.json");
    REQUIRE(replace_with_backup(path, "one"));
    REQUIRE(replace_with_backup(path, "two"));
    CHECK(*read_file(path) == "two");
    CHECK(*read_file(path + ".bak") == "one");
    const auto is_word = [](const std::string& text) { return text == "one" || text == "two"; };
    CHECK(*load_with_backup(path, is_word) == "two");
    for (const char* const damage : {"", "t", "\0\0\0"}) {
        REQUIRE(write_file(path, damage));
        CHECK(*load_with_backup(path, is_word) == "one");
    }
    CHECK(load_with_backup(dir.file("none"), is_word).error().code == Errc::kNotFound);
    REQUIRE(write_file(path + ".bak", "x"));
    const auto neither = load_with_backup(path, is_word);
    REQUIRE_FALSE(neither);
    CHECK(neither.error().code == Errc::kMalformed);
    CHECK_THAT(neither.error().remark, Catch::Contains(path) && Catch::Contains("restore"));
}

TEST_CASE("replace_with_backup: when the new text cannot be written, both files stay", "[common]") {
    const testing::TempDir dir;
    const std::string path = dir.file("config/topics.json");
    REQUIRE(replace_with_backup(path, "one"));
    REQUIRE(replace_with_backup(path, "two"));
    // /dev/full is a disk without a free block.
    std::filesystem::create_symlink("/dev/full", path + ".tmp");
    for (int i = 0; i < 3; ++i) {
        CHECK(replace_with_backup(path, "three").error().code == Errc::kResourceExhausted);
        CHECK(*read_file(path) == "two");
        CHECK(*read_file(path + ".bak") == "one");
        std::filesystem::create_symlink("/dev/full", path + ".tmp");
    }
    std::filesystem::remove(path + ".tmp");
    REQUIRE(replace_with_backup(path, "three"));
    CHECK(*read_file(path + ".bak") == "two");
}

TEST_CASE("base64: both alphabets round trip, half a padding is none", "[common]") {
    std::string bytes;
    for (int length = 0; length < 70; ++length) {
        for (const auto alphabet : {Base64::kStandard, Base64::kUrl}) {
            CHECK(decode_base64(encode_base64(bytes, alphabet), alphabet) == bytes);
        }
        bytes += static_cast<char>(length * 37 + 251);
    }
    CHECK(encode_base64("\xff\xfe\xff") == "//7/");
    CHECK(encode_base64("\xff\xfe\xff", Base64::kUrl) == "__7_");
    CHECK(decode_base64("YQ") == "a");
    CHECK(decode_base64("YQ==") == "a");
    for (const auto* const text : {"Y", "YQ=", "YQ===", "Y=Q=", "Y Q=", "__7_"}) {
        CHECK_FALSE(decode_base64(text));
    }
}

TEST_CASE("keys: parted by blanks, and the unique key is one of them", "[common]") {
    std::string properties;
    append_property(properties, property::kKeys, " a  bc ");
    append_property(properties, property::kUniqKey, "u");
    for (const auto* const key : {"a", "bc", "u"}) {
        CHECK(has_key(properties, key));
    }
    for (const auto* const key : {"", "b", "a  bc", "c"}) {
        CHECK_FALSE(has_key(properties, key));
    }
}
