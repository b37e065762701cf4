// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/reply_message.h"

#include "broker/testing/client_fixture.h"
#include "common/message/message_properties.h"
#include "common/testing/catch.h"

#include <nlohmann/json.hpp>

#include <string>

using namespace rmq;
using namespace rmq::testing;

namespace {

ExtMap ext_of(const ExtWriter& ext) {
    return nlohmann::json::parse("{" + std::string(ext.text()) + "}").get<ExtMap>();
}

struct Fixture : ClientFixture {
    Fixture() {
        add_topic("DefaultCluster_REPLY_TOPIC", 1);
        producers->register_producer("asking", {.connection = asker, .client_id = "asker@1"});
    }

    void reply(const std::string& text, std::string body = "pong") {
        request(replier, RequestCode::SEND_REPLY_MESSAGE_V2,
                {{"a", "replying"},
                 {"b", "DefaultCluster_REPLY_TOPIC"},
                 {"c", "TBW102"},
                 {"d", "4"},
                 {"e", "0"},
                 {"f", "0"},
                 {"g", "5"},
                 {"h", "3"},
                 {"i", text},
                 {"j", "0"},
                 {"k", "false"}},
                std::move(body));
    }
    FakeConnection::Invocation pushed() {
        auto invocations = asker->take_invocations();
        REQUIRE(invocations.size() == 1);
        return std::move(invocations[0]);
    }

    const std::string properties = encode_pairs({"MSG_TYPE", "reply", "CORRELATION_ID", "c-1",
                                                 "REPLY_TO_CLIENT", "asker@1", "TTL", "3000"});
    Client asker = std::make_shared<FakeConnection>("10.1.1.1:1000");
    Client replier = std::make_shared<FakeConnection>("10.2.2.2:2000");
};

}  // namespace

TEST_CASE("ReplyMessage: a reply goes to the client that asked, and into the reply topic",
          "[broker][reply][M-17]") {
    Fixture f;
    f.reply(f.properties);
    auto push = f.pushed();
    CHECK(push.command.code == RequestCode::PUSH_REPLY_MESSAGE_TO_CLIENT);
    CHECK(push.command.body == "pong");
    CHECK(push.timeout == std::chrono::milliseconds(10'000));
    auto header = ext_of(push.command.ext);
    CHECK(header["producerGroup"] == "replying");
    CHECK(header["topic"] == "DefaultCluster_REPLY_TOPIC");
    CHECK(header["queueId"] == "0");
    CHECK(header["flag"] == "3");
    CHECK(header["bornTimestamp"] == "5");
    CHECK(header["unitMode"] == "false");
    CHECK(header["bornHost"] == "10.2.2.2:2000");
    CHECK(header["storeHost"] == "127.0.0.1:10911");
    CHECK(header["storeTimestamp"] == std::to_string(f.clock.now_ms()));
    CHECK(find_property(header["properties"], "CORRELATION_ID") == "c-1");
    CHECK(find_property(header["properties"], "PUSH_REPLY_TIME") ==
          std::to_string(f.clock.now_ms()));
    CHECK(f.replier->take_replies().empty());

    push.done(InboundResponse{});
    const auto response = f.reply_to(f.replier);
    CHECK(response.code == ResponseCode::SUCCESS);
    auto answer = ext_of(response.ext);
    CHECK(answer["msgId"].size() == 32);
    CHECK(answer["queueId"] == "0");
    CHECK(answer["queueOffset"] == "0");
    CHECK(answer["MSG_REGION"] == "DefaultRegion");
    const auto stored = f.stored("DefaultCluster_REPLY_TOPIC", 0, 0);
    CHECK(stored->record.body == "pong");
    CHECK(stored->record.flag == 3);
    CHECK(stored->property("MSG_TYPE") == "reply");
    CHECK(stored->property("PUSH_REPLY_TIME").empty());
    CHECK(stored->property("CLUSTER").empty());
}

TEST_CASE("ReplyMessage: without storeReplyMessageEnable it is only handed over",
          "[broker][reply][M-17]") {
    Fixture f;
    f.config.store_reply_message_enable = false;
    f.reply(f.properties);
    f.pushed().done(InboundResponse{});
    auto answer = ext_of(f.reply_to(f.replier).ext);
    CHECK(answer["msgId"] == "0");
    CHECK(answer["queueOffset"] == "0");
    CHECK(f.store->runtime().put_messages == 0);
}

TEST_CASE("ReplyMessage: who asked may be gone, refuse or keep silent; the reply is stored",
          "[broker][reply][M-17]") {
    Fixture f;
    f.reply(encode_pairs({"REPLY_TO_CLIENT", "other"}));
    auto response = f.reply_to(f.replier);
    CHECK(response.code == ResponseCode::SYSTEM_ERROR);
    CHECK(response.remark == "push reply message fail, channel of <other> not found.");
    f.reply(encode_pairs({"A", "b"}));
    response = f.reply_to(f.replier);
    CHECK(response.remark == "reply message properties[REPLY_TO_CLIENT] is null");
    f.reply(f.properties);
    InboundResponse refused;
    refused.code = 1;
    f.pushed().done(std::move(refused));
    response = f.reply_to(f.replier);
    CHECK(response.code == ResponseCode::SYSTEM_ERROR);
    CHECK(response.remark == "push reply message to asker@1fail.");
    f.reply(f.properties);
    f.pushed().done(Error{Errc::kTimeout, "no answer"});
    CHECK(f.reply_to(f.replier).remark == "push reply message to asker@1fail.");
    CHECK(f.stored("DefaultCluster_REPLY_TOPIC", 0, 3)->record.body == "pong");
}

TEST_CASE("ReplyMessage: a reply passes the checks of a send, and has the old header, too",
          "[broker][reply][M-17]") {
    Fixture f;
    ExtMap ext{{"producerGroup", "replying"},
               {"topic", "SCHEDULE_TOPIC_XXXX"},
               {"defaultTopic", "TBW102"},
               {"defaultTopicQueueNums", "4"},
               {"queueId", "-1"},
               {"sysFlag", "0"},
               {"bornTimestamp", "5"},
               {"flag", "0"},
               {"properties", f.properties},
               {"reconsumeTimes", "0"}};
    CHECK(f.ask(f.replier, RequestCode::SEND_REPLY_MESSAGE, ext, "b").code ==
          ResponseCode::NO_PERMISSION);
    ext["topic"] = "DefaultCluster_REPLY_TOPIC";
    CHECK(f.ask(f.replier, RequestCode::SEND_REPLY_MESSAGE, ext).remark == "message body is null");
    f.request(f.replier, RequestCode::SEND_REPLY_MESSAGE, ext, "b");
    auto push = f.pushed();
    CHECK(ext_of(push.command.ext)["queueId"] == "-1");
    push.done(InboundResponse{});
    CHECK(ext_of(f.reply_to(f.replier).ext)["queueId"] == "0");
}
