// SPDX-License-Identifier: Apache-2.0
#include "broker/offset/consumer_offset_manager.h"

#include "broker/broker_config.h"
#include "common/lenient_json.h"
#include "common/persistent_file.h"
#include "common/testing/catch.h"
#include "common/testing/temp_dir.h"

#include <nlohmann/json.hpp>

using namespace rmq;
using namespace rmq::broker;

namespace {

struct Fixture {
    ConsumerOffsetManager offsets() {
        return ConsumerOffsetManager(config, dir.file("config/consumerOffset.json"), clock);
    }
    testing::TempDir dir;
    BrokerConfig config;
    ManualClock clock;
};

const GroupQueue kQueue{.group = "g", .topic = "T", .queue_id = 1};

}  // namespace

TEST_CASE("ConsumerOffsetManager: offsets are kept per group, topic and queue",
          "[broker][offset][C-04]") {
    Fixture fixture;
    auto offsets = fixture.offsets();
    REQUIRE(offsets.load());
    CHECK(offsets.query(kQueue) == -1);
    offsets.commit(kQueue, 10);
    offsets.commit({"g", "T", 2}, 20);
    offsets.commit({"h", "T", 1}, 30);
    CHECK(offsets.query(kQueue) == 10);
    offsets.commit(kQueue, 5);  // backwards is allowed
    CHECK(offsets.query(kQueue) == 5);
    CHECK(offsets.query({"g", "T", 3}) == -1);
    CHECK(offsets.query_pull(kQueue) == 5);
    offsets.commit_pull(kQueue, 9);
    CHECK(offsets.query_pull(kQueue) == 9);
    CHECK(offsets.topics_of_group("g") == std::set<std::string>{"T"});
    CHECK(offsets.groups_of_topic("T") == std::set<std::string>{"g", "h"});
    CHECK(*offsets.offsets_of("g", "T") == ConsumerOffsetManager::Offsets{{1, 5}, {2, 20}});
}

TEST_CASE("ConsumerOffsetManager: files of the original are read and written",
          "[broker][offset][C-04][K-01]") {
    Fixture fixture;
    const std::string path = fixture.dir.file("config/consumerOffset.json");
    REQUIRE(create_directories(fixture.dir.file("config")));
    REQUIRE(
        write_file(path,
                   "{\n\t\"dataVersion\":{\"counter\":1,\"stateVersion\":0,\"timestamp\":5},\n"
                   "\t\"groupTopicMap\":{\"g\":[\"T\"]},\n\t\"offsetTable\":{\n\t\t\"T@g\":{0:3,"
                   "1:9223372036854775807}\n\t},\"other\":[1]\n}"));
    {
        auto offsets = fixture.offsets();
        REQUIRE(offsets.load());
        CHECK(offsets.query(kQueue) == INT64_MAX);
        CHECK(offsets.query({"g", "T", 0}) == 3);
        offsets.commit(kQueue, 12);
        REQUIRE(offsets.run_once());
    }
    const auto stored = *parse_lenient_json(*read_file(path));
    CHECK(stored["offsetTable"]["T@g"]["1"] == 12);
    CHECK(stored["groupTopicMap"]["g"][0] == "T");
    CHECK(stored["other"][0] == 1);
    CHECK(stored["dataVersion"]["counter"] == 1);
    CHECK(read_file(path + ".bak"));
    auto again = fixture.offsets();
    REQUIRE(again.load());
    CHECK(again.query(kQueue) == 12);
}

TEST_CASE("ConsumerOffsetManager: groups of light queues are in a table of their own",
          "[broker][offset][M-25][K-01]") {
    Fixture fixture;
    const std::string path = fixture.dir.file("config/consumerOffset.json");
    REQUIRE(create_directories(fixture.dir.file("config")));
    REQUIRE(
        write_file(path, R"({"lmqOffsetTable":{"%LMQ%a@%LMQ%g":7},"offsetTable":{"T@g":{0:3}}})"));
    {
        auto offsets = fixture.offsets();
        offsets.enable_light_queues();
        REQUIRE(offsets.load());
        CHECK(offsets.query({"%LMQ%g", "%LMQ%a", 0}) == 7);
        CHECK(offsets.query({"g", "T", 0}) == 3);
        offsets.commit({"%LMQ%g", "%LMQ%a", 0}, 9);
        offsets.commit({"g", "%LMQ%a", 0}, 4);
        REQUIRE(offsets.run_once());
    }
    const auto stored = *parse_lenient_json(*read_file(path));
    CHECK(stored["lmqOffsetTable"] == nlohmann::json({{"%LMQ%a@%LMQ%g", 9}}));
    CHECK(stored["offsetTable"]["%LMQ%a@g"]["0"] == 4);
    CHECK_FALSE(stored["offsetTable"].contains("%LMQ%a@%LMQ%g"));
    auto plain = fixture.offsets();
    REQUIRE(plain.load());
    plain.commit({"%LMQ%g", "%LMQ%a", 0}, 1);
    CHECK(plain.serialize()["offsetTable"].contains("%LMQ%a@%LMQ%g"));
}

TEST_CASE("ConsumerOffsetManager: a server-side reset is handed out once and blocks commits",
          "[broker][offset][C-15]") {
    Fixture fixture;
    auto offsets = fixture.offsets();
    REQUIRE(offsets.load());
    offsets.commit(kQueue, 50);
    offsets.assign_reset(kQueue, 7);
    offsets.assign_reset({"g", "T", -1}, 7);
    offsets.assign_reset({"g", "T", 2}, -7);
    CHECK(offsets.has_reset(kQueue));
    CHECK_FALSE(offsets.has_reset({"g", "T", 2}));
    CHECK(offsets.query(kQueue) == 7);
    CHECK(offsets.take_reset(kQueue) == 7);
    CHECK_FALSE(offsets.take_reset(kQueue));
    CHECK_FALSE(offsets.has_reset(kQueue));
    CHECK(offsets.query(kQueue) == 7);
}

TEST_CASE("ConsumerOffsetManager: clone, remove and version steps",
          "[broker][offset][C-21][A-04]") {
    Fixture fixture;
    fixture.config.consumer_offset_update_version_step = 2;
    auto offsets = fixture.offsets();
    REQUIRE(offsets.load());
    offsets.commit(kQueue, 1);
    CHECK(offsets.data_version().counter == 0);
    offsets.commit(kQueue, 2);
    CHECK(offsets.data_version().counter == 1);
    offsets.clone("g", "copy", "T");
    CHECK(offsets.query({"copy", "T", 1}) == 2);
    offsets.remove_group("g");
    CHECK(offsets.query(kQueue) == -1);
    CHECK(offsets.query({"copy", "T", 1}) == 2);
    CHECK(offsets.remove_if([](auto topic, auto group, const auto& table) {
        return topic == "T" && group == "copy" && table.at(1) == 2;
    }) == 1);
    offsets.commit(kQueue, 3);
    offsets.remove_topic("T");
    CHECK(offsets.groups_of_topic("T").empty());
}

TEST_CASE("ConsumerOffsetManager: after a crash no position is behind its queue's end",
          "[broker][offset][C-04][K-03]") {
    Fixture fixture;
    auto offsets = fixture.offsets();
    REQUIRE(offsets.load());
    offsets.commit(kQueue, 10);
    offsets.commit({"g", "T", 2}, 20);
    offsets.commit({"h", "U", 1}, 30);
    const auto end = [](std::string_view topic, std::int32_t queue_id) -> std::int64_t {
        return topic == "U" ? 0 : queue_id == 1 ? 10 : 19;
    };
    CHECK(offsets.cut_to_ends(end) == 2);
    CHECK(offsets.query(kQueue) == 10);
    CHECK(offsets.query({"g", "T", 2}) == 19);
    CHECK(offsets.query({"h", "U", 1}) == 0);
    CHECK(offsets.cut_to_ends(end) == 0);

    REQUIRE(offsets.run_once());
    auto again = fixture.offsets();
    REQUIRE(again.load());
    CHECK(again.query({"g", "T", 2}) == 19);
}
