// SPDX-License-Identifier: Apache-2.0
#include "common/testing/catch.h"
#include "remoting/protocol/body/cluster_info.h"
#include "remoting/protocol/body/kv_table.h"
#include "remoting/protocol/body/register_broker.h"
#include "remoting/protocol/body/route_data.h"
#include "remoting/protocol/body/topic_list.h"
#include "remoting/protocol/remoting_command.h"

#include <string>

using namespace rmq;

namespace {

RegisterBrokerBody sample_registration() {
    RegisterBrokerBody body;
    auto& wrapper = body.topic_config_serialize_wrapper;
    wrapper.data_version = {.state_version = 0, .timestamp = 1700000000000, .counter = 3};
    wrapper.topic_config_table["T"] = TopicConfig{.topic_name = "T",
                                                  .read_queue_nums = 8,
                                                  .write_queue_nums = 4,
                                                  .perm = 6,
                                                  .attributes = {{"message.type", "FIFO"}}};
    wrapper.topic_config_table["M"] =
        TopicConfig{.topic_name = "M", .topic_filter_type = TopicFilterType::MULTI_TAG};
    wrapper.topic_queue_mapping_info_map["S"] = TopicQueueMappingInfo{
        .topic = "S", .total_queues = 2, .bname = "broker-a", .epoch = 7, .curr_id_map = {{0, 1}}};
    body.filter_server_list = {"1.1.1.1:9999"};
    return body;
}

TopicRouteData sample_route() {
    TopicRouteData route;
    route.queue_datas = {{.broker_name = "b-a",
                          .read_queue_nums = 8,
                          .write_queue_nums = 8,
                          .perm = 6,
                          .topic_sys_flag = 0}};
    route.broker_datas = {{.cluster = "C",
                           .broker_name = "b-a",
                           .broker_addrs = {{0, "1.1.1.1:1"}, {1, "1.1.1.2:1"}},
                           .zone_name = "z\u00e91",
                           .enable_acting_master = false}};
    return route;
}

}  // namespace

// Golden text: answers of the original NameServer 5.5.0 to REGISTER_BROKER and
// GET_ROUTEINFO_BY_TOPIC over a raw socket.
TEST_CASE("TopicRouteData: both dialects are the original's bytes", "[protocol][N-03]") {
    const std::string tail =
        "\"brokerName\":\"b-a\",\"cluster\":\"C\",\"enableActingMaster\":false,"
        "\"zoneName\":\"z\u00e91\"}],\"filterServerTable\":{},\"queueDatas\":[{\"brokerName\":"
        "\"b-a\",\"perm\":6,\"readQueueNums\":8,\"topicSysFlag\":0,\"writeQueueNums\":8}]}";
    const std::string quoted =
        "{\"brokerDatas\":[{\"brokerAddrs\":{\"0\":\"1.1.1.1:1\",\"1\":\"1.1.1.2:1\"}," + tail;
    const std::string bare =
        "{\"brokerDatas\":[{\"brokerAddrs\":{0:\"1.1.1.1:1\",1:\"1.1.1.2:1\"}," + tail;
    CHECK(encode(sample_route(), IntegerKeys::kQuoted) == quoted);
    CHECK(encode(sample_route(), IntegerKeys::kBare) == bare);
    for (const auto& text : {quoted, bare}) {
        const auto decoded = decode_topic_route_data(text);
        REQUIRE(decoded);
        CHECK(*decoded == sample_route());
    }
}

TEST_CASE("TopicRouteData: order configuration, filters and mappings survive a round trip",
          "[protocol][N-03]") {
    auto route = sample_route();
    route.order_topic_conf = "b-a:4";
    route.filter_server_table["1.1.1.1:1"] = {"f\"1", "f2"};
    route.topic_queue_mapping_by_broker.emplace()["b-a"] =
        TopicQueueMappingInfo{.topic = "T", .total_queues = 4, .curr_id_map = {{3, 1}}};
    for (const auto keys : {IntegerKeys::kQuoted, IntegerKeys::kBare}) {
        const auto decoded = decode_topic_route_data(encode(route, keys));
        REQUIRE(decoded);
        CHECK(*decoded == route);
    }
    CHECK_FALSE(decode_topic_route_data("[]"));
    CHECK_FALSE(decode_topic_route_data(""));
}

TEST_CASE("RegisterBrokerBody: JSON and compressed forms give back what was sent",
          "[protocol][N-01]") {
    const auto sent = sample_registration();
    const auto& topics = sent.topic_config_serialize_wrapper.topic_config_table;
    for (const bool compressed : {false, true}) {
        const auto got = decode_register_broker_body(
            encode(sent, compressed), {.compressed = compressed, .sender_version = 513});
        REQUIRE(got);
        const auto& wrapper = got->topic_config_serialize_wrapper;
        CHECK(wrapper.data_version == sent.topic_config_serialize_wrapper.data_version);
        CHECK(wrapper.topic_config_table == topics);
        CHECK(wrapper.topic_queue_mapping_info_map ==
              sent.topic_config_serialize_wrapper.topic_queue_mapping_info_map);
        CHECK(got->filter_server_list == sent.filter_server_list);
    }
}

TEST_CASE("RegisterBrokerBody: senders before 5.0 and before 3.0.11 are understood",
          "[protocol][N-01]") {
    const auto sent = sample_registration();
    // Before 5.0 the mapping section is not looked for, even when bytes follow.
    const auto four = decode_register_broker_body(encode(sent, true),
                                                  {.compressed = true, .sender_version = 401});
    REQUIRE(four);
    CHECK(four->topic_config_serialize_wrapper.topic_queue_mapping_info_map.empty());
    CHECK(four->topic_config_serialize_wrapper.topic_config_table.size() == 2);
    // Before 3.0.11 the body is the bare wrapper.
    const auto three = decode_register_broker_body(encode(sent.topic_config_serialize_wrapper),
                                                   {.compressed = false, .sender_version = 36});
    REQUIRE(three);
    CHECK(three->topic_config_serialize_wrapper.topic_config_table.count("T") == 1);
    const auto none = decode_register_broker_body("", {.compressed = false, .sender_version = 513});
    REQUIRE(none);
    CHECK(none->topic_config_serialize_wrapper.topic_config_table.empty());
    CHECK(none->topic_config_serialize_wrapper.data_version == DataVersion{});
}

TEST_CASE("RegisterBrokerBody: broken bodies are refused", "[protocol][N-01]") {
    const RegisterBrokerBodyForm packed{.compressed = true, .sender_version = 513};
    const auto whole = encode(sample_registration(), true);
    for (std::size_t cut = 1; cut < whole.size(); ++cut) {
        CHECK_FALSE(decode_register_broker_body(whole.substr(0, cut), packed));
    }
    CHECK_FALSE(decode_register_broker_body("xx", {.compressed = false, .sender_version = 513}));
    CHECK_FALSE(decode_register_broker_body("[1]", {.compressed = false, .sender_version = 513}));
}

TEST_CASE("TopicConfig: the line form takes five or six words", "[protocol][N-01]") {
    const auto old_form = parse_topic_config_line("T 8 4 6 MULTI_TAG");
    REQUIRE(old_form);
    CHECK(old_form->read_queue_nums == 8);
    CHECK(old_form->write_queue_nums == 4);
    CHECK(old_form->topic_filter_type == TopicFilterType::MULTI_TAG);
    const auto with_blank = parse_topic_config_line("T 8 4 6 SINGLE_TAG {\"a\":\"b c\"}");
    REQUIRE(with_blank);
    CHECK(with_blank->attributes.at("a") == "b c");
    const auto unreadable = parse_topic_config_line("T 8 4 6 SINGLE_TAG {\"a");
    REQUIRE(unreadable);
    CHECK(unreadable->attributes.empty());
    CHECK_FALSE(parse_topic_config_line("T 8 4 6"));
    CHECK_FALSE(parse_topic_config_line("T x 4 6 SINGLE_TAG"));
}

TEST_CASE("TopicConfig: JSON has sorted members and keeps defaults for missing ones",
          "[protocol]") {
    TopicConfigSerializeWrapper wrapper;
    wrapper.topic_config_table["T"] = TopicConfig{.topic_name = "T"};
    const std::string version = R"({"counter":0,"stateVersion":0,"timestamp":0})";
    CHECK(encode(wrapper) ==
          R"({"dataVersion":)" + version + R"(,"mappingDataVersion":)" + version +
              R"(,"topicConfigTable":{"T":{"attributes":{},"order":false,"perm":6,)"
              R"("readQueueNums":16,"topicFilterType":"SINGLE_TAG","topicName":"T",)"
              R"("topicSysFlag":0,"writeQueueNums":16}},"topicQueueMappingDetailMap":{},)"
              R"("topicQueueMappingInfoMap":{}})");
    const auto sparse =
        decode_topic_config_wrapper(R"({"topicConfigTable":{"T":{"topicName":"T"}}})");
    REQUIRE(sparse);
    CHECK(sparse->topic_config_table.at("T") == TopicConfig{.topic_name = "T"});
    CHECK_FALSE(decode_topic_config_wrapper(R"({"topicConfigTable":{"T":5}})"));
}

TEST_CASE("ClusterInfo, member group, KVTable and TopicList round trips", "[protocol][N-04]") {
    ClusterInfo info;
    info.broker_addr_table["b-a"] = sample_route().broker_datas[0];
    info.cluster_addr_table["C"] = {"b-a", "b-b"};
    const auto decoded = decode_cluster_info(encode(info, IntegerKeys::kBare));
    REQUIRE(decoded);
    CHECK(decoded->broker_addr_table == info.broker_addr_table);
    CHECK(decoded->cluster_addr_table == info.cluster_addr_table);

    const BrokerMemberGroup group{.cluster = "C", .broker_name = "b", .broker_addrs = {{0, "a:1"}}};
    CHECK(encode(group, IntegerKeys::kBare) ==
          R"({"brokerMemberGroup":{"brokerAddrs":{0:"a:1"},"brokerName":"b","cluster":"C"}})");
    const auto member = decode_broker_member_group(encode(group, IntegerKeys::kQuoted));
    REQUIRE(member);
    CHECK(member->broker_addrs == group.broker_addrs);

    CHECK(encode(KvTable{.table = {{"T", "b-a:4"}}}) == R"({"table":{"T":"b-a:4"}})");
    const auto table = decode_kv_table(R"({"table":{"n":5,"t":"x"}})");
    REQUIRE(table);
    CHECK(table->table.at("n") == "5");
    CHECK(encode(TopicList{}) == R"({"topicList":[]})");
    CHECK(encode(TopicList{.topic_list = {"T"}, .broker_addr = "x"}) ==
          R"({"brokerAddr":"x","topicList":["T"]})");
}
