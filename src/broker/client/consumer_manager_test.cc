// SPDX-License-Identifier: Apache-2.0
#include "broker/client/consumer_manager.h"

#include "broker/broker_config.h"
#include "broker/client/producer_manager.h"
#include "common/testing/catch.h"
#include "remoting/testing/fake_connection.h"

#include <algorithm>

using namespace rmq;
using namespace rmq::broker;
using namespace rmq::testing;

namespace {

std::shared_ptr<FakeConnection> connect() {
    return std::make_shared<FakeConnection>();
}

struct Fixture {
    Fixture() {
        consumers.set_change_listener([this](std::string_view group, const auto& members) {
            changes.emplace_back(group, members.size());
        });
    }
    ClientChannelInfo channel(std::string id = "c") const {
        return {.connection = connection, .client_id = std::move(id)};
    }
    static ConsumerData data(std::vector<std::pair<std::string, std::int64_t>> subscriptions,
                             MessageModel model = MessageModel::CLUSTERING,
                             const std::string& expression = "*") {
        ConsumerData data;
        data.group_name = "g";
        data.consume_type = ConsumeType::CONSUME_PASSIVELY;
        data.message_model = model;
        for (auto& [topic, version] : subscriptions) {
            data.subscriptions.push_back(*build_subscription_data(topic, expression));
            data.subscriptions.back().sub_version = version;
        }
        return data;
    }
    // Changes told since the last call, as group and number of members.
    std::vector<std::pair<std::string, std::size_t>> take() { return std::exchange(changes, {}); }

    ManualClock clock;
    Live<std::int64_t> channel_expired_ms{120'000};
    Live<std::int64_t> subscription_expired_ms{600'000};
    ConsumerManager consumers{{channel_expired_ms, subscription_expired_ms}, clock};
    std::vector<std::pair<std::string, std::size_t>> changes;
    std::shared_ptr<FakeConnection> connection = connect();
};
using Changes = std::vector<std::pair<std::string, std::size_t>>;

}  // namespace

TEST_CASE("ConsumerManager: new members and new or missing topics are changes, nothing else",
          "[broker][client][C-08]") {
    Fixture f;
    CHECK(f.consumers.register_consumer(Fixture::data({{"T", 1}}), f.channel(), true));
    CHECK(f.take() == Changes{{"g", 1}});
    CHECK(!f.consumers.register_consumer(Fixture::data({{"T", 2}}), f.channel(), true));
    CHECK(!f.consumers.register_consumer(Fixture::data({{"T", 2}}), f.channel("renamed"), true));
    CHECK(f.take().empty());
    CHECK(f.consumers.client_ids("g") == std::vector<std::string>{"renamed"});
    CHECK(f.consumers.register_consumer(Fixture::data({{"T", 2}, {"U", 1}}), f.channel(), true));
    CHECK(f.consumers.register_consumer(Fixture::data({{"U", 1}}), f.channel(), true));
    CHECK(f.take().size() == 2);
    CHECK(f.consumers.register_consumer(Fixture::data({}), f.channel(), false));
    CHECK(f.take().empty());
    CHECK(f.consumers.is_online("g"));
}

TEST_CASE("ConsumerManager: a known topic's subscription is replaced by a newer one only",
          "[broker][client]") {
    Fixture f;
    const auto registered = [&f](const char* expression, std::int64_t version) {
        f.consumers.register_consumer(
            Fixture::data({{"T", version}}, MessageModel::CLUSTERING, expression), f.channel(),
            false);
        return f.consumers.subscription("g", "T")->sub_string;
    };
    CHECK(registered("A", 5) == "A");
    CHECK(registered("B", 5) == "A");
    CHECK(registered("B", 4) == "A");
    CHECK(registered("B", 6) == "B");
    const auto found = f.consumers.find_subscription("g", "T");
    CHECK(found.sub_version == 6);
    CHECK(found.filter.matches('B'));
    CHECK(!found.filter.matches('A'));
}

TEST_CASE("ConsumerManager: what is not known is told apart", "[broker][client]") {
    Fixture f;
    CHECK(!f.consumers.find_subscription("g", "T").group_known);
    f.consumers.register_consumer(Fixture::data({{"T", 1}}), f.channel(), false);
    const auto found = f.consumers.find_subscription("g", "U");
    CHECK(found.group_known);
    CHECK(!found.topic_known);
    CHECK(f.consumers.find_subscription("g", "T").filter.matches_all());
    CHECK(!f.consumers.group("other"));
    CHECK(!f.consumers.find_channel("g", "other"));
    CHECK(f.consumers.client_ids("other").empty());
}

TEST_CASE("ConsumerManager: broadcasting groups are told nothing", "[broker][client][C-08]") {
    Fixture f;
    const auto other = connect();
    const auto data = Fixture::data({{"T", 1}}, MessageModel::BROADCASTING);
    f.consumers.register_consumer(data, f.channel(), true);
    f.consumers.register_consumer(data, {.connection = other, .client_id = "d"}, true);
    f.consumers.unregister_consumer("g", *other, true);
    f.consumers.on_connection_closed(*f.connection);
    CHECK(f.take().empty());
    CHECK(!f.consumers.is_online("g"));
}

TEST_CASE("ConsumerManager: a closed connection leaves all its groups", "[broker][client][C-06]") {
    Fixture f;
    const auto other = connect();
    auto data = Fixture::data({{"T", 1}});
    f.consumers.register_consumer(data, f.channel(), false);
    f.consumers.register_consumer(data, {.connection = other, .client_id = "d"}, false);
    data.group_name = "alone";
    f.consumers.register_consumer(data, f.channel(), false);
    f.consumers.on_connection_closed(*f.connection);
    CHECK(f.take() == Changes{{"g", 1}});
    CHECK(f.consumers.groups() == std::vector<std::string>{"g"});
    f.consumers.on_connection_closed(*f.connection);
    CHECK(f.take().empty());
    f.consumers.unregister_consumer("g", *other, true);
    f.consumers.unregister_consumer("g", *other, true);
    CHECK(f.consumers.groups().empty());
}

TEST_CASE("ConsumerManager: subscriptions of pulls live 10 min and leave the group offline",
          "[broker][client][C-06]") {
    Fixture f;
    f.consumers.compensate_subscription("g", "T", "A || B", "TAG");
    CHECK(!f.consumers.is_online("g"));
    CHECK(f.consumers.subscription("g", "T")->codes.size() == 2);
    f.clock.advance_ms(600'000);
    f.consumers.compensate_subscription("g", "U", "*", "TAG");
    f.consumers.scan_not_active_channels();
    CHECK(f.consumers.subscription("g", "T"));
    f.clock.advance_ms(1);
    f.consumers.scan_not_active_channels();
    CHECK(!f.consumers.subscription("g", "T"));
    CHECK(f.consumers.subscription("g", "U")->sub_string == "*");
    // What heartbeats declare comes first.
    f.consumers.register_consumer(Fixture::data({{"U", 1}}, MessageModel::CLUSTERING, "C"),
                                  f.channel(), false);
    CHECK(f.consumers.subscription("g", "U")->sub_string == "C");
    CHECK(f.consumers.groups_consuming("U") == std::set<std::string>{"g"});
    CHECK(f.consumers.groups_consuming("T").empty());
}

TEST_CASE("ConsumerManager: channelExpiredTimeout may change while running", "[broker][client]") {
    Fixture f;
    f.consumers.register_consumer(Fixture::data({{"T", 1}}), f.channel(), false);
    f.clock.advance_ms(1'001);
    f.consumers.scan_not_active_channels();
    CHECK(f.connection->is_open());
    f.channel_expired_ms = 1'000;
    f.consumers.scan_not_active_channels();
    CHECK(!f.connection->is_open());
    CHECK(f.connection->close_reason() == "no consumer heartbeat");
    CHECK(f.consumers.groups().empty());
}

TEST_CASE("ConsumerManager: the listener may ask the manager", "[broker][client]") {
    Fixture f;
    std::vector<std::string> ids;
    f.consumers.set_change_listener(
        [&](std::string_view group, const auto&) { ids = f.consumers.client_ids(group); });
    f.consumers.register_consumer(Fixture::data({{"T", 1}}), f.channel("self"), true);
    CHECK(ids == std::vector<std::string>{"self"});
}

TEST_CASE("ProducerManager: a producer belongs to its groups until it leaves",
          "[broker][client][C-06]") {
    ManualClock clock;
    const BrokerConfig config;
    ProducerManager producers(config, clock);
    const auto one = connect();
    const auto two = connect();
    producers.register_producer("g", {.connection = one, .client_id = "c1"});
    producers.register_producer("g", {.connection = one, .client_id = "c1"});
    producers.register_producer("g", {.connection = two, .client_id = "c2"});
    producers.register_producer("h", {.connection = one, .client_id = "c1"});
    CHECK(producers.channels("g").size() == 2);
    CHECK(producers.table().size() == 2);
    CHECK(producers.find_channel("c2")->connection == two);
    CHECK(!producers.find_channel("c3"));
    producers.unregister_producer("g", *two);
    producers.unregister_producer("nobody", *two);
    CHECK(producers.channels("g").size() == 1);
    producers.on_connection_closed(*one);
    CHECK(!producers.is_online("g"));
    CHECK(!producers.is_online("h"));
}

TEST_CASE("ProducerManager: without a heartbeat for 120 s a producer is closed",
          "[broker][client][C-06]") {
    ManualClock clock;
    const BrokerConfig config;
    ProducerManager producers(config, clock);
    const auto silent = connect();
    const auto loyal = connect();
    producers.register_producer("g", {.connection = silent, .client_id = "c1"});
    producers.register_producer("g", {.connection = loyal, .client_id = "c2"});
    clock.advance_ms(120'000);
    producers.register_producer("g", {.connection = loyal, .client_id = "c2"});
    producers.scan_not_active_channels();
    CHECK(producers.channels("g").size() == 2);
    clock.advance_ms(1);
    producers.scan_not_active_channels();
    CHECK(!silent->is_open());
    CHECK(loyal->is_open());
    CHECK(producers.channels("g").size() == 1);
}

TEST_CASE("ProducerManager: no new producers without enableRegisterProducer and transactions",
          "[broker][client][config]") {
    ManualClock clock;
    BrokerConfig config;
    ProducerManager producers(config, clock);
    const auto known = connect();
    const auto stranger = connect();
    producers.register_producer("g", {.connection = known, .client_id = "c1"});
    config.enable_register_producer = false;
    producers.register_producer("h", {.connection = stranger, .client_id = "c2"});
    CHECK(producers.is_online("h"));  // may be asked about transactions
    config.reject_transaction_message = true;
    clock.advance_ms(100'000);
    producers.register_producer("g", {.connection = known, .client_id = "c1"});
    producers.register_producer("g", {.connection = stranger, .client_id = "c2"});
    producers.register_producer("i", {.connection = stranger, .client_id = "c2"});
    CHECK(producers.channels("g").size() == 1);
    CHECK_FALSE(producers.is_online("i"));
    clock.advance_ms(100'000);
    producers.scan_not_active_channels();
    CHECK(producers.is_online("g"));  // renewed
    CHECK_FALSE(producers.is_online("h"));
}

TEST_CASE("ProducerManager: transaction checks go to open connections in turn",
          "[broker][client]") {
    ManualClock clock;
    const BrokerConfig config;
    ProducerManager producers(config, clock);
    CHECK(producers.available_connection("g") == nullptr);
    const auto one = connect();
    const auto two = connect();
    const auto gone = connect();
    for (const auto& connection : {one, two, gone}) {
        producers.register_producer("g", {.connection = connection, .client_id = "c"});
    }
    gone->close("test");
    const auto first = producers.available_connection("g");
    const auto second = producers.available_connection("g");
    CHECK(std::set<std::shared_ptr<Connection>>{first, second} ==
          std::set<std::shared_ptr<Connection>>{one, two});
    CHECK(producers.available_connection("g") == first);
    one->close("test");
    two->close("test");
    CHECK(producers.available_connection("g") == nullptr);
}
