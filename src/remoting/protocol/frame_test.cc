// SPDX-License-Identifier: Apache-2.0
#include "remoting/protocol/frame.h"

#include "common/bytes.h"
#include "common/testing/catch.h"

#include <string>

using namespace rmq;

namespace {

std::string frame_of(std::string_view header, std::string_view body = {}, std::uint8_t type = 0) {
    std::string frame(8, '\0');
    store_be(frame.data(), static_cast<std::uint32_t>(4 + header.size() + body.size()));
    store_be(frame.data() + 4, static_cast<std::uint32_t>(header.size() | unsigned{type} << 24));
    frame += header;
    frame += body;
    return frame;
}

// A decoder together with the frame that its views point into.
struct Decoded {
    explicit Decoded(std::string with_frame) : frame(std::move(with_frame)) {
        status = decoder.decode(frame, command);
    }

    std::string frame;
    FrameDecoder decoder;
    RemotingCommand command;
    Status status;
};

template <class T>
void put(std::string& out, T value) {
    char raw[sizeof(T)];
    store_be(raw, value);
    out.append(raw, sizeof raw);
}

std::string binary_header(std::int16_t code, std::string_view remark,
                          const std::vector<std::pair<std::string, std::string>>& ext) {
    std::string header;
    put(header, code);
    put(header, std::uint8_t{9});
    put(header, std::int16_t{317});
    put(header, std::int32_t{-5});
    put(header, std::int32_t{0});
    put(header, static_cast<std::int32_t>(remark.size()));
    header += remark;
    std::string block;
    for (const auto& [key, value] : ext) {
        put(block, static_cast<std::int16_t>(key.size()));
        block += key;
        put(block, static_cast<std::int32_t>(value.size()));
        block += value;
    }
    put(header, static_cast<std::int32_t>(block.size()));
    return header + block;
}

}  // namespace

TEST_CASE("Frame: a header as Java writes it decodes", "[protocol][frame]") {
    const Decoded got(
        frame_of(R"({"code":105,"extFields":{"topic":"T"},"flag":0,"language":"JAVA","opaque":1,)"
                 R"("serializeTypeCurrentRPC":"JSON","version":479})",
                 "body"));
    REQUIRE(got.status);
    CHECK(got.command.code == 105);
    CHECK(got.command.language == LanguageCode::kJava);
    CHECK(got.command.opaque == 1);
    CHECK(got.command.version == 479);
    CHECK(got.command.has_ext);
    CHECK(got.command.ext.find("topic") == "T");
    CHECK(got.command.body == "body");
    CHECK_FALSE(got.command.is_response());
}

TEST_CASE("Frame: what other clients write decodes too", "[protocol][frame]") {
    SECTION("members in any order, null extFields, numeric language, integers as strings") {
        const Decoded got(frame_of(
            R"({"version":"317","language":9,"extFields":null,"opaque":-7,"flag":2,"code":"34"})"));
        REQUIRE(got.status);
        CHECK(got.command.code == 34);
        CHECK(got.command.language == LanguageCode::kGo);
        CHECK(got.command.opaque == -7);
        CHECK(got.command.is_oneway());
        CHECK_FALSE(got.command.has_ext);
    }
    SECTION("ext values that are numbers, booleans, null or empty, and a trailing newline") {
        const Decoded got(frame_of(
            R"({"code":310,"extFields":{"e":3,"m":true,"k":false,"x":null,"Signature":"","g":1.5e3},)"
            "\"flag\":0,\"language\":\"CPP\",\"opaque\":2147483647,\"version\":333}\n"));
        REQUIRE(got.status);
        CHECK(got.command.ext.find("e") == "3");
        CHECK(got.command.ext.find("m") == "true");
        CHECK(got.command.ext.find("k") == "false");
        CHECK_FALSE(got.command.ext.find("x"));
        CHECK(got.command.ext.find("Signature") == "");
        CHECK(got.command.ext.find("g") == "1.5e3");
        CHECK(got.command.opaque == 2147483647);
    }
    SECTION("unknown members, nested values, white space, duplicates: the last one counts") {
        const Decoded got(
            frame_of(" { \"code\" : 1 , \"x\":[1,{\"y\":[ ]}] ,\"extFields\":{ \"a\" :\"1\" , "
                     "\"b\":{\"c\": [1]},\"a\":\"2\"}, \"code\":2, \"remark\":null}\t\r\n"));
        REQUIRE(got.status);
        CHECK(got.command.code == 2);
        CHECK(got.command.ext.size() == 2);
        CHECK(got.command.ext.find("a") == "2");
        CHECK(got.command.ext.find("b") == R"({"c": [1]})");
        CHECK(got.command.remark.empty());
    }
    SECTION("an unknown language and an empty object") {
        CHECK(Decoded(frame_of(R"({"language":"KLINGON"})")).status);
        CHECK(Decoded(frame_of(R"({"language":99,"code":3})")).status);
        CHECK(Decoded(frame_of("{}")).status);
    }
}

TEST_CASE("Frame: escapes in strings are decoded as Java does", "[protocol][frame]") {
    const Decoded got(frame_of(
        R"({"code":310,"extFields":{"i":"KEYS\u0001a b\u0002TAGS\u0001\u00e9\u4E2d\ud83d\ude00\u0002",)"
        R"("a":"\"\\\/\b\f\n\r\t","lone":"\ud800x\udc00","long":"0123456789abcdef0123456789abcdef\n)"
        R"(0123456789abcdef"},"remark":"a\tb"})"));
    REQUIRE(got.status);
    CHECK(got.command.ext.find("i") ==
          "KEYS\x01"
          "a b\x02TAGS\x01\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80\x02");
    CHECK(got.command.ext.find("a") == "\"\\/\b\f\n\r\t");
    CHECK(got.command.ext.find("lone") == "?x?");
    CHECK(got.command.ext.find("long") == "0123456789abcdef0123456789abcdef\n0123456789abcdef");
    CHECK(got.command.remark == "a\tb");
}

TEST_CASE("Frame: what is not a JSON header is refused", "[protocol][frame][hostile]") {
    const auto* const bad = GENERATE(
        "", " ", "null", "[]", "{", "}", "{\"code\"}", "{\"code\":}", "{\"code\":1,}", "{,}",
        "{\"code\":1}x", "{\"code\":1}{}", "{\"code\":01}", "{\"code\":+1}", "{\"code\":1.0}",
        "{\"code\":1e2}", "{\"code\":--1}", "{\"code\":2147483648}", "{\"opaque\":-2147483649}",
        "{\"code\":true}", "{\"code\":\"\"}", "{\"code\":\" 1\"}", "{\"code\":[1]}",
        "{\"code\":99999999999999999999}", "{\"extFields\":\"x\"}", "{\"extFields\":[]}",
        "{\"extFields\":{\"a\"}}", "{\"extFields\":{\"a\":\"b\"}", "{\"extFields\":{1:\"b\"}}",
        "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}", "{\"a\":\"\\u12g4\"}", "{\"a\":\"\\ud800\\u1\"}",
        "{\"a\":\"open}", "{\"a\":\"open\\\"}", "{\"a\":tru}", "{\"a\":nul", "{\"a\":-}",
        "{\"a\":1.}", "{\"a\":1e}", "{\"a\":.5}", "{'code':1}", "{\"language\":true}");
    CAPTURE(bad);
    const Decoded got(frame_of(bad));
    REQUIRE_FALSE(got.status);
    CHECK(got.status.error().code == Errc::kMalformed);
}

TEST_CASE("Frame: nesting and the number of fields are bounded", "[protocol][frame][hostile]") {
    const auto nested = [](std::size_t depth) {
        return frame_of("{\"x\":" + std::string(depth, '[') + std::string(depth, ']') + "}");
    };
    CHECK(Decoded(nested(limits::kJsonDepthMax - 1)).status);
    CHECK_FALSE(Decoded(nested(limits::kJsonDepthMax)).status);
    CHECK_FALSE(Decoded(nested(500'000)).status);

    const auto fields = [](std::size_t count) {
        std::string header = "{\"extFields\":{";
        for (std::size_t i = 0; i < count; ++i) {
            header += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":\"v\"";
        }
        return frame_of(header + "}}");
    };
    CHECK(Decoded(fields(limits::kExtFieldsMax)).status);
    CHECK_FALSE(Decoded(fields(limits::kExtFieldsMax + 1)).status);
}

TEST_CASE("Frame: the binary header decodes", "[protocol][frame]") {
    const Decoded got(frame_of(
        binary_header(11, "why", {{"topic", "T"}, {"queueId", "3"}, {"none", ""}}), "xyz", 1));
    REQUIRE(got.status);
    CHECK(got.command.serialize_type == SerializeType::kRocketmq);
    CHECK(got.command.code == 11);
    CHECK(got.command.language == LanguageCode::kGo);
    CHECK(got.command.version == 317);
    CHECK(got.command.opaque == -5);
    CHECK(got.command.remark == "why");
    CHECK(got.command.ext.size() == 2);
    CHECK(got.command.ext.find("queueId") == "3");
    CHECK(got.command.body == "xyz");

    const Decoded none(frame_of(binary_header(34, "", {}), "", 1));
    REQUIRE(none.status);
    CHECK_FALSE(none.command.has_ext);
}

TEST_CASE("Frame: a damaged binary header is refused", "[protocol][frame][hostile]") {
    const std::string whole = binary_header(11, "why", {{"topic", "T"}});
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CAPTURE(size);
        CHECK_FALSE(Decoded(frame_of(whole.substr(0, size), "", 1)).status);
    }
    std::string negative = whole;
    store_be(negative.data() + 13, std::int32_t{-1});
    CHECK_FALSE(Decoded(frame_of(negative, "", 1)).status);
    std::string huge = whole;
    store_be(huge.data() + 13, std::int32_t{0x7FFFFFFF});
    CHECK_FALSE(Decoded(frame_of(huge, "", 1)).status);
    CHECK_FALSE(Decoded(frame_of(whole, "", 2)).status);
}

TEST_CASE("Frame: a frame cut at every byte asks for more until it is whole", "[protocol][frame]") {
    const std::string frame = frame_of(R"({"code":10})", "body");
    for (std::size_t size = 0; size < frame.size(); ++size) {
        const auto bounds = cut_frame(std::string_view(frame).substr(0, size));
        REQUIRE(bounds);
        CHECK(bounds->frame_bytes == 0);
    }
    CHECK(cut_frame(frame)->frame_bytes == frame.size());
    CHECK(cut_frame(frame + frame)->frame_bytes == frame.size());
    CHECK(announced_frame_bytes(frame) == frame.size());
}

TEST_CASE("Frame: impossible lengths are refused as soon as they are seen",
          "[protocol][frame][hostile]") {
    const auto head = [](std::uint32_t length, std::uint32_t mark) {
        std::string bytes;
        put(bytes, length);
        put(bytes, mark);
        return bytes;
    };
    const auto code_of = [](const std::string& input) { return cut_frame(input).error().code; };
    CHECK(code_of(head(0x80000000, 0).substr(0, 4)) == Errc::kMalformed);
    CHECK(code_of(head(3, 0).substr(0, 4)) == Errc::kMalformed);
    CHECK(code_of(head(0x7FFFFFFF, 0).substr(0, 4)) == Errc::kTooLarge);
    CHECK(code_of(head(limits::kFrameMaxBytes - 3, 0).substr(0, 4)) == Errc::kTooLarge);
    CHECK(cut_frame(head(limits::kFrameMaxBytes - 4, 0)));
    CHECK(code_of(head(100, 97)) == Errc::kMalformed);
    CHECK(cut_frame(head(100, 96)));
    CHECK(code_of(head(limits::kFrameMaxBytes - 4, limits::kHeaderMaxBytes + 1)) ==
          Errc::kTooLarge);
}

TEST_CASE("Frame: heads are the bytes that Java writes", "[protocol][frame][golden]") {
    Response response(ResponseCode::TOPIC_NOT_EXIST, "No topic \"T\"\n");
    std::string bytes;
    encode_response_head(response, 2, 5, bytes);
    CHECK(bytes.substr(8) ==
          R"({"code":17,"flag":1,"language":"JAVA","opaque":2,"remark":"No topic \"T\"\n",)"
          R"("serializeTypeCurrentRPC":"JSON","version":513})");
    CHECK(load_be<std::uint32_t>(bytes.data()) == bytes.size() - 4 + 5);
    CHECK(load_be<std::uint32_t>(bytes.data() + 4) == bytes.size() - 8);

    OutboundCommand command(RequestCode::NOTIFY_CONSUMER_IDS_CHANGED);
    command.ext.add("consumerGroup", "g");
    command.ext.add("n", std::int64_t{-3});
    command.ext.add("b", true);
    command.body = "B";
    bytes.clear();
    encode_request(command, 7, true, bytes);
    CHECK(bytes.substr(8) ==
          R"({"code":40,"extFields":{"consumerGroup":"g","n":"-3","b":"true"},"flag":2,)"
          R"("language":"JAVA","opaque":7,"serializeTypeCurrentRPC":"JSON","version":513}B)");
    const Decoded again(bytes);
    REQUIRE(again.status);
    CHECK(again.command.body == "B");
    CHECK(again.command.ext.find("consumerGroup") == "g");
}

TEST_CASE("Frame: replies are strict JSON whatever the text", "[protocol][frame]") {
    std::string text;
    for (int c = 0; c < 256; ++c) {
        text += static_cast<char>(c);
    }
    text += "\xE4\xB8\xAD\xF0\x9F\x98\x80";                  // valid
    text += "\xED\xA0\x80\xC0\x80\xF4\x90\x80\x80\xE4\xB8";  // surrogate, overlong, too high, cut
    Response response(ResponseCode::SYSTEM_ERROR, text);
    response.ext.add("x", text);
    std::string bytes;
    encode_response_head(response, 1, 0, bytes);
    const Decoded again(bytes);
    REQUIRE(again.status);
    const std::string_view decoded = *again.command.ext.find("x");
    CHECK(decoded == again.command.remark);
    CHECK(decoded.substr(0, 128) == text.substr(0, 128));
    CHECK(decoded.find("\xE4\xB8\xAD\xF0\x9F\x98\x80") != std::string_view::npos);
    CHECK(decoded.substr(decoded.size() - 3) == "\xEF\xBF\xBD");
    CHECK(bytes.find('\n') == std::string::npos);
}
