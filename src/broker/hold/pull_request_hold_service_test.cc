// SPDX-License-Identifier: Apache-2.0
#include "broker/hold/pull_request_hold_service.h"

#include "common/testing/catch.h"
#include "remoting/testing/fake_connection.h"

#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

using namespace rmq;
using namespace rmq::broker;
using namespace rmq::testing;

namespace {

HeldPull pull_of(const std::shared_ptr<FakeConnection>& connection, std::int64_t offset,
                 std::int64_t deadline_ms = 1'000, MessageFilter filter = {},
                 std::string_view topic = "T") {
    PullMessageRequestHeader header;
    header.consumer_group = "g";
    header.topic = topic;
    header.queue_offset = offset;
    return {.request = PullRequest(header, false),
            .responder = Responder(connection, static_cast<std::int32_t>(offset), false),
            .filter = std::move(filter),
            .deadline_ms = deadline_ms};
}

// Ends the duties of what was taken and tells which offsets they were for.
std::vector<std::int64_t> offsets_of(PullRequestHoldTable::Woken& woken) {
    std::vector<std::int64_t> offsets;
    for (auto& pull : woken) {
        offsets.push_back(pull.request.header().queue_offset);
        pull.responder.leave_unanswered();
    }
    woken.clear();
    return offsets;
}
using Offsets = std::vector<std::int64_t>;

store::MessageArrival arrival_of(std::string_view topic, std::int64_t offset,
                                 std::int64_t tags_code = 0) {
    store::MessageArrival arrival;
    arrival.topic = topic;
    arrival.queue_offset = QueueOffset{offset};
    arrival.tags_code = tags_code;
    return arrival;
}

// A service whose io threads run only what the test lets them run.
struct Fixture {
    explicit Fixture(unsigned io_threads = 1)
        : service(
              io_threads,
              {.clock = clock,
               .max_offset = [this](auto, auto) { return max_offset; },
               .post = [this](unsigned k, auto task) { posted.emplace_back(k, std::move(task)); },
               .execute_woken =
                   [this](PullRequest request, Responder responder) {
                       woken.push_back(request.header().queue_offset);
                       responder.leave_unanswered();
                   }}) {}
    bool hold(std::int64_t offset, std::int64_t wait_ms = 1'000, MessageFilter filter = {}) {
        auto pull = pull_of(connection, offset, clock.monotonic_ms() + wait_ms, std::move(filter));
        return service.hold(0, pull);
    }
    void notify(std::vector<store::MessageArrival> arrivals) { service.notify_arriving(arrivals); }
    void run_posted() {
        while (!posted.empty()) {
            auto task = std::move(posted.front().second);
            posted.pop_front();
            task();
        }
    }

    ManualClock clock;
    std::int64_t max_offset = 0;
    std::deque<std::pair<unsigned, UniqueFunction<void()>>> posted;
    std::vector<std::int64_t> woken;
    std::shared_ptr<FakeConnection> connection = std::make_shared<FakeConnection>();
    PullRequestHoldService service;
};

}  // namespace

TEST_CASE("PullRequest: keeps the texts of a header whose frame is gone", "[broker][hold]") {
    std::optional<PullRequest> kept;
    {
        const std::string group = "group-of-a-frame";
        const std::string topic = "topic-of-a-frame";
        const std::string expression = "A || B";
        PullMessageRequestHeader header;
        header.consumer_group = group;
        header.topic = topic;
        header.subscription = expression;
        kept.emplace(header, true);
    }
    const PullRequest moved = std::move(*kept);
    CHECK(moved.header().consumer_group == "group-of-a-frame");
    CHECK(moved.header().topic == "topic-of-a-frame");
    CHECK(moved.header().subscription == "A || B");
    CHECK(!moved.header().expression_type);
    CHECK(moved.is_lite());
}

TEST_CASE("PullRequestHoldTable: an arrival takes those that start at or before it and want it",
          "[broker][hold]") {
    const auto connection = std::make_shared<FakeConnection>();
    PullRequestHoldTable table;
    const std::array<std::int32_t, 1> codes{65};
    table.add(pull_of(connection, 1));
    table.add(pull_of(connection, 2, 1'000, MessageFilter(TagFilter(codes))));
    table.add(pull_of(connection, 3));
    table.add(pull_of(connection, 4, 1'000, {}, "U"));
    PullRequestHoldTable::Woken woken;
    table.take_arrived({"T", 1, 9, 66, {}}, woken);
    table.take_arrived({"V", 0, 9, 66, {}}, woken);
    CHECK(offsets_of(woken).empty());
    table.take_arrived({"T", 0, 2, 66, {}}, woken);
    CHECK(offsets_of(woken) == Offsets{1});
    table.take_arrived({"T", 0, 3, 65, {}}, woken);
    CHECK(offsets_of(woken) == Offsets{2, 3});
    CHECK(table.size() == 1);
    table.take_all(woken);
    CHECK(offsets_of(woken) == Offsets{4});
}

TEST_CASE("PullRequestHoldTable: an arrival takes those whose expression wants its properties",
          "[broker][hold][F-02]") {
    const auto connection = std::make_shared<FakeConnection>();
    PullRequestHoldTable table;
    const auto one = *make_message_filter("T", "SQL92", "a = 1");
    table.add(pull_of(connection, 1, 1'000, one));
    table.add(pull_of(connection, 2, 1'000, *make_message_filter("T", "SQL92", "a = 2")));
    PullRequestHoldTable::Woken woken;
    table.take_arrived({"T", 0, 3, 0, "a\0012"}, woken);
    CHECK(offsets_of(woken) == Offsets{2});
    table.take_arrived({"T", 0, 3, 0, "b\0011"}, woken);
    CHECK(offsets_of(woken).empty());
    table.take_arrived({"T", 0, 3, 0, {}}, woken);  // not known: the pull looks itself
    CHECK(offsets_of(woken) == Offsets{1});
}

TEST_CASE("PullRequestHoldTable: deadlines take in any order of arrival", "[broker][hold]") {
    const auto connection = std::make_shared<FakeConnection>();
    PullRequestHoldTable table;
    table.add(pull_of(connection, 1, 300));
    table.add(pull_of(connection, 2, 100));
    table.add(pull_of(connection, 3, 200));
    PullRequestHoldTable::Woken woken;
    table.take_expired(99, woken);
    CHECK(woken.empty());
    table.take_expired(100, woken);
    CHECK(offsets_of(woken) == Offsets{2});
    table.add(pull_of(connection, 4, 150));
    table.take_expired(199, woken);
    CHECK(offsets_of(woken) == Offsets{4});
    table.take_expired(1'000, woken);
    CHECK(offsets_of(woken) == Offsets{1, 3});
    CHECK(table.size() == 0);
}

TEST_CASE("PullRequestHoldTable: a connection's pulls go together, others stay", "[broker][hold]") {
    const auto one = std::make_shared<FakeConnection>();
    const auto two = std::make_shared<FakeConnection>();
    PullRequestHoldTable table;
    table.add(pull_of(one, 1));
    table.add(pull_of(two, 2));
    table.add(pull_of(one, 3, 1'000, {}, "U"));
    PullRequestHoldTable::Woken woken;
    table.take_connection(one->id(), woken);
    auto offsets = offsets_of(woken);
    std::sort(offsets.begin(), offsets.end());
    CHECK(offsets == Offsets{1, 3});
    table.take_connection(one->id(), woken);
    CHECK(woken.empty());
    CHECK(table.size() == 1);
    table.take_readable("T", 0, 3, woken);
    CHECK(offsets_of(woken) == Offsets{2});
}

TEST_CASE("PullRequestHoldService: what arrived before the pull was held wakes it at once",
          "[broker][hold][C-02]") {
    Fixture f;
    f.max_offset = 1;
    REQUIRE(f.hold(0));
    CHECK(f.woken == Offsets{0});
    CHECK(f.service.size() == 0);
}

TEST_CASE("PullRequestHoldService: one task per io thread whatever the number of arrivals",
          "[broker][hold][C-02]") {
    Fixture f(2);
    REQUIRE(f.hold(5));
    f.notify({arrival_of("U", 5), arrival_of("T", 4)});
    f.notify({arrival_of("T", 5)});
    CHECK(f.posted.size() == 1);
    CHECK(f.posted.front().first == 0);
    f.run_posted();
    CHECK(f.woken == Offsets{5});
    f.notify({arrival_of("T", 6)});
    CHECK(f.posted.empty());  // nobody waits any more
    REQUIRE(f.hold(7));
    f.notify({arrival_of("T", 7)});
    CHECK(f.posted.size() == 1);
    f.run_posted();
    CHECK(f.woken == Offsets{5, 7});
}

TEST_CASE("PullRequestHoldService: queues are looked at again each period", "[broker][hold]") {
    Fixture f;
    const std::array<std::int32_t, 1> codes{65};
    REQUIRE(f.hold(0, 60'000, MessageFilter(TagFilter(codes))));
    f.service.run_once(0, 5'000);
    f.max_offset = 1;
    f.clock.advance_ms(4'999);
    f.service.run_once(0, 5'000);
    CHECK(f.woken.empty());
    f.clock.advance_ms(1);
    f.service.run_once(0, 5'000);
    CHECK(f.woken == Offsets{0});
}

TEST_CASE("PullRequestHoldService: properties reach the expressions that wait",
          "[broker][hold][F-02]") {
    Fixture f;
    const auto notify = [&f](std::int64_t offset, std::string_view properties) {
        auto arrival = arrival_of("T", offset);
        arrival.properties = properties;
        f.notify({arrival});
        f.run_posted();
    };
    REQUIRE(f.hold(0, 60'000, *make_message_filter("T", "SQL92", "a = 1")));
    notify(0, "a\0012");
    notify(1, "");
    CHECK(f.woken.empty());
    notify(2, "a\0011");
    CHECK(f.woken == Offsets{0});
}

TEST_CASE("PullRequestHoldService: what is left at the end is not answered", "[broker][hold]") {
    const auto connection = std::make_shared<FakeConnection>();
    {
        Fixture f;
        f.connection = connection;
        REQUIRE(f.hold(0));
        REQUIRE(f.hold(1));
        f.service.drop_all(0);
        CHECK(f.service.size() == 0);
        REQUIRE(f.hold(2));
        f.notify({arrival_of("T", 2)});
        f.service.on_connection_closed(*connection);
        f.run_posted();
        CHECK(f.woken.empty());
        REQUIRE(f.hold(3));
    }
    CHECK(connection->take_replies().empty());
}

// Each round lets a pull be held at the very moment when its message arrives.
TEST_CASE("PullRequestHoldService: no wake-up is lost between holding and arriving",
          "[broker][hold][C-02]") {
    constexpr unsigned kIoThreads = 2;
    constexpr std::int64_t kRounds = 5'000;
    struct IoThread {
        std::mutex mutex;
        std::condition_variable wake;
        std::deque<UniqueFunction<void()>> tasks;  // guarded by mutex
        std::atomic<std::int64_t> round{-1};       // being held
        std::int64_t woken = -1;                   // of the io thread
    };
    std::array<IoThread, kIoThreads> threads;
    std::atomic<std::int64_t> max_offset{0};
    std::atomic<bool> is_lost{false};
    const ManualClock clock;
    PullRequestHoldService service(
        kIoThreads, {.clock = clock,
                     .max_offset = [&](auto, auto) { return max_offset.load(); },
                     .post =
                         [&](unsigned k, UniqueFunction<void()> task) {
                             const std::lock_guard lock(threads[k].mutex);
                             threads[k].tasks.push_back(std::move(task));
                             threads[k].wake.notify_one();
                         },
                     .execute_woken =
                         [&](PullRequest request, Responder responder) {
                             auto& thread = threads[responder.connection().io_thread()];
                             thread.woken = request.header().queue_offset;
                             responder.leave_unanswered();
                         }});
    const auto run = [&](unsigned k) {
        auto& thread = threads[k];
        const auto connection = std::make_shared<FakeConnection>("127.0.0.1:1", k);
        for (std::int64_t round = 0; round < kRounds && !is_lost; ++round) {
            auto pull = pull_of(connection, round, INT64_MAX);
            thread.round = round;
            if (!service.hold(k, pull)) {
                is_lost = true;
            }
            while (thread.woken < round && !is_lost) {
                std::unique_lock lock(thread.mutex);
                if (!thread.wake.wait_for(lock, std::chrono::seconds(20),
                                          [&] { return !thread.tasks.empty(); })) {
                    is_lost = true;
                    break;
                }
                auto task = std::move(thread.tasks.front());
                thread.tasks.pop_front();
                lock.unlock();
                task();
            }
        }
        thread.round = INT64_MAX;
    };
    std::thread first(run, 0);
    std::thread second(run, 1);
    for (std::int64_t round = 0; round < kRounds && !is_lost; ++round) {
        for (auto& thread : threads) {
            while (thread.round < round && !is_lost) {
                std::this_thread::yield();
            }
        }
        max_offset = round + 1;
        const std::array arrivals{arrival_of("T", round)};
        service.notify_arriving(arrivals);
    }
    first.join();
    second.join();
    CHECK(!is_lost);
    CHECK(service.size() == 0);
}
