// SPDX-License-Identifier: Apache-2.0
#include "broker/admission/send_flow_control.h"

#include "common/testing/catch.h"
#include "remoting/testing/fake_connection.h"

using namespace rmq;
using namespace rmq::broker;
using rmq::testing::FakeConnection;

namespace {

struct Fixture {
    // Runs the timers of all io threads for a while, each `late_ms` after it was due.
    void run(std::int64_t for_ms, std::int64_t late_ms) {
        for (const auto end_ms = now_ms + for_ms; now_ms < end_ms;) {
            now_ms += SendFlowControl::kTickMs + late_ms;
            flow.tick(0, now_ms);
            flow.tick(1, now_ms);
        }
    }
    std::optional<std::string> send(const std::shared_ptr<FakeConnection>& by) {
        return flow.admit(*by);
    }

    std::int64_t now_ms = 1'000'000;
    Live<std::int64_t> max_wait_ms{200};
    Live<bool> fast_failure{true};
    SendFlowControl flow{2, {max_wait_ms, fast_failure}};
    std::shared_ptr<FakeConnection> one = std::make_shared<FakeConnection>("10.0.0.1:1", 0);
    std::shared_ptr<FakeConnection> two = std::make_shared<FakeConnection>("10.0.0.2:2", 1);
};

using std::chrono::milliseconds;

}  // namespace

TEST_CASE("SendFlowControl: in time, nobody is slowed", "[broker][admission][M-13]") {
    Fixture f;
    f.run(10'000, 0);
    f.run(10'000, 40);  // below a quarter of the limit
    CHECK(!f.send(f.one));
    CHECK(f.one->take_pauses().empty());
    CHECK(f.flow.pauses() == 0);
}

TEST_CASE("SendFlowControl: one long wait slows nobody", "[broker][admission][M-13]") {
    Fixture f;
    f.run(1'000, 0);
    f.run(1, 5'000);
    CHECK(!f.send(f.one));
    CHECK(f.one->take_pauses().empty());
}

TEST_CASE("SendFlowControl: a standing wait slows all producers alike before any is refused",
          "[broker][admission][M-13][X-21]") {
    Fixture f;
    f.run(1'000, 0);
    // Served too slowly: the first sends are slowed, and nobody's is refused.
    while (f.flow.wait_ms() == 0) {
        CHECK(!f.send(f.one));
        f.run(1, 120);
    }
    CHECK(!f.send(f.one));
    CHECK(!f.send(f.two));
    CHECK(f.one->take_pauses() == std::vector{milliseconds(120)});
    CHECK(f.two->take_pauses() == std::vector{milliseconds(120)});
    // However long it lasts, while it stays below the limit.
    f.run(60'000, 120);
    CHECK(!f.send(f.one));
    CHECK(f.flow.refusals() == 0);
    // Beyond the limit.
    f.run(4'000, 300);
    const auto refused = f.send(f.one);
    REQUIRE(refused);
    CHECK(*refused ==
          "[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a while, period in queue: "
          "300ms, size of queue: 0");
    CHECK(f.flow.refusals() == 1);
}

TEST_CASE("SendFlowControl: slows for a second before it refuses", "[broker][admission][M-13]") {
    Fixture f;
    f.run(1'000, 0);
    while (f.flow.wait_ms() == 0) {
        f.run(1, 1'000);
    }
    CHECK(!f.send(f.one));
    CHECK(f.one->take_pauses() == std::vector{milliseconds(SendFlowControl::kPauseMaxMs)});
    f.run(1, 1'000);
    CHECK(f.send(f.one));
}

TEST_CASE("SendFlowControl: only sends of the thread that is late are refused",
          "[broker][admission][M-13]") {
    Fixture f;
    for (int i = 0; i < 100; ++i) {
        f.now_ms += SendFlowControl::kTickMs;
        f.flow.tick(1, f.now_ms);
        if (i % 8 == 0) {
            f.flow.tick(0, f.now_ms);
        }
    }
    CHECK(f.send(f.one));
    CHECK(!f.send(f.two));
    CHECK(f.two->take_pauses().size() == 1);  // slowed like the others
}

TEST_CASE("SendFlowControl: is over as soon as requests are served in time",
          "[broker][admission][M-13]") {
    Fixture f;
    f.run(10'000, 300);
    CHECK(f.send(f.one));
    f.run(1, 0);
    CHECK(!f.send(f.one));
    CHECK(f.one->take_pauses().size() == 1);
    CHECK(f.flow.wait_ms() == 0);
}

TEST_CASE("SendFlowControl: without brokerFastFailureEnable it slows but never refuses",
          "[broker][admission][M-13]") {
    Fixture f;
    f.fast_failure = false;
    f.run(60'000, 1'000);
    CHECK(!f.send(f.one));
    CHECK(f.one->take_pauses().size() == 1);
}

TEST_CASE("SendFlowControl: brokerStatus shows the wait and what was done about it",
          "[broker][admission][M-13][V-09]") {
    Fixture f;
    std::map<std::string, std::string, std::less<>> table;
    f.flow.add_runtime_info(table);
    CHECK(table == decltype(table){{"sendThreadPoolQueueHeadWaitTimeMills", "0"}});
    f.run(10'000, 300);
    f.send(f.one);
    f.flow.add_runtime_info(table);
    CHECK(table["sendThreadPoolQueueHeadWaitTimeMills"] == "300");
    CHECK(table["sendFlowControlPauses"] == "1");
    CHECK(table["sendFlowControlRefusals"] == "1");
}
