// SPDX-License-Identifier: Apache-2.0
#include "bench/request_frames.h"

#include "common/testing/catch.h"
#include "remoting/protocol/frame.h"
#include "remoting/protocol/header/pull_message.h"
#include "remoting/protocol/header/send_message.h"
#include "remoting/protocol/header_codec.h"

#include "bench/answer.h"

using namespace rmq;
using namespace rmq::bench;

namespace {

RequestParts sample_parts(const std::string& topic) {
    RequestParts parts;
    parts.opaque = 42;
    parts.topic = topic;
    parts.queue = 11;
    parts.offset = 77;
    parts.now_ms = 1'700'000'000'123;
    parts.intended_ns = 987;
    return parts;
}

RemotingCommand decoded(FrameDecoder& decoder, const std::string& frame) {
    const auto bounds = cut_frame(frame);
    REQUIRE(bounds);
    REQUIRE(bounds->frame_bytes == frame.size());
    RemotingCommand command;
    REQUIRE(decoder.decode(frame, command));
    CHECK(command.opaque == RequestFrames::kFirstOpaque + 42);
    return command;
}

}  // namespace

TEST_CASE("bench frames: a send is what a client sends", "[bench][frames]") {
    Options options;
    options.body_bytes = 100;
    options.topics = 20;
    RequestFrames frames(options, Mode::kSend, 12, 0);
    std::string first;
    std::string second;
    frames.append(sample_parts("rmq_bench_13"), first);
    frames.append(sample_parts("rmq_bench_13"), second);
    CHECK(first != second);  // each message has an identity
    FrameDecoder decoder;
    const RemotingCommand command = decoded(decoder, first);
    CHECK(command.code == static_cast<std::int32_t>(RequestCode::SEND_MESSAGE_V2));
    CHECK(command.body == std::string(100, 'x'));
    const auto header = decode_header<SendMessageRequestHeaderV2>(command.ext);
    REQUIRE(header);
    CHECK(header->topic == "rmq_bench_13");
    CHECK(header->queue_id == 11);
    CHECK(header->born_timestamp == 1'700'000'000'123);
    CHECK(*header->properties ==
          "UNIQ_KEY\x01"
          "7F00000100002A139A55000000000000\x02WAIT\x01true\x02");
}

TEST_CASE("bench frames: options change properties and bodies", "[bench][frames]") {
    Options options;
    options.mode = Mode::kTail;
    options.with_keys = true;
    options.wait_stored = false;
    RequestFrames frames(options, Mode::kTail, 12, 0xABCDEF0123456789);
    std::string frame;
    frames.append(sample_parts("rmq_bench"), frame);
    FrameDecoder decoder;
    const RemotingCommand command = decoded(decoder, frame);
    const auto header = decode_header<SendMessageRequestHeaderV2>(command.ext);
    REQUIRE(header);
    CHECK(header->properties->starts_with("KEYS\x01key-"));
    CHECK(
        header->properties->ends_with("WAIT\x01"
                                      "false\x02"));
    CHECK(command.body.size() == 1024);
    CHECK(read_tail_mark(command.body).run == 0xABCDEF0123456789);
    CHECK(read_tail_mark(command.body).intended_ns == 987);
    CHECK(read_tail_mark("short").run == 0);
}

TEST_CASE("bench frames: a pull carries its subscription", "[bench][frames]") {
    Options options;
    options.mode = Mode::kPull;
    RequestFrames frames(options, Mode::kPull, 12, 0);
    std::string frame;
    frames.append(sample_parts("rmq_bench"), frame);
    FrameDecoder decoder;
    const RemotingCommand command = decoded(decoder, frame);
    const auto header = decode_header<PullMessageRequestHeader>(command.ext);
    REQUIRE(header);
    CHECK(header->queue_offset == 77);
    CHECK(header->queue_id == 11);
    CHECK(header->max_msg_nums == 32);
    CHECK(header->sys_flag == pull_sys_flag::kSubscription);
}

TEST_CASE("bench answers: the few members are found in any order", "[bench][frames]") {
    for (
        const std::string header :
        {R"({"code":21,"extFields":{"nextBeginOffset":"345"},"flag":1,"opaque":100000042,"remark":"a \"b\""})",
         R"({"opaque":100000042,"flag":1,"remark":"a \"b\"","extFields":{"nextBeginOffset":"345"},"code":21})"}) {
        std::string frame("\0\0\0\0\0\0\0", 7);
        frame += static_cast<char>(header.size());
        frame += header + "body";
        const Answer answer = read_answer(frame);
        CHECK(answer.code == 21);
        CHECK(answer.opaque == 100'000'042);
        CHECK(answer.is_answer);
        CHECK(answer.field("nextBeginOffset") == 345);
        CHECK(answer.field("minOffset") == -1);
        CHECK(answer.remark() == R"(a \"b\")");
        CHECK(answer.body == "body");
    }
}
