// SPDX-License-Identifier: Apache-2.0
#include "broker/testing/client_fixture.h"
#include "common/testing/catch.h"

#include <nlohmann/json.hpp>

using namespace rmq;
using namespace rmq::broker;
using namespace rmq::testing;

namespace {

constexpr int kSubscription = 4;

// A store all of whose messages are cold, and a group that may read 100 bytes in a window.
struct Fixture : ClientFixture {
    Fixture() {
        add_topic("T");
        store_config.access_message_in_memory_hot_ratio = 0;
        store_config.cold_data_flow_control_enable = true;
        config.cg_cold_read_threshold = 100;
        for (const char* body : {"a", "b", "c"}) {
            put("T", 0, body);
        }
    }
    void join(ConsumeType type) {
        groups->find("g");
        ConsumerData data;
        data.group_name = "g";
        data.consume_type = type;
        data.message_model = MessageModel::CLUSTERING;
        data.subscriptions.push_back(*build_subscription_data("T", "*"));
        consumers->register_consumer(data, {.connection = client, .client_id = "c"}, false);
    }
    static ExtMap header(const std::string& group) {
        return {{"consumerGroup", group}, {"topic", "T"},
                {"queueId", "0"},         {"queueOffset", "0"},
                {"maxMsgNums", "32"},     {"sysFlag", std::to_string(kSubscription)},
                {"commitOffset", "0"},    {"suspendTimeoutMillis", "15000"},
                {"subVersion", "0"},      {"expressionType", "TAG"},
                {"subscription", "*"}};
    }
    Response pull(const std::string& group = "g") {
        return ask(client, RequestCode::PULL_MESSAGE, header(group));
    }
    void end_window(int times = 1) {
        for (int i = 0; i < times; ++i) {
            clock.advance_ms(ColdDataControl::kWindowMs);
            cold_data.run_once();
        }
    }
    nlohmann::json info() const { return nlohmann::json::parse(cold_data.info()); }

    Client client = std::make_shared<FakeConnection>("10.1.2.3:4567");
};

}  // namespace

TEST_CASE("ColdDataControl: a push group that read its share is told to come again",
          "[broker][pull][C-24]") {
    Fixture f;
    f.join(ConsumeType::CONSUME_PASSIVELY);
    CHECK(bodies_of(f.pull()).size() == 3);
    const auto refused = f.pull();
    CHECK(refused.code == ResponseCode::SYSTEM_BUSY);
    CHECK(refused.remark == "This consumer group is reading cold data. It has been flow control");
    CHECK(f.info()["runtimeTable"]["g"]["coldAcc"].get<int>() > 100);
    CHECK(f.info()["globalAcc"] == f.info()["runtimeTable"]["g"]["coldAcc"]);
    f.end_window();
    CHECK(bodies_of(f.pull()).size() == 3);
}

TEST_CASE("ColdDataControl: a pulling group waits and gets one message", "[broker][pull][C-24]") {
    Fixture f;
    f.join(ConsumeType::CONSUME_ACTIVELY);
    CHECK(bodies_of(f.pull()).size() == 3);
    f.request(f.client, RequestCode::PULL_MESSAGE, Fixture::header("g"));
    f.clock.advance_ms(2999);
    f.cold_holds->run_once(0);
    CHECK(f.client->take_replies().empty());
    f.clock.advance_ms(1);
    f.cold_holds->run_once(0);
    CHECK(bodies_of(f.reply_to(f.client)) == std::vector<std::string>{"a"});
}

TEST_CASE("ColdPullHold: a closed connection takes its pulls along", "[broker][pull][C-24]") {
    Fixture f;
    f.join(ConsumeType::CONSUME_ACTIVELY);
    f.pull();
    f.request(f.client, RequestCode::PULL_MESSAGE, Fixture::header("g"));
    f.cold_holds->on_connection_closed(*f.client);
    f.clock.advance_ms(3000);
    f.cold_holds->run_once(0);
    CHECK(f.client->take_replies().empty());
}

TEST_CASE("ColdDataControl: only groups of clients, only cold messages, only when enabled",
          "[broker][pull][C-24]") {
    Fixture f;
    f.join(ConsumeType::CONSUME_PASSIVELY);
    SECTION("groups of tools are not counted") {
        f.pull("TOOLS_CONSUMER");
        CHECK(f.pull("TOOLS_CONSUMER").code == ResponseCode::SUCCESS);
        CHECK(f.info()["globalAcc"] == 0);
    }
    SECTION("hot messages are free") {
        f.store_config.access_message_in_memory_hot_ratio = 26;
        f.pull();
        CHECK(f.pull().code == ResponseCode::SUCCESS);
        CHECK(f.info()["runtimeTable"].empty());
    }
    SECTION("what the kernel has in memory is not cold when it is asked") {
        f.store_config.cold_data_scan_enable = true;
        f.pull();
        CHECK(f.pull().code == ResponseCode::SUCCESS);
    }
    SECTION("switched off") {
        f.pull();
        f.store_config.cold_data_flow_control_enable = false;
        CHECK(f.pull().code == ResponseCode::SUCCESS);
    }
    SECTION("an administrator's limit comes first") {
        f.cold_data.set_threshold("g", 1'000'000);
        f.pull();
        CHECK(f.pull().code == ResponseCode::SUCCESS);
        f.cold_data.remove_threshold("g");
        CHECK(f.pull().code == ResponseCode::SYSTEM_BUSY);
    }
    SECTION("all groups together have a limit") {
        f.config.cg_cold_read_threshold = 1'000'000;
        f.config.global_cold_read_threshold = 100;
        f.pull();
        CHECK(f.pull().code == ResponseCode::SYSTEM_BUSY);
    }
}

TEST_CASE("ColdDataControl: limits adapt", "[broker][C-24]") {
    Fixture f;
    f.config.cold_ctr_strategy_enable = true;
    f.config.use_pid_cold_ctr_strategy = false;
    f.cold_data.add("g", 100);
    f.end_window();
    CHECK(f.info()["configTable"] == nlohmann::json{{"g||adaptive", 150}});
    f.cold_data.add("g", 120);
    CHECK_FALSE(f.cold_data.is_over("g"));

    SECTION("more than all may read brings them down, not below the least") {
        f.config.global_cold_read_threshold = 110;
        f.end_window();
        CHECK(f.info()["configTable"] == nlohmann::json{{"g||adaptive", 120}});
        f.cold_data.add("g", 120);
        f.end_window();
        CHECK(f.info()["configTable"] == nlohmann::json{{"g||adaptive", 100}});
    }
    SECTION("a group that reads nothing cold for a minute is forgotten") {
        f.end_window(12);
        CHECK(f.info()["configTable"].empty());
        CHECK(f.info()["runtimeTable"].empty());
    }
    SECTION("with the strategy off nothing adapts") {
        f.config.cold_ctr_strategy_enable = false;
        f.end_window();
        CHECK(f.info()["configTable"].empty());
    }
}

TEST_CASE("ColdDataControl: the PID controller needs ten windows", "[broker][C-24]") {
    Fixture f;
    f.config.cold_ctr_strategy_enable = true;
    for (int window = 1; window < 10; ++window) {
        f.cold_data.add("g", 100);
        f.end_window();
        CHECK(f.info()["configTable"].empty());
    }
    f.cold_data.add("g", 100);
    f.end_window();
    CHECK(f.info()["configTable"] == nlohmann::json{{"g||adaptive", 150}});

    // Once the ten windows that it looks at had far too much.
    f.config.global_cold_read_threshold = 1000;
    const auto limit_after_window = [&f] {
        f.cold_data.add("h", 1'000'000);
        f.end_window();
        return f.info()["configTable"]["g||adaptive"].get<int>();
    };
    for (int window = 1; window < 10; ++window) {
        CHECK(limit_after_window() == 150);
    }
    CHECK(limit_after_window() == 120);
}
