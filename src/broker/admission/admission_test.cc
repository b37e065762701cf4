// SPDX-License-Identifier: Apache-2.0
#include "broker/admission/admission.h"

#include "common/testing/catch.h"
#include "remoting/testing/fake_connection.h"

#include <future>

using namespace rmq;
using namespace rmq::broker;
using namespace rmq::testing;

namespace {

struct Fixture {
    // Keeps the pool's only thread until release() is called.
    void occupy() {
        std::promise<void> begun;
        auto running = begun.get_future();
        UniqueFunction<void()> work = [&begun, free = release.get_future()]() mutable {
            begun.set_value();
            free.wait();
        };
        REQUIRE(pool.post(work));
        running.wait();
    }
    void submit(std::int32_t opaque) {
        admission.run_blocking(Responder(connection, opaque, false), max_wait_ms,
                               [](Responder responder) { responder.send(Response()); });
    }
    // The answers, after all work was done.
    std::vector<FakeConnection::Reply> finish() {
        release.set_value();
        pool.stop();
        return connection->take_replies();
    }

    ManualClock clock;
    Live<std::int64_t> max_wait_ms{200};
    Live<bool> fast_failure{true};
    std::promise<void> release;
    std::shared_ptr<FakeConnection> connection = std::make_shared<FakeConnection>();
    BlockingPool pool{"test", 1, 2};
    Admission admission{pool, clock, fast_failure};
};

}  // namespace

TEST_CASE("Admission: work that is not kept waiting too long is done", "[broker][admission]") {
    Fixture f;
    f.occupy();
    f.submit(1);
    f.clock.advance_ms(200);
    const auto replies = f.finish();
    REQUIRE(replies.size() == 1);
    CHECK(replies[0].opaque == 1);
    CHECK(replies[0].response.code == ResponseCode::SUCCESS);
}

TEST_CASE("Admission: work that waited too long is refused in its turn", "[broker][admission]") {
    Fixture f;
    f.occupy();
    f.submit(1);
    f.submit(2);
    f.clock.advance_ms(201);
    const auto replies = f.finish();
    REQUIRE(replies.size() == 2);
    CHECK(replies[0].response.code == ResponseCode::SYSTEM_BUSY);
    CHECK(replies[0].response.remark ==
          "[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a while, period in queue: "
          "201ms, size of queue: 1");
}

TEST_CASE("Admission: without brokerFastFailureEnable no wait is too long",
          "[broker][admission][config]") {
    Fixture f;
    f.fast_failure = false;
    f.occupy();
    f.submit(1);
    f.clock.advance_ms(3'600'000);
    const auto replies = f.finish();
    REQUIRE(replies.size() == 1);
    CHECK(replies[0].response.code == ResponseCode::SUCCESS);
}

TEST_CASE("Admission: a full queue refuses at once", "[broker][admission]") {
    Fixture f;
    f.occupy();
    f.submit(1);
    f.submit(2);
    f.submit(3);
    const auto refused = f.connection->take_replies();
    REQUIRE(refused.size() == 1);
    CHECK(refused[0].opaque == 3);
    CHECK(refused[0].response.code == ResponseCode::SYSTEM_BUSY);
    CHECK(refused[0].response.remark == "[OVERLOAD]system busy, start flow control for a while");
    CHECK(f.finish().size() == 2);
}
