// SPDX-License-Identifier: Apache-2.0
#include "broker/processor/pop/query_assignment.h"

#include "broker/pop/queue_allocation.h"
#include "broker/pop/topic_route_info_manager.h"
#include "broker/testing/pop_fixture.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "remoting/protocol/body/assignment.h"
#include "remoting/protocol/body/batch_ack.h"
#include "remoting/protocol/body/route_data.h"
#include "remoting/protocol/extra_info.h"

using namespace rmq;
using namespace rmq::broker;
using namespace rmq::testing;

namespace {

std::vector<MessageQueue> queues_of(int count) {
    std::vector<MessageQueue> queues;
    for (std::int32_t i = 0; i < count; ++i) {
        queues.push_back({"T", "b", i});
    }
    return queues;
}

std::vector<std::int32_t> ids(const std::optional<std::vector<MessageQueue>>& queues) {
    REQUIRE(queues);
    std::vector<std::int32_t> list;
    for (const auto& queue : *queues) {
        list.push_back(queue.queue_id);
    }
    return list;
}

using Ids = std::vector<std::int32_t>;

}  // namespace

TEST_CASE("allocation: clients and broker share queues alike", "[broker][pop][C-09]") {
    const auto queues = queues_of(7);
    const std::vector<std::string> members{"a", "b", "c"};
    const auto get = [&](const char* strategy, const char* client) {
        return allocate_queues({strategy, client, queues, members});
    };
    CHECK(ids(get("AVG", "a")) == Ids{0, 1, 2});
    CHECK(ids(get("AVG", "b")) == Ids{3, 4});
    CHECK(ids(get("AVG", "c")) == Ids{5, 6});
    CHECK(ids(get("AVG_BY_CIRCLE", "b")) == Ids{1, 4});
    CHECK(ids(get("AVG", "stranger")).empty());
    CHECK_FALSE(get("OTHER", "a"));
    CHECK_FALSE(get("AVG", " "));
    const auto two = queues_of(2);
    CHECK(ids(allocate_queues({"AVG", "c", two, members})).empty());
    CHECK(ids(allocate_queues({"AVG", "b", two, members})) == Ids{1});
}

TEST_CASE("allocation: pop shares whole brokers or some queues", "[broker][pop][C-09]") {
    const auto queues = queues_of(4);
    const std::vector<std::string> members{"a", "b", "c", "d"};
    const auto get = [&](std::int32_t share, const std::vector<std::string>& all,
                         const char* client) {
        return allocate_queues_for_pop({"AVG", client, queues, all}, share);
    };
    CHECK(ids(get(0, members, "a")) == Ids{-1, -1, -1, -1});
    CHECK(ids(get(3, members, "a")) == Ids{-1, -1, -1, -1});
    CHECK(ids(get(1, members, "d")) == Ids{3, 0});
    CHECK(ids(get(2, members, "c")) == Ids{2, 3, 0});
    const std::vector<std::string> many{"a", "b", "c", "d", "e", "f"};
    CHECK(ids(get(1, many, "f")) == Ids{1});
    CHECK(ids(get(1, many, "stranger")).empty());
}

TEST_CASE("request modes are set, kept and handed to slaves", "[broker][pop][C-09]") {
    PopFixture f;
    const auto set = [&](const std::string& body) {
        return f.ask(RequestCode::SET_MESSAGE_REQUEST_MODE, {}, body).code;
    };
    CHECK(set(R"({"topic":"T","consumerGroup":"g","mode":"POP","popShareQueueNum":1})") ==
          ResponseCode::SUCCESS);
    CHECK(set(R"({"topic":"%RETRY%g","consumerGroup":"g","mode":"POP"})") ==
          ResponseCode::NO_PERMISSION);
    CHECK(set(R"({"topic":"none","consumerGroup":"g"})") == ResponseCode::TOPIC_NOT_EXIST);
    CHECK(set(R"({"topic":"T","consumerGroup":"g","mode":"PUSH"})") == ResponseCode::SYSTEM_ERROR);
    CHECK(set("x") == ResponseCode::SYSTEM_ERROR);
    const std::string file =
        R"({"messageRequestModeMap":{"T":{"g":{"consumerGroup":"g","mode":"POP",)"
        R"("popShareQueueNum":1,"topic":"T"}}}})";
    CHECK(*read_file(f.dir.file("config/messageRequestMode.json")) == file);
    f.crash();
    CHECK(f.ask(RequestCode::GET_ALL_MESSAGE_REQUEST_MODE, {}).body == file);
}

TEST_CASE("query assignment: without a route the client keeps what it has", "[broker][pop][C-09]") {
    PopFixture f;
    const auto answer = f.ask(RequestCode::QUERY_ASSIGNMENT, {},
                              R"({"topic":"T","consumerGroup":"g","clientId":"c",)"
                              R"("strategyName":"AVG","messageModel":"CLUSTERING"})");
    CHECK(answer.code == ResponseCode::SUCCESS);
    CHECK(answer.body == "{}");
    CHECK(f.ask(RequestCode::QUERY_ASSIGNMENT, {}, R"({"topic":"T"})").code ==
          ResponseCode::SYSTEM_ERROR);
}

TEST_CASE("routes are asked of one NameServer after the other and kept", "[broker][pop][C-09]") {
    ManualClock clock;
    std::vector<std::string> asked;
    bool is_down = false;
    TopicRouteInfoManager routes(
        {.clock = clock,
         .namesrv_addrs =
             [] {
                 return std::vector<std::string>{"good", "bad"};
             },
         .invoke =
             [&](const std::string& address, const OutboundCommand&, auto done) {
                 asked.push_back(address);
                 if (address == "bad" || is_down) {
                     done(Error{Errc::kUnavailable, "no"});
                     return;
                 }
                 TopicRouteData route;
                 route.queue_datas = {{.broker_name = "b", .read_queue_nums = 2, .perm = 6},
                                      {.broker_name = "w", .read_queue_nums = 2, .perm = 2}};
                 InboundResponse response;
                 response.body = encode(route, IntegerKeys::kQuoted);
                 done(std::move(response));
             }});
    const auto find = [&] {
        TopicRouteInfoManager::Queues found;
        routes.find_queues("T", [&](TopicRouteInfoManager::Queues queues) { found = queues; });
        return found;
    };
    const std::set<MessageQueue> wanted{{"T", "b", 0}, {"T", "b", 1}};
    CHECK(find() == wanted);
    CHECK(asked == std::vector<std::string>{"bad", "good"});
    CHECK(find() == wanted);
    CHECK(asked.size() == 2);
    clock.advance_ms(TopicRouteInfoManager::kFreshMs);
    is_down = true;
    CHECK(find() == wanted);
    CHECK(asked.size() == 4);
}

TEST_CASE("assignments are written as clients read them", "[protocol][C-09]") {
    CHECK(encode_query_assignment_response(std::nullopt, MessageRequestMode::POP) == "{}");
    CHECK(encode_query_assignment_response(std::set<MessageQueue>{}, MessageRequestMode::POP) ==
          R"({"messageQueueAssignments":[]})");
    CHECK(encode_query_assignment_response(std::set<MessageQueue>{{"T", "b", -1}},
                                           MessageRequestMode::POP) ==
          R"({"messageQueueAssignments":[{"messageQueue":{"brokerName":"b","queueId":-1,)"
          R"("topic":"T"},"mode":"POP"}]})");
}

TEST_CASE("handles and offset infos are the original's texts", "[protocol][P-01]") {
    const auto handle = parse_extra_info("7 1700000000000 60000 3 1 broker-a 2 9");
    REQUIRE(handle);
    CHECK(handle->ck_queue_offset == 7);
    CHECK(handle->pop_time == 1'700'000'000'000);
    CHECK(handle->invisible_time == 60'000);
    CHECK(handle->revive_qid == 3);
    CHECK(handle->broker_name == "broker-a");
    auto whole = *handle;
    whole.queue_id = 2;
    whole.queue_offset = 9;
    CHECK(build_extra_info(whole, PopTopicKind::kRetryV1) ==
          "7 1700000000000 60000 3 1 broker-a 2 9");
    for (const auto* bad : {"", "1 2 3 4 5", "a 2 3 4 0 b", "1 2 3 99999999999 0 b"}) {
        CHECK_FALSE(parse_extra_info(bad));
    }
    std::string text;
    add_start_offset_info(text, PopTopicKind::kNormal, 1, 5);
    add_start_offset_info(text, PopTopicKind::kRetryV2, 0, 6);
    CHECK(text == "0 1 5;2 0 6");
    CHECK(pop_topic_kind("%RETRY%g_T") == PopTopicKind::kRetryV1);
    CHECK(pop_topic_kind("%RETRY%g+T") == PopTopicKind::kRetryV2);
    CHECK(pop_normal_topic("%RETRY%g_T", "g") == "T");
    CHECK(pop_normal_topic("%RETRY%g", "g").empty());
    CHECK(pop_normal_topic("T", "g") == "T");
}

TEST_CASE("batch acknowledgements are read in both spellings", "[protocol][P-02]") {
    const auto body = parse_batch_ack_request(
        R"({"brokerName":"b","acks":[{"c":"g","t":"T","r":"0","so":100,"q":1,"rq":3,"pt":1,"it":2,)"
        R"("b":"AQI="},{"consumerGroup":"h","topic":"U","retry":"1","bitSet":"Aw=="}]})");
    REQUIRE(body);
    REQUIRE(body->acks.size() == 2);
    CHECK(body->acks[0].offsets == std::vector<std::int64_t>{100, 109});
    CHECK(body->acks[0].revive_queue_id == 3);
    CHECK(body->acks[1].consumer_group == "h");
    CHECK(body->acks[1].offsets == std::vector<std::int64_t>{0, 1});
    CHECK_FALSE(parse_batch_ack_request(R"({"acks":[{"b":"*"}]})"));
    CHECK_FALSE(parse_batch_ack_request(R"({"acks":[{}]})"));
    CHECK_FALSE(parse_batch_ack_request(R"({"acks":[1]})"));
    CHECK(parse_batch_ack_request(R"({"acks":[{"so":9223372036854775807,"b":"Aw=="}]})")
              ->acks[0]
              .offsets[1] == kPopNumberMax + 1);
}
