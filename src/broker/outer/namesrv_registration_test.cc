// SPDX-License-Identifier: Apache-2.0
#include "broker/outer/namesrv_registration.h"

#include "broker/broker_config.h"
#include "common/crc32.h"
#include "common/testing/catch.h"
#include "remoting/protocol/body/cluster_info.h"
#include "remoting/protocol/body/lock_batch.h"
#include "remoting/protocol/header/namesrv.h"
#include "remoting/protocol/header_codec.h"
#include "remoting/remoting_server.h"

#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

using namespace rmq;
using namespace rmq::broker;

namespace {

constexpr std::chrono::milliseconds kWait{20'000};

// What a NameServer sees of a broker, and answers it.
class FakeNamesrv {
public:
    FakeNamesrv() : server_(pool_, registry_, {.bind_address = "127.0.0.1"}) {
        registry_.add(RequestCode::REGISTER_BROKER,
                      [this](const Request& request, Responder responder) {
                          on_register(request);
                          Response response;
                          response.ext.add("masterAddr", "m:1");
                          response.body = R"({"table":{"T":"b:4"}})";
                          responder.send(std::move(response));
                      });
        registry_.add(RequestCode::QUERY_DATA_VERSION, [this](const Request&, Responder responder) {
            Response response;
            response.ext.add("changed", changed_.load());
            ++queries_;
            responder.send(std::move(response));
        });
        for (const auto code :
             {RequestCode::UNREGISTER_BROKER, RequestCode::REGISTER_TOPIC_IN_NAMESRV,
              RequestCode::BROKER_HEARTBEAT, RequestCode::UNLOCK_BATCH_MQ}) {
            registry_.add(code, [this](const Request& request, Responder responder) {
                note(std::to_string(request.command.code));
                responder.send(Response());
            });
        }
        // It plays a replica of the broker too, which gives every lock.
        registry_.add(RequestCode::GET_BROKER_MEMBER_GROUP, [this](const Request&,
                                                                   Responder responder) {
            Response response;
            response.body = encode(BrokerMemberGroup{.broker_addrs = {{0, "me:1"}, {1, address()}}},
                                   IntegerKeys::kQuoted);
            responder.send(std::move(response));
        });
        registry_.add(RequestCode::LOCK_BATCH_MQ, [](const Request& request, Responder responder) {
            Response response;
            response.body =
                encode_lock_batch_response(parse_lock_batch_request(request.body())->queues);
            responder.send(std::move(response));
        });
        REQUIRE(server_.listen());
        pool_.start();
    }
    ~FakeNamesrv() {
        server_.stop(std::chrono::milliseconds(0));
        pool_.stop();
    }
    std::string address() const { return "127.0.0.1:" + std::to_string(server_.port()); }
    // One text per registration: the topics with their perms; or the code of another request.
    std::vector<std::string> seen() const {
        std::lock_guard lock(mutex_);
        return seen_;
    }
    void set_changed(bool changed) { changed_ = changed; }
    int queries() const { return queries_; }

private:
    void note(std::string what) {
        std::lock_guard lock(mutex_);
        seen_.push_back(std::move(what));
    }
    void on_register(const Request& request) {
        const auto header = decode_header<RegisterBrokerRequestHeader>(request.ext());
        if (!header || header->body_crc32 != crc32_of(request.body())) {
            note("bad");
            return;
        }
        const auto body = decode_register_broker_body(
            request.body(), {.compressed = header->compressed.value_or(false),
                             .sender_version = request.command.version});
        std::string topics;
        for (const auto& [name, topic] : body->topic_config_serialize_wrapper.topic_config_table) {
            topics += name + std::to_string(topic.perm) + " ";
        }
        note(topics);
    }

    IoPool pool_{1};
    RequestRegistry registry_;
    RemotingServer server_;
    std::atomic<bool> changed_{true};
    std::atomic<int> queries_{0};
    mutable std::mutex mutex_;
    std::vector<std::string> seen_;  // guarded by mutex_
};

struct Fixture {
    FakeNamesrv first;
    FakeNamesrv second;
    BrokerConfig config;
    ManualClock clock;
    std::function<void()> while_reading_topics;
    IoPool pool{1, "outer"};
    std::atomic<int> answers{0};
    std::atomic<int> with_order_topics{0};
    RemotingClient client{pool};
    BrokerOuterApi outer{client};
    NamesrvRegistration registration = make();

    Fixture() { pool.start(); }
    ~Fixture() {
        client.stop();
        pool.stop();
    }
    NamesrvRegistration make() {
        config.namesrv_addr.set(first.address() + ";" + second.address());
        return NamesrvRegistration({.config = config,
                                    .outer = outer,
                                    .clock = clock,
                                    .self = {"C", "b", "1.1.1.1:1", "1.1.1.1:2", 0},
                                    .all_topics =
                                        [this] {
                                            if (while_reading_topics) {
                                                while_reading_topics();
                                            }
                                            return table({"T", "U"});
                                        },
                                    .on_answer =
                                        [this](const RegisterAnswer& answer) {
                                            ++answers;
                                            with_order_topics += answer.order_topics ? 1 : 0;
                                        }});
    }
    static TopicConfigSerializeWrapper table(const std::vector<std::string>& topics) {
        TopicConfigSerializeWrapper wrapper;
        for (const auto& topic : topics) {
            wrapper.topic_config_table[topic] = TopicConfig{.topic_name = topic};
        }
        return wrapper;
    }
    template <class Condition>
    static bool eventually(Condition condition) {
        const auto deadline = std::chrono::steady_clock::now() + kWait;
        while (!condition() && std::chrono::steady_clock::now() < deadline) {
            std::this_thread::yield();
        }
        return condition();
    }
};

using Seen = std::vector<std::string>;

}  // namespace

TEST_CASE("split_namesrv_addr: semicolons, blanks and repetitions", "[broker][outer][N-14]") {
    CHECK(split_namesrv_addr("a:1;b:2") == Seen{"a:1", "b:2"});
    CHECK(split_namesrv_addr(" a:1 ;; a:1;b:2; ") == Seen{"a:1", "b:2"});
    CHECK(split_namesrv_addr("").empty());
}

TEST_CASE("NamesrvRegistration: registers with every NameServer and hands on their answers",
          "[broker][outer][N-01][N-14]") {
    Fixture f;
    CHECK(f.registration.register_now_and_wait(kWait) == 2);
    CHECK(f.first.seen() == Seen{"T6 U6 "});
    CHECK(f.second.seen() == Seen{"T6 U6 "});
    CHECK(f.answers == 2);
    CHECK(f.with_order_topics == 2);
    f.config.compressed_register = true;
    CHECK(f.registration.register_now_and_wait(kWait) == 2);
    CHECK(f.first.seen() == Seen{"T6 U6 ", "T6 U6 "});
}

TEST_CASE("NamesrvRegistration: a dead NameServer does not keep the others waiting",
          "[broker][outer][N-14]") {
    Fixture f;
    std::string dead;
    {
        FakeNamesrv gone;
        dead = gone.address();
    }
    f.outer.update_namesrv_addrs({dead, f.second.address()});
    CHECK(f.registration.register_now_and_wait(kWait) == 1);
    CHECK(f.second.seen() == Seen{"T6 U6 "});
    f.outer.update_namesrv_addrs({});
    CHECK(f.registration.register_now_and_wait(kWait) == 0);
}

TEST_CASE("NamesrvRegistration: changed topics go alone and at once", "[broker][outer][N-01]") {
    Fixture f;
    f.registration.on_topics_changed({TopicConfig{.topic_name = "N"}}, {.counter = 2});
    f.registration.wait_for_changed_topics(kWait);
    CHECK(f.first.seen() == Seen{"N6 "});
    CHECK(f.second.seen() == Seen{"N6 "});
    // The broker's own permission is cut out of what it registers.
    f.config.broker_permission = perm::kRead;
    f.registration.on_topics_changed({TopicConfig{.topic_name = "N"}}, {.counter = 3});
    CHECK(Fixture::eventually([&] { return f.second.seen() == Seen{"N6 ", "N4 "}; }));
    f.config.enable_single_topic_register = true;
    f.registration.on_topics_changed({TopicConfig{.topic_name = "N"}}, {.counter = 4});
    f.registration.wait_for_changed_topics(kWait);
    CHECK(f.first.seen() == Seen{"N6 ", "N4 ", "217"});
}

TEST_CASE("NamesrvRegistration: a topic that changes while all are registered is not set back",
          "[broker][outer][N-01]") {
    Fixture f;
    bool changes = true;
    f.while_reading_topics = [&] {
        if (std::exchange(changes, false)) {
            f.registration.on_topics_changed({TopicConfig{.topic_name = "N"}}, {.counter = 2});
        }
    };
    CHECK(f.registration.register_now_and_wait(kWait) == 2);
    CHECK(Fixture::eventually([&] { return f.first.seen() == Seen{"N6 ", "T6 U6 ", "T6 U6 "}; }));
}

TEST_CASE("NamesrvRegistration: registers again every period, between 10 and 60 s",
          "[broker][outer][N-01]") {
    Fixture f;
    f.config.register_name_server_period = 1;
    f.registration.run_once();
    f.clock.advance_ms(9'999);
    f.registration.run_once();
    f.clock.advance_ms(1);
    f.registration.run_once();
    f.clock.advance_ms(9'999);
    f.registration.run_once();
    f.clock.advance_ms(1);
    f.config.register_name_server_period = 3'600'000;
    f.registration.run_once();
    f.clock.advance_ms(59'999);
    f.registration.run_once();
    f.clock.advance_ms(1);
    f.registration.run_once();
    CHECK(Fixture::eventually([&] { return f.first.seen().size() == 3; }));
    f.registration.unregister(kWait);
    CHECK(f.first.seen().size() == 4);
    CHECK(f.first.seen().back() == "104");
    CHECK(f.second.seen().back() == "104");
    f.clock.advance_ms(100'000);
    f.registration.run_once();
    CHECK(f.first.seen().size() == 4);
}

TEST_CASE("NamesrvRegistration: without forceRegister only a changed version is sent",
          "[broker][outer][N-09]") {
    Fixture f;
    f.config.force_register = false;
    f.first.set_changed(false);
    f.second.set_changed(false);
    f.clock.advance_ms(10'000);
    f.registration.run_once();
    CHECK(Fixture::eventually([&] { return f.first.queries() + f.second.queries() == 2; }));
    f.second.set_changed(true);
    f.clock.advance_ms(60'000);
    f.registration.run_once();
    CHECK(Fixture::eventually([&] { return f.first.seen() == Seen{"T6 U6 "}; }));
    CHECK(Fixture::eventually([&] { return f.second.seen() == Seen{"T6 U6 "}; }));
}

TEST_CASE("NamesrvRegistration: heartbeats go out with enableSlaveActingMaster, until it stops",
          "[broker][outer][config]") {
    Fixture f;
    f.registration.send_heartbeat();
    f.config.enable_slave_acting_master = true;
    f.registration.send_heartbeat();
    CHECK(Fixture::eventually([&] { return f.second.seen() == Seen{"904"}; }));
    CHECK(Fixture::eventually([&] { return f.first.seen() == Seen{"904"}; }));
    f.registration.unregister(kWait);
    f.registration.send_heartbeat();
    CHECK(f.registration.register_now_and_wait(kWait) == 2);  // behind it on the same connections
    CHECK(f.first.seen() == Seen{"904", "104", "T6 U6 "});
}

TEST_CASE("BrokerOuterApi: replicas are found, locked and unlocked", "[broker][outer][O-03]") {
    Fixture f;
    // On the io thread; the test waits for each.
    const auto wait_for = [](auto start) {
        std::promise<std::vector<std::string>> result;
        start([&result](std::vector<std::string> texts) { result.set_value(std::move(texts)); });
        return result.get_future().get();
    };
    const auto replicas = [&] {
        return wait_for([&](auto done) {
            BrokerSelf self;
            self.cluster_name = "c";
            self.broker_name = "b";
            f.outer.find_replicas(self, std::move(done));
        });
    };
    const LockBatchRequestBody request{
        .consumer_group = "g", .client_id = "c", .queues = {{"T", "b", 0}, {"T", "b", 1}}};
    const auto locked_on = [&](const std::string& address) {
        return wait_for([&](auto done) {
            f.outer.lock_batch_mq(address, request,
                                  [done = std::move(done)](std::vector<MessageQueue> won) mutable {
                                      std::vector<std::string> ids;
                                      for (const auto& queue : won) {
                                          ids.push_back(std::to_string(queue.queue_id));
                                      }
                                      done(std::move(ids));
                                  });
        });
    };
    f.outer.update_namesrv_addrs({f.first.address()});
    CHECK(replicas() == std::vector<std::string>{f.first.address()});
    CHECK(locked_on(f.first.address()) == std::vector<std::string>{"0", "1"});
    f.outer.unlock_batch_mq(f.first.address(), request);
    CHECK(Fixture::eventually([&] { return f.first.seen() == std::vector<std::string>{"42"}; }));
    // Nobody listens there, which gives no lock and no replica.
    CHECK(locked_on("127.0.0.1:1").empty());
    f.outer.update_namesrv_addrs({"127.0.0.1:1"});
    CHECK(replicas().empty());
    f.outer.update_namesrv_addrs({"127.0.0.1:1", f.first.address()});
    CHECK(replicas() == std::vector<std::string>{f.first.address()});
}
