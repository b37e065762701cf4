// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/header_codec.h"

#include "common/testing/catch.h"

using namespace rmq;

namespace {

struct SampleHeader {
    std::string_view topic;
    std::int32_t queue_id = 0;
    std::int64_t offset = 0;
    bool commit = false;
    std::optional<std::string_view> text;
    std::optional<std::int32_t> count;
    std::optional<bool> flag;

    template <class Visitor>
    void visit(Visitor& v) {
        v("topic", topic);
        v("queueId", queue_id);
        v("offset", offset);
        v("commit", commit);
        v("text", text);
        v("count", count);
        v("flag", flag);
    }
};

ExtFields sample_fields() {
    ExtFields ext;
    ext.add("topic", "T");
    ext.add("queueId", "-2147483648");
    ext.add("offset", "9223372036854775807");
    ext.add("commit", "TRUE");
    return ext;
}

}  // namespace

TEST_CASE("Header codec: fields decode in any order, optional ones may be absent",
          "[protocol][header]") {
    ExtFields ext;
    ext.add("commit", "true");
    ext.add("offset", "+5");
    ext.add("extra", "x");
    ext.add("topic", "");
    ext.add("queueId", "7");
    const auto header = decode_header<SampleHeader>(ext);
    REQUIRE(header);
    CHECK(header->topic.empty());
    CHECK(header->queue_id == 7);
    CHECK(header->offset == 5);
    CHECK(header->commit);
    CHECK_FALSE(header->text);
    CHECK_FALSE(header->count);
}

TEST_CASE("Header codec: an empty optional number is absent, an empty optional text is there",
          "[protocol][header]") {
    ExtFields ext = sample_fields();
    ext.add("text", "");
    ext.add("count", "");
    ext.add("flag", "yes");
    const auto header = decode_header<SampleHeader>(ext);
    REQUIRE(header);
    CHECK(header->queue_id == INT32_MIN);
    CHECK(header->offset == INT64_MAX);
    CHECK(header->text == std::optional<std::string_view>(""));
    CHECK_FALSE(header->count);
    CHECK(header->flag == std::optional<bool>(false));
}

TEST_CASE("Header codec: a missing or unreadable field is named", "[protocol][header]") {
    ExtFields missing;
    missing.add("queueId", "1");
    CHECK(decode_header<SampleHeader>(missing).error().remark.find("topic") != std::string::npos);

    const auto* const bad =
        GENERATE("", " 1", "1 ", "1.0", "0x1", "2147483648", "+-1", "+", "-", "abc");
    CAPTURE(bad);
    ExtFields ext = sample_fields();
    ext.add("queueId", bad);
    const auto header = decode_header<SampleHeader>(ext);
    REQUIRE_FALSE(header);
    CHECK(header.error().code == Errc::kInvalidArgument);
    CHECK(header.error().remark.find("queueId") != std::string::npos);
}

TEST_CASE("Header codec: encoding writes every present value as a string", "[protocol][header]") {
    SampleHeader header;
    header.topic = "a\"b";
    header.queue_id = -1;
    header.count = 4;
    ExtWriter out;
    encode_header(header, out);
    CHECK(out.text() ==
          R"("topic":"a\"b","queueId":"-1","offset":"0","commit":"false","count":"4")");
}

TEST_CASE("ExtFields: look-ups work in any order and the last value of a key counts",
          "[protocol][header]") {
    ExtFields ext;
    for (const char* key : {"a", "b", "c", "a"}) {
        ext.add(key, key);
    }
    ext.add("b", "2");
    CHECK(ext.size() == 3);
    CHECK(ext.find("c") == "c");
    CHECK(ext.find("a") == "a");
    CHECK(ext.find("b") == "2");
    CHECK_FALSE(ext.find("d"));
    ext.clear();
    CHECK_FALSE(ext.find("a"));
}
